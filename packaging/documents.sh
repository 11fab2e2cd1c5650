#!/bin/sh
# Puts the documents into an archive: documents.sh FOLDER
set -eu
folder=$1/share/doc/libobe
mkdir -p "$folder/labview"
install -m 644 README.md LICENSE "$STAGE/LICENSE.third-party" "$folder/"
install -m 644 bindings/labview/*.* "$folder/labview/"
# The headers are elsewhere, seen from there.
sed -i 's|](../../include/|](../../../../include/|' "$folder"/labview/*.md
