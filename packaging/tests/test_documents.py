"""The documents of every package: each link leads to a file and to a section that exists. What packages need."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from pages import broken_links, links

from conftest import ROOT, VERSION, Dist, make, run, tool

# What no package contains. Links to these become plain text.
NOT_PACKAGED = re.compile(r"(\.\./)*(\.ci/|capi/|internal/|test/|packaging/|Makefile|go\.mod)")
PACKAGES = {
    "linux-amd64": "share/doc/libobe",
    "linux-arm64": "share/doc/libobe",
    "windows-64": "share/doc/libobe",
    "windows-32": "share/doc/libobe",
    "debian": "usr/share/doc/libobe-dev",
    "make install": "a prefix/documents of it",
}


@pytest.fixture(
    scope="module",
    params=[name if name == "make install" else pytest.param(name, marks=pytest.mark.dist) for name in PACKAGES],
)
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An installed package, and its directory of documents."""
    name, directory = str(request.param), tmp_path_factory.mktemp("package")
    if name == "make install":
        make("install", "PREFIX=/a prefix", "DOCDIR=/a prefix/documents of it", f"DESTDIR={directory}")
    elif name == "debian":
        for debian in request.getfixturevalue("dist").directory.glob("*.deb"):
            run(tool("dpkg-deb"), "--extract", debian, directory)
    else:
        directory = request.getfixturevalue("dist").unpack(f"libobe-{VERSION}-{name}.*", directory)
    return directory, directory / PACKAGES[name]


def broken(directory: Path) -> list[str]:
    """The links of all pages in a directory that lead nowhere."""
    pages = sorted(page for page in directory.rglob("*") if page.suffix in (".md", ".html"))
    return [f"{page.relative_to(directory)}: {link}" for page in pages for link in broken_links(page)]


def test_links(package: tuple[Path, Path]) -> None:
    root, documents = package
    assert (documents / "README.md").exists()
    assert broken(root) == []


def test_no_link_is_lost(package: tuple[Path, Path]) -> None:
    """Each page links to as many files as in the source, except to what no package contains."""
    _, documents = package
    for page in documents.rglob("*.md"):
        source = ROOT / page.relative_to(documents)
        wanted = [link for link in links(source) if not NOT_PACKAGED.match(link)]
        assert len(list(links(page))) == len(wanted), page


def test_suppressions(package: tuple[Path, Path]) -> None:
    """valgrind's files are where programs for Linux are developed."""
    root, _ = package
    windows = any(root.glob("bin/*.dll"))
    found = {path.name for path in root.glob("**/share/libobe/*.supp")}
    assert found == (set() if windows else {path.name for path in (ROOT / "packaging").glob("*.supp")})


def test_pages_of_python(dist: Dist, tmp_path: Path) -> None:
    """The page in a wheel and in python3-libobe is alone, so its relative links would lead nowhere."""
    for wheel in dist.directory.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            text = archive.read(f"libobe-{VERSION}.dist-info/METADATA").decode()
        (tmp_path / f"{wheel.name}.md").write_text(text)
    assert len(list(tmp_path.iterdir())) == 4
    assert broken(tmp_path) == []


def test_links_are_made_valid(tmp_path: Path) -> None:
    """Every form of a link that links.sh changes, and code that looks like one."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "here.md").touch()
    page = tmp_path / "docs" / "page.md"
    page.write_text(
        "[a](here.md) [`b`](../include/obe.h) ![c](../gone.png) [d\ne](../test/run#L1) [f](https://x.org/y) [g](#g)\n"
        "`[h](../gone.png)` x[i](../test/run2)\n```c\n[](int j) [k](int) m[n](gone)\n```\n[o|.*](a|b.c)\n"
        "`p\nq` [r](../gone) `s`\n"
    )
    env = {"DOCDIR": "/p/share/doc/libobe", "INCLUDE": "/p/include"}
    run(ROOT / "packaging" / "links.sh", tmp_path, env=env)
    assert page.read_text() == (
        "[a](here.md) [`b`](../../../../include/obe.h) c d\ne [f](https://x.org/y) [g](#g)\n"
        "`h` xi\n```c\n[](int j) [k](int) m[n](gone)\n```\no|.*\n"
        "`p\nq` r `s`\n"
    )


def test_version_of_go() -> None:
    """README.md names the version that go.mod requires, and where it is."""
    (required,) = re.findall(r"^go (\S+)$", (ROOT / "go.mod").read_text(), re.M)
    named = re.findall(r"\[Go\]\(https://go\.dev/dl/\) ([\d.]+) or later", (ROOT / "README.md").read_text("utf-8"))
    assert named == [required]


def test_dist_reports_all_missing_tools(tmp_path: Path) -> None:
    """With what installs them."""
    for name in ("sh", "sed", "find", "realpath", "dirname", "grep"):
        (tmp_path / name).symlink_to(tool(name))
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\n[ "$2" = "import pip" ]\n')
    python.chmod(0o755)
    command = [tool("make"), "-s", "dist", "PYTHON=python3", f"BUILD={tmp_path}/build"]
    env = {**os.environ, "PATH": str(tmp_path)}
    for name in ("MAKEFLAGS", "MAKELEVEL"):
        env.pop(name, None)
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True)
    assert done.returncode != 0
    assert not (tmp_path / "build").exists()
    # npm is not needed if the page of obe watch is built.
    packages = "gcc-mingw-w64-x86-64 gcc-mingw-w64-i686 llvm zip( npm)? dpkg-dev debhelper dh-python"
    assert re.search(f"apt-get install {packages}\n", done.stderr)
    assert "-m pip install 'ziglang' 'setuptools>=77.0.3'\n" in done.stderr
    for wanted in ("Go, from https://go.dev/dl/", "llvm-dlltool", "zip", "the Python module ziglang"):
        assert f"    {wanted}\n" in done.stderr


def test_dist_shows_progress(dist: Dist) -> None:
    """A line when a package is begun, and one when it is done."""
    lines = re.findall(r"^\[(\d+)/10\] (.*?)(?: \.\.\.|: \d+ s)$", dist.printed, re.M)
    assert [int(number) for number, _ in lines] == [number for number in range(1, 11) for _ in range(2)]
    assert lines[::2] == lines[1::2]
