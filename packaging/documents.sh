#!/bin/sh
# Copies the documents and the examples to DOCDIR below DESTDIR, in the directories that
# they have in the source, so that they link to each other. The headers are in INCLUDE.
set -eu
target=$DESTDIR$DOCDIR

{
    ls ./*.md LICENSE bench/*.md bench/*.svg bindings/python/README.md
    find docs examples -type f ! -name 'test_*' ! -name conftest.py ! -path '*/__pycache__/*'
    find bindings/labview bindings/labview/pictures -maxdepth 1 -type f
} | while read -r file; do
    mode=644
    [ ! -x "$file" ] || mode=755
    install -D -m $mode "$file" "$target/$file"
done
DOCDIR=$DOCDIR INCLUDE=$INCLUDE packaging/links.sh "$target"
