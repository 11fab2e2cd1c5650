"""How many Python functions the usual calls need. Each takes about 0.1 µs of the 10 of an exchange on one core."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any, Callable

import pytest

import libobe
import peer

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython" or libobe._message._quick is None, reason="needs json's encoder in C"
)


def python_calls(call: Callable[[], Any]) -> list[str]:
    """The names of the Python functions that a call needs, on a thread where no call is cut into slices."""
    names: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            names.append(frame.f_code.co_name)

    def run() -> None:
        call()  # the first one creates buffers
        sys.setprofile(note)
        call()
        sys.setprofile(None)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(peer.TIMEOUT)
    assert not thread.is_alive()
    return names


def test_a_command(echo: peer.Server) -> None:
    client = libobe.Socket("client", port=echo.port)

    def command() -> None:
        assert client.tcmd({"command": "goodset", "pickiness": 4})["pickiness"] == 4

    assert python_calls(command) == ["command", "tcmd", "json_text", "tcmd_text", "decode"]


def test_an_answer(server: libobe.Socket) -> None:
    with peer.connect(server.port) as conn:
        for _ in range(2):
            peer.whole(conn, b"[2.5]")

        def answer() -> None:
            assert server.receive() == [2.5]
            server.send([2.5])

        receive, send = ["receive", "receive", "decode"], ["send", "json_text", "send", "_send_reply"]
        assert python_calls(answer) == ["answer", *receive, *send]


def test_a_small_array() -> None:
    """The library does not write it, so it is encoded like a list."""
    numpy = pytest.importorskip("numpy")
    assert "encode" not in python_calls(lambda: libobe._message.json_text({"y": numpy.ones(2)}))
