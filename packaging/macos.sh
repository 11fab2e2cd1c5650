#!/bin/sh
# Builds the tarball with the tool alone for one architecture of macOS: macos.sh GOARCH
set -eu
goarch=$1
name=obe-$VERSION-macos-$goarch

GOOS=darwin GOARCH=$goarch "$MAKE" -s install-tool BUILD="$BUILD/macos-$goarch" PREFIX="/$name" DESTDIR="$STAGE"
install -D -m 644 LICENSE "$STAGE/LICENSE.third-party" -t "$STAGE/$name/share/doc/obe"

packaging/tar.sh "$name" --directory="$STAGE" "$name"
