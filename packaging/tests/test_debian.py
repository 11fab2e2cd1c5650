"""The Debian packages: installed, used and removed in an overlay of this machine's file system."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

from conftest import ANSWER, CONSUMER, VERSION, Dist, namespace, run, tool
from tools import missing

PACKAGES = ["libobe0", "libobe-dev", "libobe-tools", "python3-libobe"]

# Files written below root are in the directory up, which is gone when the script
# ends. The script prints those that did not exist before, except caches, which
# are written by programs that scan packages, such as man-db.
OVERLAY = """
mount -t tmpfs none "$1"
cd "$1"
mkdir up work root
mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root
mount --rbind /dev root/dev
mount --rbind /proc root/proc
mount -t tmpfs none root/tmp
cp -r "$2/." root/tmp
chroot root sh -eu /tmp/use
echo left:
cd up
find . -mindepth 1 -path ./var/cache -prune -o -print | while read -r path; do
    [ -e "/$path" ] || [ -L "/$path" ] || echo "$path"
done
"""

USE = f"""
cd /tmp
dpkg -i ./*.deb
echo used:
cc consumer.c -o consumer $(pkg-config --cflags --libs libobe)
./consumer
cmake -S . -B build > log || cat log
cmake --build build > log || cat log
build/consumer
build/consumer_cpp
cd /
/usr/bin/python3 /tmp/consumer.py
obe --version
echo end
dpkg --purge {" ".join(PACKAGES)}
"""


def multiarch() -> str:
    """The name of the directory in /usr/lib for this architecture."""
    return run(tool("dpkg-architecture"), "-qDEB_HOST_MULTIARCH").strip()


def contents(package: Path) -> set[str]:
    listing = run(tool("dpkg-deb"), "--contents", package).splitlines()
    return {line.split()[5].removeprefix(".") for line in listing}


def test_contents(dist: Dist) -> None:
    """Each package has its files, and no file is in two packages."""
    library, development, tools, python = (contents(dist.file(f"{name}_*.deb")) for name in PACKAGES)
    libdir = f"/usr/lib/{multiarch()}"
    assert {f"{libdir}/libobe.so.0", f"{libdir}/libobe.so.{VERSION}"} <= library
    wanted = {"/usr/include/obe.h", "/usr/include/obe.hpp", f"{libdir}/libobe.so"}
    wanted |= {f"{libdir}/pkgconfig/libobe.pc", f"{libdir}/cmake/obe/obe-config.cmake"}
    wanted |= {"/usr/share/man/man3/libobe-send-and-receive.3.gz", "/usr/share/man/man3/obe_tcmd.3.gz"}
    assert wanted <= development
    wanted = {"/usr/bin/obe", "/usr/share/man/man1/obe-call.1.gz", "/usr/share/bash-completion/completions/obe"}
    wanted |= {"/usr/share/zsh/site-functions/_obe", "/usr/share/fish/vendor_completions.d/obe.fish"}
    wanted |= {"/usr/share/doc/libobe-tools/LICENSE.third-party"}
    assert {path.removesuffix(".gz") for path in wanted} <= {path.removesuffix(".gz") for path in tools}
    package = "/usr/lib/python3/dist-packages/libobe"
    assert {f"{package}/__init__.py", f"{package}/py.typed"} <= python
    for one, other in itertools.combinations((library, development, tools, python), 2):
        assert {path for path in one & other if not path.endswith("/")} == set()


def test_same_library(dist: Dist, tmp_path: Path) -> None:
    """The library is that of the tarball, so it needs no newer glibc either."""
    architecture = run("dpkg", "--print-architecture").strip()
    unpacked = dist.unpack(f"libobe-*-linux-{architecture}.tar.gz", tmp_path / "tarball")
    run(tool("dpkg-deb"), "--extract", dist.file("libobe0_*.deb"), tmp_path / "package")
    (library,) = tmp_path.glob("package/usr/lib/*/libobe.so.*.*")
    assert library.read_bytes() == (unpacked / "lib" / "libobe.so").read_bytes()


def test_install(dist: Dist, tmp_path: Path) -> None:
    """Installed, they work in a program in C, C++ and Python. Removed, they leave no files."""
    if os.geteuid() != 0:
        missing("packages are installed by root: run this test as root")
    given = tmp_path / "given"
    shutil.copytree(CONSUMER, given)
    for name in PACKAGES:
        shutil.copy(dist.file(f"{name}_*.deb"), given)
    (given / "use").write_text(USE)
    mount = tmp_path / "mount"
    mount.mkdir()

    printed = run(*namespace(), "sh", "-eu", "-c", OVERLAY, "sh", mount, given)
    used = printed[printed.index("used:\n") : printed.index("end\n")].splitlines()[1:]
    library = f"/usr/lib/{multiarch()}/libobe.so.{VERSION}"
    assert used == [f"{ANSWER} {VERSION}"] * 4 + [
        "/usr/lib/python3/dist-packages/libobe/__init__.py",
        library,
        f"obe {VERSION}",
    ]
    assert printed[printed.index("left:\n") :].splitlines() == ["left:"]
