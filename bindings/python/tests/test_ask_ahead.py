"""goodset_ask and goodset_fetch: the server chooses the next setting while the instrument measures."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

import peer
from libobe import Client, errors
from libobe._deadline import SLICE

SLICES = 3 * SLICE / 1000  # a wait that is cut into slices


def answer(body: bytes) -> bytes:
    return b"[2.75, 3]" if json.loads(body)["command"] == "goodset" else b'"OK"'


def commands(server: peer.Server) -> list[str]:
    return [json.loads(request)["command"] for request in server.requests]


@pytest.mark.parametrize("persistent", [False, True])
def test_commands_between_question_and_reply(persistent: bool) -> None:
    with peer.Server(answer=answer, persistent=persistent) as server, Client(port=server.port, timeout=20) as client:
        client.persistent = persistent
        for pickiness in (4, 2.5, None):
            client.goodset_ask(pickiness)
            client.newdat(1.0, 2.0, 3.0)
            assert list(client.goodset_fetch()) == [2.75, 3.0]
        assert list(client.goodset(4)) == [2.75, 3.0]
        assert commands(server) == ["goodset", "newdat"] * 3 + ["goodset"]
        assert server.requests[0] == b'{"command": "goodset", "pickiness": 4}'
        assert server.requests[4] == b'{"command": "goodset"}'
        assert server.deaths == []


def test_one_question(echo: peer.Server) -> None:
    with Client(port=echo.port, timeout=20) as client:
        with pytest.raises(errors.StateError, match="no question was asked"):
            client.goodset_fetch()
        client.goodset_ask()
        with pytest.raises(errors.StateError, match="was not fetched"):
            client.goodset_ask()
        with pytest.raises(errors.ReplyError, match="goodset: unexpected reply"):
            client.goodset_fetch()
        with pytest.raises(errors.StateError):
            client.goodset_fetch()
        client.goodset_ask()
        client.close()
        with pytest.raises(errors.Error):
            client.goodset_fetch()


@pytest.mark.parametrize("pickiness", [[4], {}, object()])
def test_pickiness_is_a_number(echo: peer.Server, pickiness: Any) -> None:
    with Client(port=echo.port, timeout=20) as client:
        with pytest.raises(TypeError):
            client.goodset_ask(pickiness)
        assert echo.requests == []


def test_timeout_of_fetch_loses_nothing() -> None:
    release = threading.Event()

    def wait(body: bytes) -> bytes:
        release.wait(peer.TIMEOUT)
        return answer(body)

    with peer.Server(answer=wait) as server, Client(port=server.port, timeout=20) as client:
        client.goodset_ask(4)
        for timeout in (0, 0.01, SLICES):
            with pytest.raises(errors.TimeoutError, match="no reply yet; it can still be fetched"):
                client.goodset_fetch(timeout=timeout)
        release.set()
        assert list(client.goodset_fetch()) == [2.75, 3.0]


def test_many_numbers() -> None:
    numbers = list(range(1000))
    with peer.Server(answer=lambda _: json.dumps(numbers).encode()) as server, Client(port=server.port) as client:
        client.goodset_ask(4, timeout=20)
        assert list(client.goodset_fetch(timeout=20)) == numbers


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("slow", ["goodset", "newdat"])
def test_slow_replies(persistent: bool, slow: str) -> None:
    """A wait that is cut into slices, on the main thread, neither loses the question nor sends anything twice."""

    def wait(body: bytes) -> bytes:
        if json.loads(body)["command"] == slow:
            time.sleep(SLICES)
        return answer(body)

    with peer.Server(answer=wait, persistent=persistent) as server, Client(port=server.port, timeout=20) as client:
        client.persistent = persistent
        for _ in range(2):
            client.goodset_ask(4)
            client.newdat(1.0, 2.0, 3.0)
            assert list(client.goodset_fetch()) == [2.75, 3.0]
        assert commands(server) == ["goodset", "newdat"] * 2


def test_exception_while_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of a signal handler that ends goodset_ask after the question was sent."""

    def slow(body: bytes) -> bytes:
        time.sleep(SLICES)
        return answer(body)

    with peer.Server(answer=slow, persistent=True) as server, Client(port=server.port, timeout=20) as client:
        client.persistent = True
        waiter = client._obe._waiter
        call = waiter.call

        def interrupted(*arguments: Any) -> None:
            call(*arguments)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(waiter, "call", interrupted)
            with pytest.raises(KeyboardInterrupt):
                client.goodset_ask(4)
        client.newdat(1.0, 2.0, 3.0)
        assert list(client.goodset_fetch()) == [2.75, 3.0]
        assert commands(server) == ["goodset", "newdat"]


def test_failed_command_discards_the_question(mute: peer.Server) -> None:
    with Client(port=mute.port, timeout=20) as client:
        client.goodset_ask(4)
        with pytest.raises(errors.TimeoutError):
            client.newdat(1.0, 2.0, 3.0, timeout=0.01)
        with pytest.raises(errors.StateError):
            client.goodset_fetch()
