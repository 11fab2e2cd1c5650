"""Arguments and attributes: what is clear works, and the error for the rest contains what to write."""

from __future__ import annotations

import datetime
import json
import time
from fractions import Fraction
from typing import Any, Callable

import pytest

import libobe
import peer


@pytest.mark.parametrize(
    ("timeout", "ms"),
    [
        (5, "5000"),
        (0.0015, "2"),
        (None, "-1"),
        (datetime.timedelta(minutes=1, milliseconds=1), "60001"),
        (Fraction(1, 2), "500"),
        (float("inf"), "-1"),
        (1e300, "-1"),
    ],
)
def test_timeouts(timeout: Any, ms: str) -> None:
    client = libobe.Client(timeout=timeout)
    assert client.get_option("timeout_ms") == ms
    client.timeout = 7
    client.timeout = timeout
    assert client.get_option("timeout_ms") == ms
    assert client.timeout == (None if ms == "-1" else int(ms) / 1000)


def test_timeouts_of_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    for timeout in (numpy.float32(1.5), numpy.float64(1.5)):
        assert libobe.Client(timeout=timeout).timeout == 1.5
    assert libobe.Client(timeout=numpy.int64(3), port=numpy.uint16(1)).timeout == 3
    for wrong in (numpy.bool_(True), numpy.array([1.0]), numpy.timedelta64(1, "s")):
        with pytest.raises(TypeError, match=r"write timeout=5\.0"):
            libobe.Client(timeout=wrong)


@pytest.mark.parametrize("timeout", ["5", True, b"5", [5], 1j, libobe.Socket])
def test_a_timeout_that_is_no_number(timeout: Any) -> None:
    client = libobe.Client()
    calls: list[Callable[[], object]] = [
        lambda: libobe.Client(timeout=timeout),
        lambda: libobe.Socket("server", port=0, timeout=timeout),
        lambda: setattr(client, "timeout", timeout),
        lambda: client.wait_ready(timeout),
        lambda: client.tcmd(1, timeout=timeout),
        lambda: client.send(1, timeout=timeout),
        lambda: client.receive(timeout=timeout),
        lambda: client.getmean(timeout=timeout),
        lambda: client.ready(timeout=timeout),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"a timeout is None, a number of seconds or a timedelta, not .*=5\.0"):
            call()
    assert client.timeout == 60


@pytest.mark.parametrize("timeout", [-1, float("nan"), datetime.timedelta(seconds=-1)])
def test_a_timeout_out_of_range(timeout: Any) -> None:
    client = libobe.Client(timeout=5)
    with pytest.raises(ValueError, match="from 0 up"):
        client.timeout = timeout
    with pytest.raises(ValueError, match="from 0 up"):
        client.tcmd(1, timeout=timeout)
    assert client.timeout == 5


@pytest.mark.parametrize(
    ("port", "text"),
    [
        ("61981", "not '61981'; write port=61981"),
        ("x", "write port=61981"),
        (5000.0, r"not 5000\.0; write port="),
        (True, "not True"),
        (None, "not None"),
    ],
)
def test_a_port_that_is_no_integer(port: Any, text: str) -> None:
    for make in (libobe.Client, lambda port: libobe.Socket("server", port=port)):
        with pytest.raises(TypeError, match=f"the port is an integer, {text}|{text}"):
            make(port=port)


@pytest.mark.parametrize(
    ("address", "text"), [(61981, "not 61981; write port=61981"), (b"127.0.0.1", "not b'127"), (1.5, "not 1.5")]
)
def test_an_address_that_is_no_string(address: Any, text: str) -> None:
    for role in ("client", "server"):
        with pytest.raises(TypeError, match=f"the address is a string such as '127.0.0.1', {text}"):
            libobe.Socket(role, address)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=text):
        libobe.Client(address)


