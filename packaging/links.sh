#!/bin/sh
# links.sh DIRECTORY: adapts the links of all pages in DIRECTORY to where the pages are
# installed, in DOCDIR. A link to a header leads to INCLUDE, unless that is empty. A link
# to any other file that is not in DIRECTORY becomes plain text.
set -eu
cd "$1"

# quote TEXT: for a regular expression of sed, between bars.
quote() { printf '%s\n' "$1" | sed 's/[][\.*^$|]/\\&/g'; }

# links PAGE: its links, without what only looks like one in code.
links() {
    awk '/^ *```/ { code = !code; next } !code' "$1" | sed -z 's/`[^`]*`/code/g' |
        grep -o '](\([^() ]*\))' | sed 's/^](\(.*\))$/\1/' | sort -u
}

find . -name '*.md' | while read -r page; do
    from=$(dirname "$page")
    links "$page" | while read -r link; do
        path=${link%%#*}
        case $link in
        *:* | '#'*) continue ;;
        esac
        [ ! -e "$from/$path" ] || continue
        source=$(realpath -m -s "/$from/$path")
        if [ -n "$INCLUDE" ] && [ "${source#/include}" != "$source" ]; then
            header=$(realpath -m -s --relative-to="$DOCDIR/$from" "$INCLUDE${source#/include}")
            sed -i "s|](\($(quote "$link")\))|]($header)|g" "$page"
        else
            sed -i -z "s|!\{0,1\}\[\([^][]*\)\]($(quote "$link"))|\1|g" "$page"
        fi
    done
done
