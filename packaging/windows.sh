#!/bin/sh
# Builds the zip and the wheel for 64-bit or 32-bit Windows: windows.sh BITS GOARCH PLATFORM-TAG
set -eu
bits=$1 goarch=$2 tag=$3
name=libobe-$VERSION-windows-$bits

"$MAKE" -s windows BUILD="$BUILD"
GOOS=windows GOARCH=$goarch "$MAKE" -s obe BUILD="$BUILD/windows-$bits"
"$MAKE" -s install-development install-documents LIBRARY="obe$bits" PREFIX="/$name" DESTDIR="$STAGE"
mkdir -p "$STAGE/$name/bin"
install -m 755 "$BUILD/windows/obe$bits.dll" "$STAGE/$name/bin/"
install -m 755 "$BUILD/windows-$bits/obe" "$STAGE/$name/bin/obe.exe"
install -m 644 "$BUILD/windows/obe$bits.lib" "$BUILD/windows/libobe$bits.dll.a" "$BUILD/windows/obe$bits.def" "$STAGE/$name/lib/"
install -m 644 "$STAGE/LICENSE.third-party" "$STAGE/$name/share/doc/libobe/"

cd "$STAGE"
find "$name" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
find "$name" -type f | sort | zip -9qX -@ "$DIST/$name.zip"
cd "$OLDPWD"
packaging/wheel.sh "$STAGE/$name/bin/obe$bits.dll" "$tag"
