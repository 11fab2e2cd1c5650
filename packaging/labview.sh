#!/bin/sh
# Builds the zip for LabVIEW on Windows: one directory with the libraries of both sizes, the
# documents as HTML, and a server for a first exchange. windows.sh builds the programs before.
set -eu
name=libobe-labview-$VERSION
directory=$STAGE/$name

# LabVIEW's own documents, and those of the others that help to use them.
documents=$(find bindings/labview bindings/labview/pictures -maxdepth 1 -type f | sort)
others='docs/quickstart/labview.md docs/glossary.md docs/explain/protocol.md docs/explain/designer.md
    docs/how-to/design-an-experiment.md docs/how-to/watch-a-run.md docs/how-to/trace.md
    docs/reference/commands.md docs/reference/experiment.md docs/reference/options.md docs/reference/statuses.md
    docs/images/watch.png docs/images/watch-dark.png'

mkdir -p "$directory"
# shellcheck disable=SC2086 # lists
GOWORK=off "$GO" run ./packaging/flat "$directory" $documents $others include/obe_labview.h \
    include/obe_labview_extra.h include/obe_lv_import.h examples/experiments/*.toml \
    'packaging/start demo server.cmd' LICENSE "$STAGE/LICENSE.third-party"
install -m 755 "$BUILD/windows/obe64.dll" "$BUILD/windows/obe32.dll" "$directory/"
# Also beside a LabVIEW with 32 bits: its Windows has 64.
install -m 755 "$BUILD/windows-64/obe" "$directory/obe.exe"

cd "$directory"
touch --date="@$SOURCE_DATE_EPOCH" ./*
find . -type f -printf '%P\n' | sort | zip -9qX -@ "$DIST/$name.zip"
