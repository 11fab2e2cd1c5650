"""The zips for Windows, as far as they can be tested on Linux: programs are built with each, and those of 64 bits run
in Wine."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

import peer
from conftest import (
    ANSWER,
    PROJECT,
    VERSION,
    Dist,
    build_and_install,
    build_with_cmake,
    build_with_pkg_config,
    configure,
    run,
    tool,
)

TOOLCHAIN = [f"-DCMAKE_TOOLCHAIN_FILE={PROJECT / 'mingw.cmake'}", "-DCMAKE_EXE_LINKER_FLAGS=-static"]
MACHINES = {64: ("x86_64", 0x8664), 32: ("i686", 0x014C)}


@pytest.fixture(scope="module", params=MACHINES)
def bits(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def unpacked(bits: int, dist: Dist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dist.unpack(f"libobe-*-windows-{bits}.zip", tmp_path_factory.mktemp(f"windows{bits}"))


def mingw(bits: int, name: str) -> str:
    return tool(f"{MACHINES[bits][0]}-w64-mingw32-{name}")


def machine(program: Path) -> int:
    """The machine type in the header of a Windows program."""
    data = program.read_bytes()
    (at,) = struct.unpack_from("<I", data, 0x3C)
    assert data[at : at + 4] == b"PE\0\0"
    (number,) = struct.unpack_from("<H", data, at + 4)
    return int(number)


def libraries(bits: int, program: Path) -> list[str]:
    """The DLLs that a program imports."""
    return re.findall(r"DLL Name: (\S+)", run(mingw(bits, "objdump"), "-p", program))


def run_in_wine(program: Path, wine: Mapping[str, str], library: Path) -> None:
    """Run a consumer in the same directory as the library."""
    shutil.copy(library, program.parent)
    assert run(tool("wine"), program, env=wine).split() == [ANSWER, VERSION]


def test_library(bits: int, unpacked: Path) -> None:
    assert machine(unpacked / "bin" / f"obe{bits}.dll") == MACHINES[bits][1]


def test_tool(bits: int, unpacked: Path, wine: Mapping[str, str]) -> None:
    """The tool is for its architecture. That of 64 bits runs, and its exit status is that of Linux."""
    program = unpacked / "bin" / "obe.exe"
    assert machine(program) == MACHINES[bits][1]
    if bits == 64:
        assert run(tool("wine"), program, "--version", env=wine).split() == ["obe", VERSION]
        done = subprocess.run([tool("wine"), program, "ready", ":1"], env={**os.environ, **wine}, capture_output=True)
        assert done.returncode == 3, done.stderr
        with peer.Server(answer=lambda body: body) as server:
            call = ("call", f"127.0.0.1:{server.port}", "goodset", "pickiness=4", "note=dip")
            assert run(tool("wine"), program, *call, env=wine).strip() == (
                '{"command": "goodset", "pickiness": 4, "note": "dip"}'
            )


def test_hardening(bits: int, unpacked: Path) -> None:
    """Data is not executable, addresses are random, and C checks its stack. It imports only DLLs of every Windows."""
    library = unpacked / "bin" / f"obe{bits}.dll"
    header = run(mingw(bits, "objdump"), "-p", library)
    assert {"DYNAMIC_BASE", "NX_COMPAT"} <= set(header.split())
    assert ("HIGH_ENTROPY_VA" in header) == (bits == 64)
    assert re.search(r"^Entry 5 +[0-9a-f]+ +0*[1-9a-f][0-9a-f]* +Base Relocation", header, re.M)
    assert {name.lower() for name in libraries(bits, library)} == {"kernel32.dll", "msvcrt.dll"}
    code = run(mingw(bits, "objdump"), "-d", "--no-show-raw-insn", library)
    (failure,) = re.findall(r"^ *([0-9a-f]+):\s+mov +\$0x2,%ecx\n.*int +\$0x29", code, re.M)
    assert len(re.findall(rf"call +0x{failure}\b", code)) > 100


def test_pkg_config(bits: int, unpacked: Path, tmp_path: Path) -> None:
    compiler = [mingw(bits, "gcc"), "-Wall", "-Wextra", "-Werror"]
    program = build_with_pkg_config(tmp_path / "build", unpacked / "lib", compiler)
    assert f"obe{bits}.dll" in libraries(bits, program)


def test_programs_run(dist: Dist, tmp_path: Path, wine: Mapping[str, str]) -> None:
    """The program that was built with pkg-config, and the two of CMake."""
    unpacked = dist.unpack("libobe-*-windows-64.zip", tmp_path / "unpacked")
    library = unpacked / "bin" / "obe64.dll"
    run_in_wine(build_with_pkg_config(tmp_path / "with", unpacked / "lib", [mingw(64, "gcc")]), wine, library)
    for program in build_with_cmake(
        tmp_path / "cmake",
        f"-DCMAKE_PREFIX_PATH={unpacked}",
        "-DCMAKE_SYSTEM_NAME=Windows",
        f"-DCMAKE_C_COMPILER={mingw(64, 'gcc')}",
        f"-DCMAKE_CXX_COMPILER={mingw(64, 'g++')}",
        "-DCMAKE_EXE_LINKER_FLAGS=-static",
    ):
        run_in_wine(program, wine, library)


def test_cmake_without_a_language(unpacked: Path, tmp_path: Path) -> None:
    """Then CMake does not know the word size of the project, and the package reports that."""
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(asking NONE)\n"
        'find_package(obe CONFIG QUIET)\nmessage(STATUS "${obe_FOUND}: ${obe_NOT_FOUND_MESSAGE}")\n'
    )
    options = [f"-DCMAKE_PREFIX_PATH={unpacked}", "-DCMAKE_SYSTEM_NAME=Windows"]
    answer = run(tool("cmake"), "-S", tmp_path, "-B", tmp_path / "build", *options)
    assert "0: find_package(obe) comes after a language" in answer


@pytest.mark.parametrize("kind", ["MinGW", "MSVC"])
def test_cmake(bits: int, unpacked: Path, tmp_path: Path, kind: str) -> None:
    """For MSVC the package names the other import library, which MinGW's linker also accepts."""
    for_mingw = [f"-DCMAKE_C_COMPILER={mingw(bits, 'gcc')}", f"-DCMAKE_CXX_COMPILER={mingw(bits, 'g++')}"]
    programs = build_with_cmake(
        tmp_path,
        f"-DCMAKE_PREFIX_PATH={unpacked}",
        "-DCMAKE_SYSTEM_NAME=Windows",
        f"-DMSVC={'ON' if kind == 'MSVC' else 'OFF'}",
        *for_mingw,
    )
    used = (tmp_path / "CMakeFiles" / "consumer.dir" / "linkLibs.rsp").read_text()
    assert {"MinGW": f"libobe{bits}.dll.a", "MSVC": f"obe{bits}.lib"}[kind] in used
    for program in programs:
        assert f"obe{bits}.dll" in libraries(bits, program)


