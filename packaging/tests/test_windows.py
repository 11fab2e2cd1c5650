"""The zips for Windows, as far as that can be tested elsewhere: a program is built with each, and not run."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from conftest import VERSION, Dist, build_with_cmake, build_with_pkg_config, run, tool

MACHINES = {64: ("x86_64", 0x8664), 32: ("i686", 0x014C)}


@pytest.fixture(scope="module", params=MACHINES)
def bits(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def unpacked(bits: int, dist: Dist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dist.unpack(f"libobe-*-windows-{bits}.zip", tmp_path_factory.mktemp(f"windows{bits}"))


def mingw(bits: int, name: str) -> str:
    return tool(f"{MACHINES[bits][0]}-w64-mingw32-{name}", "gcc-mingw-w64 g++-mingw-w64")


def machine(program: Path) -> int:
    """The machine that a Windows program is for, by its header."""
    data = program.read_bytes()
    (at,) = struct.unpack_from("<I", data, 0x3C)
    assert data[at : at + 4] == b"PE\0\0"
    (number,) = struct.unpack_from("<H", data, at + 4)
    return int(number)


def libraries(bits: int, program: Path) -> list[str]:
    """The DLLs that a program asks for."""
    return re.findall(r"DLL Name: (\S+)", run(mingw(bits, "objdump"), "-p", program))


def test_library(bits: int, unpacked: Path) -> None:
    assert machine(unpacked / "bin" / f"obe{bits}.dll") == MACHINES[bits][1]


def test_pkg_config(bits: int, unpacked: Path, tmp_path: Path) -> None:
    compiler = [mingw(bits, "gcc"), "-Wall", "-Wextra", "-Werror"]
    program = build_with_pkg_config(tmp_path / "build", unpacked / "lib", compiler)
    assert f"obe{bits}.dll" in libraries(bits, program)


def test_documents_for_labview(unpacked: Path) -> None:
    folder = unpacked / "share" / "doc" / "libobe" / "labview"
    links = [link for page in folder.glob("*.md") for link in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))]
    assert any(link.endswith("include/obe_labview.h") for link in links)
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("kind", ["MinGW", "MSVC"])
def test_cmake(bits: int, unpacked: Path, tmp_path: Path, kind: str) -> None:
    """For MSVC, the package names the other import library, which MinGW's linker takes as well."""
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


def test_both_in_one_folder(dist: Dist, tmp_path: Path) -> None:
    """LabVIEW takes the DLL for its word size from one folder, so what the zips share must be the same."""
    contents = []
    for number in MACHINES:
        root = dist.unpack(f"libobe-{VERSION}-windows-{number}.zip", tmp_path / str(number))
        contents.append({path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()})
    one, other = contents
    shared = {path for path in one.keys() & other.keys() if path.suffix != ".pc"}
    assert Path("include/obe.h") in shared
    assert Path("lib/cmake/obe/obe-config.cmake") in shared
    assert [path for path in shared if one[path] != other[path]] == []
