"""Lets the tests find peer.py, and this repository's own package and library unless the environment names others. It
builds the tool for them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

sys.path.append(str(ROOT / "test"))
sys.path.append(str(ROOT / "bindings" / "python"))
os.environ.setdefault("OBE_LIBRARY", str(ROOT / "build" / "libobe.so"))

import peer  # noqa: E402


@pytest.fixture(scope="session")
def obe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tool, built from the sources."""
    program = tmp_path_factory.mktemp("obe") / "obe"
    build = [os.environ.get("GO") or "go", "build", "-buildvcs=false", "-o", str(program), "./cmd/obe"]
    subprocess.run(build, cwd=ROOT, check=True, env={**os.environ, "CGO_ENABLED": "0"}, timeout=peer.HANGS)
    return str(program)
