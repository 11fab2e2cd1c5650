#!/bin/sh
# install.sh DIRECTORY: moves the tree in DIRECTORY to DESTDIR, and records in
# PREFIX/share/libobe/installed what it adds there. install.sh without an argument
# removes what is recorded. "make install" and "make uninstall" call it.
set -eu
export LC_ALL=C

case $PREFIX$LIBDIR in
/*) ;;
*)
    echo "make install needs absolute paths: PREFIX is $PREFIX, LIBDIR is $LIBDIR" >&2
    exit 1
    ;;
esac
record=$PREFIX/share/libobe/installed

# The record is complete before the first file is copied, so an installation that is
# interrupted can be removed. It has one path on each line, without DESTDIR. Directories
# end in a slash. Those that exist are not listed, unless an earlier installation made them.
install_tree() {
    tree=$(cd "$1" && pwd)
    mkdir -p "$tree$PREFIX/share/libobe" "$DESTDIR/"
    list=$(
        cd "$tree"
        echo "$record"
        [ ! -e "$DESTDIR$record" ] || cat "$DESTDIR$record"
        find . -mindepth 1 ! -type d | cut -c 2-
        find . -mindepth 1 -type d | cut -c 2- | while read -r directory; do
            [ -d "$DESTDIR$directory" ] || echo "$directory/"
        done
    )
    install -d "$DESTDIR$PREFIX/share/libobe"
    echo "$list" | sort -u > "$DESTDIR$record"
    cp -R -P --remove-destination "$tree/." "$DESTDIR/"
    rm -rf "$tree"
}

# The record goes last, so that a removal that fails can be repeated.
uninstall() {
    if [ ! -e "$DESTDIR$record" ]; then
        echo "nothing to remove: make install has left no $DESTDIR$record" >&2
        exit 1
    fi
    list=$(sort -r "$DESTDIR$record")
    echo "$list" | while read -r path; do
        case $path in
        "$record" | */) ;;
        *) rm -f -- "$DESTDIR$path" ;;
        esac
    done
    rm -f -- "$DESTDIR$record"
    echo "$list" | grep '/$' | while read -r path; do
        [ ! -d "$DESTDIR$path" ] || rmdir --ignore-fail-on-non-empty -- "$DESTDIR$path"
    done
    echo "libobe is no longer installed below $DESTDIR$PREFIX"
}

# What a user of the installed library has to do next.
next_steps() {
    case $PREFIX in
    /usr | /usr/ | /usr/local | /usr/local/)
        echo "libobe $VERSION is installed below $PREFIX. Next: ldconfig, as root, so that programs find it."
        ;;
    *)
        cat <<END
libobe $VERSION is installed below $PREFIX. It is found with these variables:
    export LD_LIBRARY_PATH="$LIBDIR"             # by programs
    export PKG_CONFIG_PATH="$LIBDIR/pkgconfig"   # by pkg-config
    export CMAKE_PREFIX_PATH="$PREFIX"           # by CMake
    export MANPATH="$MANDIR:"                    # by man; the colon keeps the other pages
END
        ;;
    esac
}

if [ $# -eq 0 ]; then
    uninstall
else
    install_tree "$1"
    [ -n "$DESTDIR" ] || next_steps
fi
