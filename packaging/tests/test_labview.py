"""The zip for LabVIEW, unpacked into an empty folder and used from there: its documents, and in Wine its server and its
64-bit DLL. The package for NI Linux RT, whose opkg is not in Debian: its structure, and its contents from where they
are unpacked."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
import recipe
from pages import broken_links

import peer
from conftest import BUILD, HANGS, ROOT, VERSION, Dist, run, tool

LABVIEW = ROOT / "bindings" / "labview"
PROGRAMS = {"obe64.dll", "obe32.dll", "obe.exe"}
# Whether a browser gets these attributes by itself when it shows a page.
LOADED = {"src", "srcset", "data", "poster", "background"}


@pytest.fixture(scope="module")
def folder(dist: Dist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zip") / "C OBE"
    with zipfile.ZipFile(dist.file("libobe-labview-*.zip")) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def test_contents(folder: Path, dist: Dist, tmp_path: Path) -> None:
    """One folder, with everything that README.html names. The programs are those of the other zips."""
    names = {path.name for path in folder.iterdir()}
    assert all(path.is_file() for path in folder.iterdir())
    sources = [path for path in (*LABVIEW.glob("*"), *LABVIEW.glob("pictures/*")) if path.is_file()]
    wanted = {re.sub(r"\.md$", ".html", path.name) for path in sources}
    wanted |= {path.name for path in (ROOT / "examples" / "experiments").glob("*.toml")}
    wanted |= PROGRAMS | {"obe_labview.h", "obe_lv_import.h", "start demo server.cmd", "labview.html"}
    wanted |= {"LICENSE", "LICENSE.third-party"}
    assert wanted <= names
    assert {"README.html", "nodes.json", "obe-errors.txt", "obe_python_node.py"} <= names
    assert not any(name.endswith(".md") for name in names)
    for bits in (64, 32):
        windows = dist.unpack(f"libobe-{VERSION}-windows-{bits}.zip", tmp_path / str(bits))
        assert (folder / f"obe{bits}.dll").read_bytes() == (windows / "bin" / f"obe{bits}.dll").read_bytes()
        if bits == 64:
            assert (folder / "obe.exe").read_bytes() == (windows / "bin" / "obe.exe").read_bytes()


def test_lines_end_as_on_windows(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name not in PROGRAMS and path.suffix != ".png":
            text = path.read_bytes()
            assert text.count(b"\n") == text.count(b"\r\n") > 0, path.name


def test_texts_are_those_of_the_source(folder: Path) -> None:
    for source in (*(ROOT / "include").glob("obe_l*.h"), LABVIEW / "obe-errors.txt", LABVIEW / "nodes.json"):
        assert (folder / source.name).read_text("utf-8") == source.read_text("utf-8")
    assert json.loads((folder / "nodes.json").read_text("utf-8"))["version"] == VERSION


def pages(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.html"))
    assert len(found) >= 10
    return found


def test_links(folder: Path) -> None:
    assert {page.name: broken_links(page) for page in pages(folder)} == {page.name: [] for page in pages(folder)}


class Attributes(HTMLParser):
    """The elements of a page that could get something from elsewhere, and whether it has text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loaded += [value or "" for name, value in attributes if name in LOADED]


def test_no_network(folder: Path) -> None:
    """A page is shown without a network: what it has is in it, or in the folder."""
    for page in pages(folder):
        found = Attributes(page)
        assert not {"script", "link", "iframe", "object", "embed", "base"} & found.tags, page.name
        for name in found.loaded:
            assert (folder / name).is_file(), f"{page.name}: {name}"
        assert "url(" not in page.read_text("utf-8")
        assert "@import" not in page.read_text("utf-8")


