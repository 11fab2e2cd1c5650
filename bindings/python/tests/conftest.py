"""Fixtures and helpers of the binding's tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import libobe
import peer

ROOT = Path(__file__).resolve().parents[3]
os.environ.setdefault("OBE_LIBRARY", str(ROOT / "build" / "libobe.so"))


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new Python that finds the package."""
    full = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python"), **environment}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=full, capture_output=True, text=True, timeout=peer.HANGS
    )


@pytest.fixture
def echo() -> Iterator[peer.Server]:
    """A server that sends every message back."""
    with peer.Server(answer=lambda body: body) as server:
        yield server


@pytest.fixture
def mute() -> Iterator[peer.Server]:
    """A server that reads and never answers."""
    with peer.Server(answer=lambda body: None) as server:
        yield server


@pytest.fixture
def server() -> Iterator[libobe.Socket]:
    with libobe.Socket("server", port=0, timeout=peer.TIMEOUT) as server:
        yield server


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: starts other programs, or takes more than half a second")
