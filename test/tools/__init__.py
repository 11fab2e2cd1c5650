"""Finds the programs that tests need. tools.txt lists them, and the script find decides whether one is missing."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest


@functools.cache
def _find(*names: str) -> tuple[int, str]:
    script = Path(__file__).with_name("find")
    done = subprocess.run(["sh", str(script), *names], stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout.rstrip("\n")


def path(*names: str) -> str:
    """The path of a tool; of the first one if several are needed.

    If one is not installed or does not work, the test is skipped with the command that installs it. With CI=true the
    test fails.
    """
    status, answer = _find(*names)
    if status != 0:
        missing(answer or f"cannot look for {' '.join(names)}")
    return answer.splitlines()[0]


def missing(why: str) -> NoReturn:
    """Skip a test because something is not installed. With CI=true the test fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
