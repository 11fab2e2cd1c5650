"""The documents: every block of code works, and every link leads to something.

    test/run documents, or: build/venv/bin/python -m pytest test/documents -k README.md

A page is read from its beginning to its end, in a directory for it, with the library installed:

- A block of c, cpp, python, toml, cmake, html or json whose first line is a comment with a file name, such as
  /* instrument.c */, // server.cpp or # server.py, is that file in the directory.
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
import subprocess
from concurrent.futures import Future

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


def own_pages() -> list[str]:
    """The pages of the project that git knows."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md", "*.html"]
    listed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")
    return sorted(name for name in listed if name and (ROOT / name).exists())


@pytest.mark.parametrize("page", page_names())
def test_page(page: str, results: dict[str, Future[list[str]]], request: pytest.FixtureRequest) -> None:
    needed = runner.tools_of(blocks(ROOT / page))
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
