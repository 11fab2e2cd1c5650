"""The tarballs for Linux, and the source tarball from which they can be built."""

from __future__ import annotations

import re
import struct
import sys
from pathlib import Path

import pytest

from conftest import FUNCTIONS, VERSION, Dist, build_with_cmake, build_with_pkg_config, check_consumer, make, run, tool

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
OLDEST_GLIBC = (2, 17)


@pytest.fixture(scope="module", params=MACHINES)
def unpacked(request: pytest.FixtureRequest, dist: Dist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dist.unpack(f"libobe-*-linux-{request.param}.tar.gz", tmp_path_factory.mktemp(request.param))


def machine(unpacked: Path) -> str:
    return MACHINES[unpacked.name.rpartition("-")[2]]


def readelf(library: Path, *arguments: str) -> str:
    return run(tool("readelf"), "-W", *arguments, library)


def test_library(unpacked: Path) -> None:
    """It is for its architecture and for old systems, and exports its functions and the mark of its copies."""
    library = unpacked / "lib" / "libobe.so"
    assert {"x86_64": "X86-64", "aarch64": "AArch64"}[machine(unpacked)] in readelf(library, "-h")

    table = readelf(library, "--dyn-syms")
    symbols = re.findall(r"^ *\d+: \S+ +\d+ \w+ +(?:GLOBAL|WEAK) +\w+ +(\w+) (\S+)", table, re.M)
    needed = [tuple(map(int, version.split("."))) for version in re.findall(r"@GLIBC_([\d.]+)", str(symbols))]
    assert needed, "the symbols of glibc have no versions"
    assert max(needed) <= OLDEST_GLIBC
    shown = sorted(name.partition("@")[0] for section, name in symbols if section != "UND")
    assert shown == sorted([*FUNCTIONS, "obe_claimed"])  # the latter is how copies in one process find each other
    assert {name.partition("@")[2] for section, name in symbols if section != "UND"} == {"@OBE_0"}

    dynamic = readelf(library, "-d")
    assert re.findall(r"SONAME.*\[(.*)\]", dynamic) == ["libobe.so.0"]
    assert "NODELETE" in dynamic
    # The last one has the stack protector of arm64.
    libraries = {"libc.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-aarch64.so.1"}
    assert set(re.findall(r"NEEDED.*\[(.*)\]", dynamic)) <= libraries
    assert ".symtab" not in readelf(library, "-S")


def test_hardening(unpacked: Path) -> None:
    """No page is writable and executable, addresses are read-only after loading, and C checks its stack."""
    library = unpacked / "lib" / "libobe.so"
    dynamic = readelf(library, "-d")
    assert "BIND_NOW" in dynamic
    assert "TEXTREL" not in dynamic
    segments = re.findall(r"^ +(\w+) +(?:0x\w+ +){5}([RWE ]{3})", readelf(library, "-l"), re.M)
    assert ("GNU_STACK", "RW ") in segments
    assert "GNU_RELRO" in dict(segments)
    assert [name for name, flags in segments if "W" in flags and "E" in flags] == []
    symbols = readelf(library, "--dyn-syms")
    assert "__stack_chk_fail@" in symbols
    assert "_chk@" in symbols.replace("__stack_chk", "")  # _FORTIFY_SOURCE


def test_old_threads(unpacked: Path) -> None:
    """Before glibc 2.34 some functions for threads are only in libpthread, and have to be imported from there."""
    symbols = readelf(unpacked / "lib" / "libobe.so", "--dyn-syms", "-V")
    threads = re.findall(r"File: libpthread\.so\.0 .*\n.*Version: (\d+)", symbols)
    assert len(threads) == 1
    for name in ("pthread_create", "pthread_sigmask", "pthread_key_create", "pthread_getattr_np"):
        assert re.search(rf" {name}@GLIBC_[\d.]+ \({threads[0]}\)", symbols), name


def test_consumer(unpacked: Path, tmp_path: Path) -> None:
    """A program for that architecture is built with the tarball and runs, if necessary in an emulator."""
    cc = [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine(unpacked)}-linux-gnu.2.17"]
    program = build_with_pkg_config(tmp_path / "build", unpacked / "lib", cc)
    launcher = []
    if machine(unpacked) == "aarch64":
        launcher = [tool("qemu-aarch64-static"), "-L", "/usr/aarch64-linux-gnu"]
    check_consumer(program, *launcher, libdir=unpacked / "lib")


def test_tool(unpacked: Path) -> None:
    """The tool is a static program for that architecture, with its manual and what completes its command lines."""
    program = unpacked / "bin" / "obe"
    assert {"x86_64": "X86-64", "aarch64": "AArch64"}[machine(unpacked)] in readelf(program, "-h")
    assert "INTERP" not in readelf(program, "-l")
    launcher = [tool("qemu-aarch64-static")] if machine(unpacked) == "aarch64" else []
    assert run(*launcher, program, "--version") == f"obe {VERSION}\n"
    assert (unpacked / "share" / "man" / "man1" / "obe-ready.1").exists()
    assert "__complete" in (unpacked / "share" / "bash-completion" / "completions" / "obe").read_text()


@pytest.mark.parametrize(("goarch", "number"), [("arm64", 0x0100000C), ("amd64", 0x01000007)])
def test_macos(dist: Dist, tmp_path: Path, goarch: str, number: int) -> None:
    """The tool for macOS is for its architecture. Nothing runs it here."""
    unpacked = dist.unpack(f"obe-*-macos-{goarch}.tar.gz", tmp_path)
    assert struct.unpack_from("<II", (unpacked / "bin" / "obe").read_bytes()) == (0xFEEDFACF, number)
    assert (unpacked / "share" / "doc" / "obe" / "LICENSE.third-party").exists()
    assert (unpacked / "share" / "man" / "man1" / "obe.1").exists()


def test_cmake(dist: Dist, tmp_path: Path) -> None:
    unpacked = dist.unpack("libobe-*-linux-amd64.tar.gz", tmp_path / "unpacked")
    for program in build_with_cmake(tmp_path / "build", f"-DCMAKE_PREFIX_PATH={unpacked}"):
        check_consumer(program)


def test_reproducible(dist: Dist, tmp_path: Path) -> None:
    """The source tarball is complete, and the packages made from it are identical to those made here."""
    source = dist.unpack(f"libobe-{VERSION}.tar.gz", tmp_path)
    make("dist", cwd=source)
    again = source / "build" / "dist"
    assert sorted(path.name for path in again.iterdir()) == sorted(path.name for path in dist.directory.iterdir())
    first = dist.directory
    differing = [path.name for path in again.iterdir() if path.read_bytes() != (first / path.name).read_bytes()]
    assert not differing, differing