def test_pictures(folder: Path) -> None:
    """Each picture is shown on a page, and gets nothing from elsewhere."""
    shown = {name for page in pages(folder) for name in Attributes(page).loaded}
    pictures = sorted(folder.glob("*.svg"))
    assert {path.name for path in pictures} == {path.name for path in (LABVIEW / "pictures").glob("*.svg")}
    for picture in pictures:
        assert picture.name in shown
        for element in ET.parse(picture).iter():
            assert element.tag.startswith("{http://www.w3.org/2000/svg}"), element.tag
            for name, value in element.attrib.items():
                assert not name.endswith("href"), (picture.name, value)
                assert "url(" not in value, (picture.name, name, value)


ENDED = "The server has ended."


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What a window shows until it shows a text. It ends with ENDED at the latest, and then waits for a key."""
    assert process.stdout is not None
    printed = ""
    while text not in printed:
        line = process.stdout.readline()
        printed += line
        assert line, f"the window has closed:\n{printed}"
        assert text in line or ENDED not in line, printed
    return printed


@pytest.fixture
def server(folder: Path, wine: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """What a double click on "start demo server.cmd" runs, until it listens."""
    command = [tool("wine"), "cmd", "/c", "start demo server.cmd"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **wine},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        printed = read_until(process, "listening on 127.0.0.1:61981")
        assert "Leave it open while you try; close it to end the server." in printed
        yield process
    finally:
        subprocess.run([tool("wine"), "taskkill", "/f", "/im", "obe.exe"], env={**os.environ, **wine}, check=False)
        process.stdin.close()
        process.stdout.read()
        process.wait(HANGS)
        process.stdout.close()


def c_program(cooked: recipe.Recipe) -> str:
    """The recipe in C, node by node. The instrument measures 1, which is beside the dip."""
    declarations, calls = set(), []
    for node in cooked.nodes:
        if node.function == recipe.INSTRUMENT:
            (output,) = node.outputs
            calls.append(f"{output} = 1;")
            declarations.add(f"double {output};")
            continue
        arguments = []
        for terminal in recipe.HEADER.functions[node.function]:
            source = node.inputs.get(terminal.name, "")
            if terminal.kind.endswith(" out"):
                declarations.add(f"{terminal.kind.removesuffix(' out')} {terminal.name};")
                arguments.append(f"&{terminal.name}")
            elif terminal.kind == "text":
                arguments.append(json.dumps(source.strip("`")))
            else:
                arguments.append(source.strip("`"))
        calls.append(f'printf("{node.function} %d\\n", {node.function}({", ".join(arguments)}));')
    body = "\n    ".join([*sorted(declarations), *calls, 'printf("%.17g\\n", x);', "return 0;"])
    return f'#include <stdio.h>\n#include "obe_lv_import.h"\n\nint main(void)\n{{\n    {body}\n}}\n'


def test_first_exchange(folder: Path, server: subprocess.Popen[str], wine: Mapping[str, str], tmp_path: Path) -> None:
    """The recipe of README.html, with the DLL of the zip and its import header, and with the library for Linux. When
    the server ends, its window stays open and says so."""
    cooked = recipe.Recipe()
    (tmp_path / "exchange.c").write_text(c_program(cooked))
    compiler = [tool("x86_64-w64-mingw32-gcc"), "-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{folder}"]
    run(*compiler, "-o", folder / "exchange.exe", tmp_path / "exchange.c", folder / "obe64.dll")
    *calls, setting = run(tool("wine"), "exchange.exe", cwd=folder, env=wine).splitlines()
    assert calls == [f"{node.function} 0" for node in cooked.nodes if node.function != recipe.INSTRUMENT]
    assert 1.5 <= float(setting) <= 3.5

    recipe.check(recipe.exchange(BUILD / "libobe.so"))

    run(tool("wine"), "taskkill", "/f", "/im", "obe.exe", env=wine)
    read_until(server, ENDED)
    assert server.poll() is None  # it waits for a key
    assert server.stdin is not None
    print(file=server.stdin, flush=True)
    assert server.wait(HANGS) == 0


def test_experiments(folder: Path, wine: Mapping[str, str]) -> None:
    """The tool of the zip understands each of its experiments."""
    for path in sorted(folder.glob("*.toml")):
        (title,) = re.findall(r'^title = "(.*)"$', path.read_text("utf-8"), re.M)
        assert title in run(tool("wine"), "obe.exe", "design", "--check", path.name, cwd=folder, env=wine)


@pytest.fixture(scope="module")
def package(dist: Dist) -> Path:
    return dist.file("libobe_*.ipk")


def members(package: Path) -> dict[str, bytes]:
    """The members of an ar archive, in their order."""
    ar = tool("ar")
    names = run(ar, "t", package).split()
    return {name: subprocess.check_output([ar, "p", package, name]) for name in names}


def test_package_has_the_format_of_opkg(package: Path) -> None:
    """As opkg-build writes it: https://git.yoctoproject.org/opkg-utils/tree/opkg-build."""
    found = members(package)
    assert list(found) == ["debian-binary", "control.tar.gz", "data.tar.gz"]
    assert found["debian-binary"] == b"2.0\n"
    for name in ("control.tar.gz", "data.tar.gz"):
        with tarfile.open(fileobj=io.BytesIO(found[name]), mode="r:gz") as archive:
            for member in archive:
                assert member.name == "." or member.name.startswith("./")
                assert (member.uid, member.gid) == (0, 0)
                assert not member.pax_headers  # of which opkg's format knows none
                assert member.issym() or member.mode & 0o022 == 0
    with tarfile.open(fileobj=io.BytesIO(found["control.tar.gz"])) as archive:
        files = [member.name for member in archive if member.isfile()]
        control = archive.extractfile("./control")
        assert control is not None
        fields = dict(re.findall(r"^(\w[\w-]*): (.*)$", control.read().decode(), re.M))
    assert files == ["./control"]
    assert {
        "Package",
        "Version",
        "Architecture",
        "Maintainer",
        "Description",
    } <= fields.keys()  # which opkg-build requires
    assert "Filename" not in fields  # which it refuses
    assert package.name == f"{fields['Package']}_{fields['Version']}_{fields['Architecture']}.ipk"
    assert fields["Version"] == VERSION


