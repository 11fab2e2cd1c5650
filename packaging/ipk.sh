#!/bin/sh
# Builds the package for NI Linux RT on Intel, with the library and the tool of the tarball for
# Linux, which linux.sh builds before.
#
# An .ipk has the format of a .deb: opkg-build makes an ar archive of debian-binary,
# control.tar.gz and data.tar.gz, with tar's GNU format. dpkg-deb makes the same.
set -eu
source=$STAGE/libobe-$VERSION-linux-amd64
package=$STAGE/ipk

# The name of the architecture is what conf/machine/x64.conf in ni/meta-nilrt tunes for.
architecture=core2-64

install -d "$package/DEBIAN" "$package/usr/lib" "$package/usr/bin" "$package/usr/share/doc/libobe"
cp --no-dereference "$source"/lib/*.so* "$package/usr/lib/"
install -m 755 "$source/bin/obe" "$package/usr/bin/"
install -m 644 LICENSE "$STAGE/LICENSE.third-party" "$package/usr/share/doc/libobe/"
cat > "$package/DEBIAN/control" <<EOF
Package: libobe
Version: $VERSION
Architecture: $architecture
Section: libs
Priority: optional
Maintainer: the libobe developers <libobe@example.org>
Source: libobe
Description: OBE socket protocol for instrument programs
 The library, by the name obe64.so for LabVIEW, and the tool obe.
EOF
dpkg-deb --root-owner-group --uniform-compression -Zgzip -z9 --build "$package" \
    "$DIST/libobe_${VERSION}_$architecture.ipk" > "$STAGE/ipk.log" || {
    cat "$STAGE/ipk.log" >&2
    exit 1
}
