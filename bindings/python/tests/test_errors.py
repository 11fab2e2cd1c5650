"""Exceptions: a class per status, derived from the built-in one that callers of optbayesexpt.Socket catch."""

from __future__ import annotations

import builtins
import errno
import pickle
import socket
import threading

import pytest

import libobe
import peer
from libobe import _abi, errors

STATUSES = [status for status in _abi.STATUSES if status[0]]


@pytest.mark.parametrize(("code", "name", "family", "text"), STATUSES)
def test_one_class_per_status(code: int, name: str, family: str, text: str) -> None:
    error = errors.make(code, "a message")
    assert isinstance(error, libobe.Error)
    assert isinstance(error, getattr(builtins, family or "Exception"))
    assert error.code == code
    assert str(error) == f"a message ({name} {code})"
    assert text in str(errors.make(code))
    assert getattr(errors, type(error).__name__) is type(error)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.code, str(again)) == (type(error), code, str(error))
    assert repr(again) == repr(error)


def test_an_unknown_status_is_a_plain_error() -> None:
    error = errors.make(-8999, "from a newer library")
    assert type(error) is libobe.Error
    assert error.code == pickle.loads(pickle.dumps(error)).code == -8999


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_refused() -> None:
    port = free_port()
    client = libobe.Socket("client", port=port)
    for call in (client.send, client.tcmd):
        with pytest.raises(ConnectionRefusedError, match=f"127.0.0.1:{port}.*refused.*OBE_E_REFUSED -8009") as caught:
            call(1)
        assert caught.value.errno == errno.ECONNREFUSED
        assert isinstance(caught.value, errors.RefusedError)


def test_in_use(server: libobe.Socket) -> None:
    with pytest.raises(OSError, match=f"127.0.0.1:{server.port}.*OBE_E_IN_USE") as caught:
        libobe.Socket("server", port=server.port)
    assert caught.value.errno == errno.EADDRINUSE


def test_foreign_address() -> None:
    with pytest.raises(OSError, match="OBE_E_UNREACHABLE"):
        libobe.Socket("server", "192.0.2.1", 0)


@pytest.mark.parametrize("workers", [0, 1])
def test_the_text_of_a_timeout_names_likely_causes(mute: peer.Server, workers: int) -> None:
    """On the main thread and on another."""
    client = libobe.Socket("client", port=mute.port, timeout=0.15)
    problems: list[Exception] = []

    def command() -> None:
        try:
            client.tcmd({"command": "gibberish"})
        except TimeoutError as problem:
            problems.append(problem)

    if workers:
        thread = threading.Thread(target=command)
        thread.start()
        thread.join(peer.TIMEOUT)
    else:
        command()
    assert [type(problem) for problem in problems] == [errors.TimeoutError]
    for part in (f"127.0.0.1:{mute.port}: timed out: no reply", "optbayesexpt", "(OBE_E_TIMEOUT -8004)"):
        assert part in str(problems[0])
    assert client.connection is None


def test_a_late_reply_is_discarded() -> None:
    with peer.Server(answer=lambda body: None if body == b'"slow"' else body) as server:
        client = libobe.Socket("client", port=server.port, timeout=0.1)
        with pytest.raises(TimeoutError):
            client.tcmd("slow")
        client.set_option("timeout_ms", 10_000)
        assert client.tcmd("next") == "next"
