"""tcp-nodes.md: its requests have the replies that it names, from the server of the zip for LabVIEW."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import peer
from conftest import ROOT

OBE = Path(os.environ.get("BUILD", ROOT / "build")) / "obe"
PAGE = ROOT / "bindings" / "labview" / "tcp-nodes.md"
REQUESTS = re.findall(r"^\| `(\{.*?\})` \| (.*?) \|$", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.fixture
def port() -> Iterator[int]:
    """The port of the server."""
    experiment = ROOT / "examples" / "experiments" / "lorentzian.toml"
    with subprocess.Popen([OBE, "design", experiment, ":0", "--stay"], stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            yield int(server.stderr.readline().rpartition(":")[2])
        finally:
            server.kill()


def test_requests(port: int) -> None:
    assert len(REQUESTS) == 4
    for request, description in REQUESTS:
        reply = json.loads(peer.exchange(port, request.encode()))
        if "a list" in description:
            assert reply, request
            assert all(isinstance(number, float) for number in reply), request
        else:
            assert "error" not in reply, request


def test_format() -> None:
    """The format of the drawing makes the frame."""
    (format_string,) = set(re.findall(r"%0\d+d%s", PAGE.read_text("utf-8")))
    body = '{"command": "ready"}'
    assert (format_string % (len(body), body)).encode() == peer.frame(body.encode())
    assert format_string in (PAGE.parent / "pictures" / "tcp-nodes.svg").read_text("utf-8")
