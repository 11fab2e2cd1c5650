#!/bin/sh
# Builds the source tarball from the files that git would commit, or without git from
# all files of an unpacked tarball.
set -eu
name=libobe-$VERSION

if [ -e .git ]; then
    git ls-files --cached --others --exclude-standard
else
    page=internal/monitor/page/dist # only one of its files is not built
    find . -type f ! -path './build/*' ! -path '*/__pycache__/*' ! -path "./$page/*" -printf '%P\n'
    echo $page/README.txt
fi | while read -r file; do
    # git still lists a file that was removed without a commit.
    [ ! -e "$file" ] || echo "$file"
done | sort > "$STAGE/files"

packaging/tar.sh "$name" --transform="s|^|$name/|" --files-from="$STAGE/files"
