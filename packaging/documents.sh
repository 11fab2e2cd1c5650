#!/bin/sh
# Copies the documents into an archive: documents.sh DIRECTORY
set -eu
directory=$1/share/doc/libobe
mkdir -p "$directory/labview" "$directory/docs"
install -m 644 README.md LICENSE "$STAGE/LICENSE.third-party" "$directory/"
install -m 644 docs/*.md "$directory/docs/"
install -m 644 bindings/labview/*.* "$directory/labview/"
# The headers are in another place relative to these.
sed -i 's|](../../include/|](../../../../include/|' "$directory"/labview/*.md
sed -i 's|](../include/|](../../../../include/|' "$directory"/docs/*.md
