#!/bin/sh
# Makes the tarball NAME.tar.gz, the same bytes for the same files: tar.sh NAME ARGUMENTS-OF-TAR
set -eu
name=$1
shift
tar --create --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --mtime="@$SOURCE_DATE_EPOCH" "$@" | gzip -9 --no-name > "$DIST/$name.tar.gz"
