"""Fixtures of LabVIEW's tests: the library as a diagram uses it, servers and handles."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "test"))

import peer  # noqa: E402
from clfn import EXTRA_KINDS, KINDS, TIMEOUT_MS, Diagram, Header  # noqa: E402

LIBRARY = Path(os.environ.get("OBE_LIBRARY", str(ROOT / "build" / "libobe.so")))
HEADER = Header(ROOT / "include" / "obe_labview.h", KINDS)
EXTRA = Header(ROOT / "include" / "obe_labview_extra.h", EXTRA_KINDS)

# The replies of the server: each command has a different one.
REPLIES: dict[str, Any] = {
    "optset": [2.75],
    "goodset": [2.5],
    "getmean": [1.0, 2.0, 3.0],
    "getstd": [0.25, 0.5, 0.75],
    "getcov": [[1.0, 0.5], [0.5, 2.0]],
    "getpar": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
    "getset": [[0.5, 1.5, 2.5, 3.5]],
    "getwgt": [0.25, 0.75],
    "getcon": [0.03, 5.0],
}

# The commands without members whose reply is a list, or rows, with the names of their arrays.
_commands = (ROOT / "test" / "c" / "commands.h").read_text()
LISTS, TABLES = (
    dict(re.findall(r"M\(X, (\w+), (\w+)\)", _commands.partition(f"EACH_{kind}_COMMAND")[2].partition("\n\n")[0]))
    for kind in ("NUMBERS", "ROWS")
)
REPLIES = {**{name: [6.5] for name in LISTS}, **{name: [[6.5]] for name in TABLES}, **REPLIES}


def designer(body: bytes) -> bytes:
    """Fixed replies to the commands; an unknown command is sent back."""
    request = json.loads(body)
    command = request.get("command") if isinstance(request, dict) else None
    if command in ("ready", "newrun", "newdat", "done"):
        return b'"OK"'
    return json.dumps(REPLIES[command]).encode() if command in REPLIES else body


@pytest.fixture(scope="session")
def lv() -> Iterator[Diagram]:
    diagram = Diagram(LIBRARY, HEADER, EXTRA)
    yield diagram
    diagram.close()


@pytest.fixture
def server() -> Iterator[peer.Server]:
    with peer.Server(answer=designer) as server:
        yield server


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts every connection and never replies."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def client(lv: Diagram, server: peer.Server) -> Iterator[int]:
    """The handle of a client of the server with fixed replies."""
    handle = lv.ok("obe_lv_client_new", port=server.port).handle
    lv.ok("obe_lv_set_option", handle=handle, name=b"timeout_ms", value=str(TIMEOUT_MS).encode())
    yield handle
    lv.run("obe_lv_free", handle=handle)


@pytest.fixture
def waiting(lv: Diagram, silent: int) -> Iterator[int]:
    """The handle of a client of the silent server: its calls block."""
    handle = lv.ok("obe_lv_client_new", port=silent).handle
    yield handle
    lv.run("obe_lv_free", handle=handle)