def waits(call: Callable[[], object], seconds: float, work: float = 0) -> None:
    """Make a call that has to time out after so many seconds, and works for some time before it waits."""
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        call()
    assert seconds - 0.01 <= time.monotonic() - began < seconds + work + peer.SOON


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.05, 0.15])  # less and more than a slice
def test_each_call_has_its_own_timeout(mute: peer.Server, seconds: float) -> None:
    client = libobe.Client(port=mute.port)
    calls: list[Callable[[], object]] = [
        lambda: client.tcmd(1, timeout=seconds),
        lambda: client.tcmd(1, timeout=datetime.timedelta(seconds=seconds)),
        lambda: client.tcmd("x" * 100_000, timeout=seconds),
        lambda: client.ready(timeout=seconds),
        lambda: client.newrun(timeout=seconds, a=1),
        lambda: client.optset(timeout=seconds),
        lambda: client.goodset(3, timeout=seconds),
        lambda: client.newdat(1, 2, 3, timeout=seconds),
        lambda: client.done(timeout=seconds),
        *(
            lambda name=name: getattr(client, name)(timeout=seconds)  # type: ignore[misc]
            for name in ("getmean", "getstd", "getcov", "getpar", "getset", "getwgt", "getcon")
        ),
    ]
    for numpy in (False, client._has_numpy):
        client._has_numpy = numpy
        for call in calls:
            waits(call, seconds)
    client.send(1)
    waits(lambda: client.receive(timeout=seconds), seconds)
    assert client.timeout == 60
    with libobe.Socket("server", port=0) as server:
        waits(lambda: server.receive(timeout=seconds), seconds)
        waits(lambda: server.receive_request(timeout=seconds), seconds)
        assert server.timeout is None


def test_a_timeout_longer_than_the_sockets(echo: peer.Server) -> None:
    """A call's own timeout applies also if that of the socket has passed."""
    with libobe.Socket("server", port=0, timeout=0) as server, libobe.Client(port=server.port) as client:
        client.send(1)
        assert server.receive(timeout=peer.TIMEOUT) == 1
        server.send(2, timeout=peer.TIMEOUT)
        assert client.receive(timeout=None) == 2
    client = libobe.Client(port=echo.port, timeout=0)
    assert client.tcmd([1.0], timeout=peer.TIMEOUT) == [1.0]
    if client._has_numpy:
        assert client.tcmd([1.0], arrays="numpy", timeout=peer.TIMEOUT).tolist() == [1.0]


@pytest.mark.slow
def test_sending_has_a_timeout() -> None:
    text = "x" * 50_000_000
    began = time.monotonic()
    json.dumps(text).encode()
    encoding = time.monotonic() - began
    with libobe.Socket("server", port=0) as server, libobe.Client(port=server.port) as client:
        waits(lambda: client.send(text, timeout=0.15), 0.15, 3 * encoding)  # the server does not read


def test_persistent() -> None:
    with peer.Server(answer=lambda body: body, persistent=True) as echo, libobe.Client(port=echo.port) as client:
        assert client.persistent is False
        client.persistent = True
        assert client.persistent is True
        assert [client.tcmd(i) for i in range(3)] == [0, 1, 2]
        assert echo.connections == 1
        client.set_option("persistent", 0)
        assert client.persistent is False
        for wrong in ("yes", 2, None):
            with pytest.raises(TypeError, match="persistent is True or False, not"):
                client.persistent = wrong  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("time_out", "a Client has no attribute 'time_out'; did you mean 'timeout'?"),
        ("Persistent", "did you mean 'persistent'?"),
        ("max_message", "a Client has no attribute 'max_message'; write set_option('max_message', ...)"),
        ("particles", "a Client has no attribute 'particles'; a subclass may have"),
    ],
)
def test_unknown_attributes_are_refused(name: str, text: str) -> None:
    client = libobe.Client()
    with pytest.raises(AttributeError) as caught:
        setattr(client, name, 1)
    assert text in str(caught.value)
    assert not hasattr(client, name)
    socket = libobe.Socket("client")
    socket.free()
    with pytest.raises(AttributeError, match=f"a Socket has no attribute '{name}'"):
        setattr(socket, name, 1)

    class Instrument(libobe.Client):
        def __init__(self) -> None:
            self.before = 1
            super().__init__()

    instrument = Instrument()
    setattr(instrument, name, 1)
    assert (getattr(instrument, name), instrument.before) == (1, 1)
    with pytest.raises(AttributeError, match="create a new Socket"):
        instrument.port = 5


