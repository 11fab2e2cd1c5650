#!/bin/sh
# Builds the tarball, with library and tool, and the wheel for one architecture of Linux:
# linux.sh GOARCH NAME
#
# The C compiler is zig, which can link against the symbols of an old glibc: the result
# runs with glibc 2.17 and later.
set -eu
goarch=$1 machine=$2
name=libobe-$VERSION-linux-$goarch

GOOS=linux GOARCH=$goarch CC="'$PYTHON' -m ziglang cc -target $machine-linux-gnu.2.17" \
    "$MAKE" -s install-files BUILD="$BUILD/linux-$goarch" PREFIX="/$name" DESTDIR="$STAGE"
install -m 644 "$STAGE/LICENSE.third-party" "$STAGE/$name/share/doc/libobe/"

packaging/tar.sh "$name" --directory="$STAGE" "$name"
packaging/wheel.sh "$STAGE/$name/lib/libobe.so" "manylinux_2_17_$machine"
