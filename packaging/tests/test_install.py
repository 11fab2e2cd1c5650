"""make install: programs built with pkg-config and with CMake, also after the installed directory was moved."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import (
    FUNCTIONS,
    VERSION,
    build_with_cmake,
    build_with_pkg_config,
    check_consumer,
    make,
    pkg_config,
    run,
    tool,
    tree,
)


@pytest.fixture(scope="module", params=["lib", "lib/some-linux-gnu"])
def libdir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the library, in a prefix that was moved after the installation."""
    staging = tmp_path_factory.mktemp("install")
    make("install", "PREFIX=/opt/obe", f"LIBDIR=/opt/obe/{request.param}", f"DESTDIR={staging}")
    prefix = tmp_path_factory.mktemp("moved") / "a moved prefix"
    shutil.move(staging / "opt" / "obe", prefix)
    return prefix / str(request.param)


def test_two_at_once(tmp_path: Path) -> None:
    """What one build installs in two places at the same time, each time whole."""
    prefixes = [tmp_path / "a", tmp_path / "b"]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda prefix: make("install", f"PREFIX={prefix}"), prefixes))
    trees = [tree(prefix) for prefix in prefixes]
    assert "include/obe.h" in trees[0]
    assert trees[0] == trees[1]


def prefix_of(libdir: Path) -> Path:
    return next(parent for parent in libdir.parents if (parent / "include").exists())


def found_at(libdir: Path) -> str:
    """CMake's option for the location of the library: the prefix if CMake searches it, else the package's directory."""
    return f"-DCMAKE_PREFIX_PATH={libdir.parent}" if libdir.name == "lib" else f"-Dobe_DIR={libdir}/cmake/obe"


def configure(directory: Path, project: str, *arguments: str) -> str:
    """The output of CMake for a project without a language."""
    head = "cmake_minimum_required(VERSION 3.13)\nproject(asking NONE)\n"
    (directory / "CMakeLists.txt").write_text(head + project)
    return run(tool("cmake"), "-S", directory, "-B", directory / "build", *arguments)


def test_pkg_config(libdir: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"  # pkg-config escapes a space in a path, which only a shell would undo
    link.symlink_to(prefix_of(libdir))
    libdir = link / libdir.relative_to(prefix_of(libdir))
    compiler = [tool("cc"), "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    check_consumer(build_with_pkg_config(tmp_path / "build", libdir, compiler), libdir=libdir)
    assert pkg_config(libdir, "--modversion") == [VERSION]


def test_cmake(libdir: Path, tmp_path: Path) -> None:
    flags = "-DCMAKE_C_FLAGS=-Werror", "-DCMAKE_CXX_FLAGS=-std=c++11 -Wall -Wextra -Wpedantic -Werror"
    # The program finds the library by its run path, which CMake has set.
    for program in build_with_cmake(tmp_path, found_at(libdir), *flags):
        check_consumer(program)


def test_cmake_version(libdir: Path, tmp_path: Path) -> None:
    """A version is found by requests for it and for older ones of its series."""
    major, minor, patch = (int(part) for part in VERSION.split("."))
    served = ["", VERSION, f"{major}.{minor}"] + ([str(major)] if major else [])
    refused = [f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 1}", f"{major + 1}", f"{major}.{minor}0"]
    refused += ["0"] if not major else [f"{major - 1}"]
    served += [f"{VERSION}...{major}.{minor + 1}", f"0.0...{VERSION}", f"0.0...<{major + 1}"]
    refused += [f"0.0...<{VERSION}", f"{major}.{minor}.{patch + 1}...{major + 1}"]
    project = (
        "foreach(wanted IN LISTS ALL)\n"
        '    find_package(obe ${wanted} CONFIG QUIET)\n    message(STATUS "<${wanted}> ${obe_FOUND}")\n'
        "endforeach()\n"
    )
    answers = configure(tmp_path, project, found_at(libdir), f"-DALL={';'.join(served + refused)}")
    assert re.findall("<(.*)> (.*)", answers) == [(v, "1") for v in served] + [(v, "0") for v in refused]


def test_cmake_without_library(libdir: Path, tmp_path: Path) -> None:
    """On another system the package is not found, and the message explains why."""
    shutil.copytree(libdir / "cmake", tmp_path / "lib" / "cmake")
    project = 'find_package(obe CONFIG QUIET)\nmessage(STATUS "${obe_FOUND}: ${obe_NOT_FOUND_MESSAGE}")\n'
    answer = configure(tmp_path, project, found_at(tmp_path / "lib"))
    assert (
        f"0: this libobe is for another system or word size: {tmp_path}/lib/libobe.so.{VERSION} does not exist"
        in answer
    )


def test_manual(libdir: Path) -> None:
    """Each function has a page, which the formatter accepts without warnings."""
    manual = prefix_of(libdir) / "share" / "man"
    pages = {path.stem: path for path in (manual / "man3").iterdir()}
    functions = [name for name in FUNCTIONS if not name.startswith("obe_lv_")]
    assert sorted(name for name in pages if name.startswith("obe_")) == functions
    for name in functions:
        assert f"\\fB{name}\\fP" in pages[name].read_text()
    for path in [*pages.values(), manual / "man7" / "libobe.7"]:
        assert run(tool("mandoc"), "-T", "lint", "-W", "error", path) == ""
