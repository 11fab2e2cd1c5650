#!/bin/sh
# "make install" and "make uninstall" call it:
#   install.sh check               refuses paths that are not absolute
#   install.sh install DIRECTORY   moves the tree in DIRECTORY to DESTDIR, and records in
#                                  PREFIX/share/libobe/installed what it adds there
#   install.sh uninstall           removes what is recorded
set -eu
export LC_ALL=C
umask 022
case $DESTDIR in
'' | /*) ;;
*) DESTDIR=$PWD/$DESTDIR ;;
esac
record=$PREFIX/share/libobe/installed

check() {
    for path in "$PREFIX" "$LIBDIR" "$MANDIR" "$DOCDIR"; do
        case $path in
        /*) ;;
        *)
            echo "make install needs absolute paths for PREFIX, LIBDIR, MANDIR and DOCDIR; one is \"$path\"" >&2
            exit 1
            ;;
        esac
    done
}

# The record is complete before the first file is copied, so an installation that is
# interrupted can be removed. It has one path on each line, without DESTDIR. Directories
# end in a slash. Those that exist are not listed, unless an earlier installation made them.
install_tree() {
    mkdir -p "$1$PREFIX/share/libobe"
    list=$(
        echo "$record"
        [ ! -e "$DESTDIR$record" ] || cat "$DESTDIR$record"
        cd "$1"
        find . ! -type d | cut -c 2-
        find . -mindepth 1 -type d | cut -c 2- | while read -r path; do
            [ -d "$DESTDIR$path" ] || echo "$path/"
        done
    )
    mkdir -p "$DESTDIR$PREFIX/share/libobe"
    echo "$list" | sort -u > "$DESTDIR$record"
    # Only files: a directory of the system may be a link, and keeps its mode.
    (cd "$1" && find . ! -type d -print0 | xargs -0r cp --parents -P --remove-destination -t "$DESTDIR/")
    rm -rf "$1"
}

# The record goes last, so that a removal that fails can be repeated.
uninstall() {
    if [ ! -e "$DESTDIR$record" ]; then
        echo "nothing to remove: make install has left no $DESTDIR$record" >&2
        exit 1
    fi
    list=$(sort -r "$DESTDIR$record")
    echo "$list" | grep -v '/$' | grep -vxF -- "$record" | sed 's/^/./' | tr '\n' '\0' | (cd "$DESTDIR/" && xargs -0r rm -f --)
    rm -f -- "$DESTDIR$record"
    echo "$list" | grep '/$' | while read -r path; do
        [ ! -d "$DESTDIR$path" ] || rmdir --ignore-fail-on-non-empty -- "$DESTDIR$path"
    done
    echo "libobe is no longer installed below $DESTDIR$PREFIX"
}

# search_in VARIABLE DIRECTORY WHO: the command that adds a directory to a search path. An
# empty path gets no colon: the loader would then search the current directory.
search_in() {
    echo "    export $1=\"$2\${$1:+:\$$1}\"  # $3"
}

# What a user of the installed library has to do next.
next_steps() {
    case $PREFIX in
    /usr | /usr/ | /usr/local | /usr/local/)
        echo "libobe $VERSION is installed below $PREFIX. Next: ldconfig, as root, so that programs find it."
        ;;
    *)
        echo "libobe $VERSION is installed below $PREFIX. It is found with these variables:"
        search_in LD_LIBRARY_PATH "$LIBDIR" "by programs"
        echo "    export PATH=\"$PREFIX/bin:\$PATH\"  # by the shell: the tool obe"
        search_in PKG_CONFIG_PATH "$LIBDIR/pkgconfig" "by pkg-config"
        search_in CMAKE_PREFIX_PATH "$PREFIX" "by CMake"
        echo "    export MANPATH=\"$MANDIR:\$MANPATH\"  # by man; the colon keeps the system's own pages"
        ;;
    esac
}

case $1 in
check) check ;;
install)
    install_tree "$2"
    [ -n "$DESTDIR" ] || next_steps
    ;;
uninstall) uninstall ;;
esac