@pytest.mark.parametrize("means", ["artifacts", "dependencies", "copy"])
def test_installed_program(dist: Dist, tmp_path: Path, wine: Mapping[str, str], means: str) -> None:
    """The DLL gets into the directory of the program by each of CMake's means, with a toolchain file."""
    unpacked = dist.unpack("libobe-*-windows-64.zip", tmp_path / "unpacked")
    configure(tmp_path / "build", "find_package", *TOOLCHAIN, f"-DOBE_WITH={means}", f"-DCMAKE_PREFIX_PATH={unpacked}")
    build_and_install(tmp_path / "build", tmp_path / "prefix")
    directory = tmp_path / ("build" if means == "copy" else "prefix/bin")
    assert (directory / "obe64.dll").read_bytes() == (unpacked / "bin" / "obe64.dll").read_bytes()
    shutil.rmtree(unpacked)
    assert run("wine", directory / "consumer.exe", env=wine).split() == [ANSWER, VERSION]


def test_contained(source: Path, tmp_path: Path, wine: Mapping[str, str]) -> None:
    """A project that contains the source of libobe builds the DLL with it."""
    configure(tmp_path / "a build", "add_subdirectory", *TOOLCHAIN, "-DOBE_WITH=artifacts", source=source)
    build_and_install(tmp_path / "a build", tmp_path / "prefix")
    assert {path.name for path in (tmp_path / "prefix" / "bin").iterdir()} == {"consumer.exe", "obe64.dll"}
    program = tmp_path / "prefix" / "bin" / "consumer.exe"
    assert run("wine", program, env=wine).split() == [ANSWER, VERSION]


def test_both_in_one_directory(dist: Dist, tmp_path: Path) -> None:
    """LabVIEW loads the DLL for its word size from one directory, so files that are in both zips must be identical."""
    contents = []
    for number in MACHINES:
        root = dist.unpack(f"libobe-{VERSION}-windows-{number}.zip", tmp_path / str(number))
        contents.append({path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()})
    one, other = contents
    # The tool's program is in both, and either will do.
    shared = {path for path in one.keys() & other.keys() if path.suffix != ".pc" and path.name != "obe.exe"}
    assert Path("include/obe.h") in shared
    assert Path("lib/cmake/obe/obe-config.cmake") in shared
    assert [path for path in shared if one[path] != other[path]] == []
