"""The library that the pages use, and the pages themselves, run once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from pages import ROOT, Block, blocks
from runner import PYTHON_PATH, build_nats_server, check_fragment, check_page, isolated, tools_of

sys.path.insert(0, str(ROOT / "test"))  # for tools

BUILD = ROOT / os.environ.get("BUILD", "build")


def page_names() -> list[str]:
    """The pages whose blocks are tested."""
    names = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))]
    names += ["bindings/python/README.md"]
    return [name for name in names if blocks(ROOT / name)]


@pytest.fixture(scope="session")
def prefix() -> tuple[Path, str]:
    """Where the library is installed, and what make install tells a user to set then."""
    directory = BUILD / "documents" / "prefix"
    shutil.rmtree(directory, ignore_errors=True)
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        ["make", "-s", "install", f"PREFIX={directory}", f"BUILD={BUILD}", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    settings = re.findall(r"^ +(export .*?)(?:  #.*)?$", done.stdout, re.M)
    assert len(settings) == 5, done.stdout
    return directory, "\n".join([*settings, f"export PYTHONPATH='{PYTHON_PATH}'", ""])


def tested_pages(session: pytest.Session) -> set[str]:
    """The pages whose commands are run in this session."""
    functions = [item for item in session.items if isinstance(item, pytest.Function)]
    return {str(item.callspec.params["page"]) for item in functions if item.name.startswith("test_page[")}


@pytest.fixture(scope="session")
def results(
    request: pytest.FixtureRequest, prefix: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[list[str]]]]:
    """The failures of each page and each fragment that is tested, by the name of the test.

    They are checked side by side, if each page has its own network.
    """
    found = {}
    if any("nats-server" in tools_of(blocks(ROOT / page)) for page in tested_pages(request.session)):
        build_nats_server()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if isolated else 1) as pool:
        for item in request.session.items:
            if isinstance(item, pytest.Function) and "results" in item.fixturenames:
                directory = tmp_path_factory.mktemp(re.sub(r"\W+", "-", item.name))
                page, block = ROOT / str(item.callspec.params["page"]), item.callspec.params.get("block")
                if isinstance(block, Block):
                    found[item.name] = pool.submit(check_fragment, block, directory, prefix[0])
                else:
                    found[item.name] = pool.submit(check_page, page, directory, prefix[1])
        yield found
        pool.shutdown(cancel_futures=True)