def test_package_runs(package: Path, dist: Dist, tmp_path: Path) -> None:
    """From where it is unpacked: the library by LabVIEW's name for it, and the tool. They are those of the tarball, so
    they need no newer glibc."""
    root = tmp_path / "root"
    with tarfile.open(fileobj=io.BytesIO(members(package)["data.tar.gz"])) as archive:
        archive.extractall(root, filter="data")
    unpacked = dist.unpack("libobe-*-linux-amd64.tar.gz", tmp_path / "tarball")
    lib = root / "usr" / "lib"
    assert sorted(path.name for path in lib.iterdir()) == sorted(path.name for path in (unpacked / "lib").glob("*.so*"))
    assert (lib / "libobe.so.0").read_bytes() == (unpacked / "lib" / "libobe.so.0").read_bytes()
    documents = {path.name for path in (root / "usr" / "share" / "doc" / "libobe").iterdir()}
    assert documents == {"LICENSE", "LICENSE.third-party"}

    obe = root / "usr" / "bin" / "obe"
    assert run(obe, "--version") == f"obe {VERSION}\n"
    node = {"OBE_LIBRARY": str(lib / "obe64.so")}
    call = (
        "import sys, runpy; node = runpy.run_path(sys.argv[1]); handle = node['open']('127.0.0.1', int(sys.argv[2])); "
    )
    call += "print(node['version'](), node['goodset'](handle, 4))"
    with peer.Server(answer=lambda body: b"[2.5]") as server:
        printed = run(sys.executable, "-I", "-c", call, LABVIEW / "obe_python_node.py", str(server.port), env=node)
        assert printed == f"{VERSION} [2.5]\n"
        assert run(obe, "call", f"127.0.0.1:{server.port}", "goodset", "pickiness=4") == "[2.5]\n"
