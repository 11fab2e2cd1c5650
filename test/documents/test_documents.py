"""The documents: every block of code works, and every link leads to something.

    test/run documents, or: build/venv/bin/python -m pytest test/documents -k README.md

A page is read from its beginning to its end, in a directory for it, with the library installed:

- A block of c, cpp, python, toml, cmake, html or json whose first line is a comment with a file name, such as
  /* instrument.c */, // server.cpp or # server.py, is that file in the directory.
- A block of conf is a configuration of nats-server, one of haproxy is one of HAProxy, and one of ini is a unit of
  systemd; each is such a file. A block of sh has to check the first two, by "nats-server -t -c" and "haproxy -c -f";
  test_units checks the last.
- Blocks of sh are run in one bash -e, with pkg-config, CMake, man and python3 that find the library. Processes in the
  background are killed at the end of the page. README.md and docs/install.md are run in a copy of the checkout, without
  an installation.
- A block of text is the output of the block of sh before it. In it, … stands for any text, and a line … for any lines.
- Other blocks of c, cpp and python are fragments. They are compiled in a function, or run, after preamble.c,
  preamble.cpp or preamble.py, which declare the names that a fragment may use. A paragraph of C or C++ that begins with
  static, struct, class, template or extern is outside of the function. A block of json has to be JSON, or a value in
  each line.
- Blocks of console, bat and powershell, and without a language, are not run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from concurrent.futures import Future
from pathlib import Path

import pytest
import runner
from pages import ROOT, Block, blocks, broken_links, links

import tools
from conftest import page_names

FRAGMENTS = [
    pytest.param(name, block, id=f"{name}:{block.line}")
    for name in page_names()
    for block in blocks(ROOT / name)
    if block.language in runner.CODE and not block.file_name
]


def languages(page: Path) -> set[str]:
    return {block.language for block in blocks(page)}


# The page of obe watch, whose links lead to built files; the test of its package checks them.
BUILT_LINKS = ":!internal/monitor/page/index.html"


def own_pages() -> list[str]:
    """The pages of the project that git knows."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md", "*.html", BUILT_LINKS]
    listed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")
    return sorted(name for name in listed if name and (ROOT / name).exists())


@pytest.mark.parametrize("page", page_names())
def test_page(page: str, results: dict[str, Future[list[str]]], request: pytest.FixtureRequest) -> None:
    needed = runner.tools_of(blocks(ROOT / page))
    if "nats-server" in needed:
        needed.remove("nats-server")
        why = runner.build_nats_server()
        if why:
            tools.missing(why)
    if needed:
        tools.path(*needed)
    failures = results[request.node.name].result()
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)


@pytest.mark.parametrize(("page", "block"), FRAGMENTS)
def test_fragment(
    page: str, block: Block, results: dict[str, Future[list[str]]], request: pytest.FixtureRequest
) -> None:
    failures = results[request.node.name].result()
    if failures:
        pytest.fail(f"{page}:{block.line}: this fragment is wrong:\n{block.text}\n{''.join(failures)}", pytrace=False)
    if block.language != "python":
        tools.path(runner.SECOND[block.language])  # the other compiler, which has checked it as well


@pytest.mark.parametrize("page", [name for name in page_names() if "ini" in languages(ROOT / name)])
def test_units(page: str, tmp_path: Path) -> None:
    """systemd knows every line of the units of a page. The programs that they start are stood in for."""
    verify = tools.path("systemd-analyze")
    units = []
    for block in blocks(ROOT / page):
        if block.language == "ini":
            assert block.file_name, f"{page}:{block.line}: a unit needs a comment with its name in line 1"
            file = tmp_path / block.file_name
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text.replace("/usr/local/bin/", "/bin/true "), "utf-8")
            if file.suffix == ".service":
                units.append(block.file_name.replace("@.", "@nv3."))
    # The path ends with the directories of the system's own units.
    env = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    command = [verify, "verify", "--man=no", *units]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, "")


def test_sentences_of_the_gateway() -> None:
    """The errors that docs/how-to/many-places.md lists are those of the source."""
    source = "".join(
        path.read_text("utf-8") for path in (ROOT / "internal/gateway").glob("*.go") if "_test" not in path.name
    )
    page = (ROOT / "docs/how-to/many-places.md").read_text("utf-8")
    table = page.partition("| the error | the command was | do |\n|---|---|---|\n")[2].partition("\n\n")[0]
    sentences = [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()]
    assert len(sentences) > 10
    for sentence in sentences:
        for part in sentence.split("…"):
            # The name of something, and what is said of it, may be put together.
            pieces = [part] if part in source else re.split(r" at |; ", part)
            assert all(piece.strip(" .;:()") in source for piece in pieces), sentence


@pytest.mark.parametrize("page", page_names())
def test_json(page: str) -> None:
    for block in blocks(ROOT / page):
        if block.language == "json" and not block.file_name:
            try:
                json.loads(block.text)
            except ValueError:
                for number, line in enumerate(block.text.splitlines()):
                    try:
                        json.loads(line)
                    except ValueError as error:
                        pytest.fail(f"{page}:{block.line + number}: {error}: {line}", pytrace=False)


@pytest.mark.parametrize("page", own_pages())
def test_links(page: str) -> None:
    broken = broken_links(ROOT / page)
    if broken:
        pytest.fail(f"{page} links to what is not there: {', '.join(broken)}", pytrace=False)


def test_every_page_is_listed() -> None:
    """docs/README.md links to every page of docs."""
    directory = ROOT / "docs"
    listed = {(directory / link.partition("#")[0]).resolve() for link in links(directory / "README.md")}
    pages = {path for path in directory.rglob("*") if path.suffix in (".md", ".html", ".json")}
    assert sorted(pages - listed - {directory / "README.md"}) == []


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150
    for page in (ROOT / "docs" / "quickstart").glob("*.md"):
        assert len(page.read_text("utf-8").splitlines()) < 120, page
