#!/bin/sh
# Builds the Python wheel that contains a library: wheel.sh LIBRARY PLATFORM-TAG
set -eu
library=$1 tag=$2
source=$STAGE/wheel-$tag

mkdir -p "$source/libobe/__pyinstaller"
install -m 644 bindings/python/*.toml bindings/python/*.py bindings/python/README.md LICENSE "$STAGE/LICENSE.third-party" "$source/"
install -m 644 bindings/python/libobe/*.py bindings/python/libobe/py.typed "$source/libobe/"
install -m 644 bindings/python/libobe/__pyinstaller/*.py "$source/libobe/__pyinstaller/"
INCLUDE= packaging/links.sh "$source"
OBE_LIBRARY=$library "$PYTHON" -m pip --quiet --disable-pip-version-check wheel --no-deps --no-build-isolation \
    --config-settings=--build-option=--plat-name="$tag" --wheel-dir="$DIST" "$source"
