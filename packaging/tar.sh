#!/bin/sh
# Builds the tarball NAME.tar.gz reproducibly: tar.sh NAME ARGUMENTS-OF-TAR
set -eu
name=$1
shift
tar --create --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --mtime="@$SOURCE_DATE_EPOCH" "$@" | gzip -9 --no-name > "$DIST/$name.tar.gz"
