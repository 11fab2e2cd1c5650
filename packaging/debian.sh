#!/bin/sh
# Builds the Debian packages for the architecture of this machine. They contain the
# library of the tarball.
set -eu
arch=$(dpkg --print-architecture)
name=libobe-$VERSION

mkdir -p "$STAGE/debian"
tar --extract --gzip --directory="$STAGE/debian" --file="$DIST/$name.tar.gz"
cp -r packaging/debian "$STAGE/LICENSE.third-party" "$STAGE/debian/$name/"
cd "$STAGE/debian/$name"
cat > debian/changelog <<EOF
libobe ($VERSION-1) unstable; urgency=medium

  * Version $VERSION.

 -- the libobe developers <libobe@example.org>  $(date --rfc-email --date="@$SOURCE_DATE_EPOCH")
EOF
LIBRARY="$BUILD/linux-$arch" dpkg-buildpackage --build=binary --no-sign --no-pre-clean > ../log 2>&1 || {
    cat ../log >&2
    exit 1
}
cp ../*.deb "$DIST/"
