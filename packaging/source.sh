#!/bin/sh
# Makes the source tarball of the files that git would commit; without git, of all
# that were in the tarball.
set -eu
name=libobe-$VERSION

if [ -e .git ]; then
    git ls-files --cached --others --exclude-standard
else
    find . -type f ! -path './build/*' ! -path '*/__pycache__/*' -printf '%P\n'
fi | while read -r file; do
    # git still lists a file that was removed and not committed.
    [ ! -e "$file" ] || echo "$file"
done | sort > "$STAGE/files"

packaging/tar.sh "$name" --transform="s|^|$name/|" --files-from="$STAGE/files"