def test_fields_go_into_every_command_of_a_client() -> None:
    asked: list[Any] = []

    def answer(body: bytes) -> bytes:
        asked.append(json.loads(body))
        command = asked[-1]["command"] if isinstance(asked[-1], dict) else None
        if command in ("getcov", "getpar", "getset"):
            return b"[[1.0]]"
        return b"[1.0]" if "et" in str(command) else b'"OK"'

    with peer.Server(answer=answer) as server:
        client = libobe.Client(port=server.port, fields={"instrument": 3, "x": None, "name": "\u00fc"})
        assert client.fields == {"instrument": 3, "x": None, "name": "\u00fc"}
        commands = ["ready", "optset", "goodset", "getmean", "getstd", "getcov", "getpar", "getset", "getwgt", "done"]
        for numpy in (False, client._has_numpy):
            client._has_numpy = numpy
            for name in commands:
                getattr(client, name)()
        client.wait_ready(peer.TIMEOUT)
        assert [request["command"] for request in asked] == [*commands, *commands, "ready"]
        assert all(request["instrument"] == 3 and request["name"] == "\u00fc" for request in asked)
        del asked[:]
        client.newdat(1, 2, 3)
        client.newrun(instrument=4)
        client.goodset(2)
        assert [(request["instrument"], request["x"]) for request in asked] == [(3, [1]), (4, None), (3, None)]
        assert asked[2]["pickiness"] == 2
        client.tcmd({"command": "raw"})
        assert asked[-1] == {"command": "raw"}
        client.fields = {}
        client.ready()
        assert asked[-1] == {"command": "ready"}
        client.set_option("fields", '{"a": 1}')
        assert client.fields == {"a": 1}
        client.ready()
        assert asked[-1] == {"command": "ready", "a": 1}


def test_wrong_fields_are_refused_at_once() -> None:
    client = libobe.Client(fields={"a": 1})
    with pytest.raises(ValueError, match="command"):
        client.fields = {"command": "done"}
    for wrong in ([1], "a", 5):
        with pytest.raises(TypeError, match="fields is a dictionary"):
            client.fields = wrong  # type: ignore[assignment]
        with pytest.raises(TypeError, match="fields is a dictionary"):
            libobe.Client(fields=wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a: .*not JSON serializable"):
        client.fields = {"a": object()}
    with pytest.raises(TypeError, match="item assignment"):
        client.fields["a"] = 2  # type: ignore[index]
    assert client.fields == {"a": 1}
    client.fields = None
    assert client.fields == {}


def test_the_peer_of_a_request() -> None:
    with libobe.Socket("server", port=0) as server:
        client, other = (libobe.Client(port=server.port, timeout=peer.TIMEOUT) for _ in range(2))
        client.send(1)
        first = server.receive_request()
        assert client.connection is not None
        host, port = client.connection.getsockname()
        other.send(2)
        second = server.receive_request()
        client.close()
        assert first.peer == f"{host}:{port}"
        assert second.peer != first.peer
        assert first.reply(1, timeout=1) in (False, True)
        assert first.peer == f"{host}:{port}"


def test_each_class_has_its_own_repr() -> None:
    class Instrument(libobe.Client):
        pass

    with libobe.Socket("server", port=0) as server, libobe.Client(port=server.port) as client:
        port = server.port
        assert repr(server) == f"<libobe.Socket server 127.0.0.1:{port}>"
        assert repr(client) == f"<libobe.Client client 127.0.0.1:{port}>"
        assert repr(Instrument("::1")).endswith("Instrument client [::1]:61981>")
        assert repr(Instrument()).startswith(f"<{__name__}.test_each_class")
        assert "__init__ was not called" in repr(Instrument.__new__(Instrument))
        client.send({"command": "ready", "text": "x" * 1000})
        request = server.receive_request()
        assert repr(request).startswith(f'<libobe.Request from {request.peer}: {{"command": "ready", "text": "xxx')
        assert len(repr(request)) < 200
        connection, listener = client.connection, server.server
        assert repr(connection) == f"<libobe.Connection {request.peer} - 127.0.0.1:{port}>"
        assert repr(listener) == f"<libobe.Listener 127.0.0.1:{port}>"
        request.reply("OK")
        assert "ready" in repr(request)
        client.close()
        assert repr(connection) == "<libobe.Connection closed>"
        server.free()
        assert repr(listener) == "<libobe.Listener closed>"
        assert repr(server) == f"<libobe.Socket server 127.0.0.1:{port}>"
