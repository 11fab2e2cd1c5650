"""libobe, through its Python binding, against a peer that shares no code with it: both roles, right and wrong bytes."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

import libobe
import peer

BIG = 5_000_000


@pytest.fixture
def server() -> Iterator[libobe.Socket]:
    """A server that sends every message back, until it receives "stop"."""
    with libobe.Socket("server", port=0, timeout=peer.TIMEOUT) as server:

        def serve() -> None:
            while True:
                message = server.receive()
                server.send(message)
                if message == "stop":
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server
        assert peer.exchange(server.port, b'"stop"') == b'"stop"'
        thread.join(peer.TIMEOUT)
        assert not thread.is_alive()


def dropped(server: libobe.Socket) -> dict[str, int]:
    return {name: count for name, count in server.stats().items() if name.startswith("dropped_") and count}


# -- the peer is the client --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", peer.GOOD)
@pytest.mark.parametrize(
    "body", [b'{"command": "newdat", "x": [1], "y": 2.50, "s": 1e-1}', b" NaN ", '"\u00e9"'.encode()]
)
def test_clients_that_send_correctly(server: libobe.Socket, mode: peer.SendMode, body: bytes) -> None:
    reply = peer.exchange(server.port, body, mode)
    expected = libobe._json.decode(body.decode())
    assert repr(libobe._json.decode(reply.decode())) == repr(expected)
    assert dropped(server) == {}


@pytest.mark.parametrize("mode", [*peer.WRONG, *peer.LEAVING])
def test_clients_that_send_wrongly_do_not_disturb_others(server: libobe.Socket, mode: peer.SendMode) -> None:
    counters: dict[peer.SendMode, set[str]] = {
        peer.endless: {"dropped_too_large"},
        peer.empty: {"dropped_json"},
        peer.not_json: {"dropped_json"},
        peer.not_utf8: {"dropped_json"},
        peer.half_then_close: {"dropped_incomplete"},
        peer.half_then_reset: {"dropped_incomplete", "dropped_reset"},  # a reset may discard the data before it
        peer.half_header_then_close: {"dropped_incomplete"},
        peer.close: set(),
    }
    counter = counters.get(mode, {"dropped_malformed"})
    with peer.connect(server.port) as conn:
        mode(conn, b'"a message that does not arrive"')
        if mode in peer.WRONG:
            assert peer.ended(conn), "the server waits for more bytes of an invalid message"
    assert peer.exchange(server.port, b'"honest"') == b'"honest"'
    assert peer.eventually(lambda: sum(dropped(server).values()) == bool(counter))
    assert dropped(server).keys() <= counter
    assert peer.eventually(lambda: server.stats()["connections_open"] == 0)
    assert server.stats()["messages_received"] == 1


def test_many_stalled_clients(server: libobe.Socket) -> None:
    """Two hundred clients that stall, and one that is served as if it were alone."""
    with contextlib.ExitStack() as stack:
        stalled = [stack.enter_context(peer.connect(server.port)) for _ in range(200)]
        for i, conn in enumerate(stalled):
            peer.STALLING[i % len(peer.STALLING)](conn, b'"stalled"')
        for _ in range(20):
            assert peer.exchange(server.port, b'"honest"') == b'"honest"'
        assert server.stats()["connections_open"] >= 200
        # Clients that were only slow are served in the end.
        for conn in stalled[2 :: len(peer.STALLING)]:
            conn.sendall(peer.frame(b'"stalled"')[peer.HEADER + len(b'"stalled"') // 2 :])
            assert peer.read_message(conn) == b'"stalled"'
    assert dropped(server).keys() <= {"dropped_incomplete"}


def test_a_client_too_slow_for_its_message_is_closed(server: libobe.Socket) -> None:
    server.set_option("message_timeout_ms", 50)
    with peer.connect(server.port) as idle, peer.connect(server.port) as slow:
        peer.half(slow, b'"slow"')
        assert peer.ended(slow)
        assert peer.eventually(lambda: dropped(server) == {"dropped_timeout": 1})
        # A client that has not begun a message has no time limit.
        peer.whole(idle, b'"idle"')
        assert peer.read_message(idle) == b'"idle"'


def test_messages_on_one_connection(server: libobe.Socket) -> None:
    with peer.connect(server.port) as conn:
        conn.sendall(b"".join(peer.frame(b"%d" % i) for i in range(100)))
        assert [peer.read_message(conn) for _ in range(100)] == [b"%d" % i for i in range(100)]
    assert server.stats()["connections_opened"] == 1


def test_the_server_does_not_close_first() -> None:
    """So the port is not in TIME_WAIT, and a server without SO_REUSEADDR can use it next."""

    def can_be_bound() -> bool:
        with socket.socket() as plain, contextlib.suppress(OSError):
            plain.bind(("127.0.0.1", port))
            return True
        return False

    with libobe.Socket("server", port=0, timeout=peer.TIMEOUT) as server:
        port = server.port
        with peer.connect(port) as first, peer.connect(port) as second:
            for conn in (first, second):
                peer.whole(conn, b"1")
                server.send(server.receive())
                assert peer.read_message(conn) == b"1"
            for conn in (first, second):
                conn.setblocking(False)
                with pytest.raises(BlockingIOError):
                    conn.recv(1)
    assert peer.eventually(can_be_bound)


def test_an_unanswered_client_is_closed_when_the_next_message_is_received() -> None:
    with libobe.Socket("server", port=0, timeout=peer.TIMEOUT) as server, peer.connect(server.port) as first:
        peer.whole(first, b'"unknown command"')
        assert server.receive() == "unknown command"
        with peer.connect(server.port) as second:
            peer.whole(second, b"2")
            assert server.receive() == 2
            assert peer.ended(first)
            server.send("OK")
            assert peer.read_message(second) == b'"OK"'
        assert dropped(server) == {"dropped_unanswered": 1}


def test_one_way() -> None:
    with libobe.Socket("server", port=0, timeout=peer.TIMEOUT) as server:
        server.set_option("one_way", True)
        with peer.connect(server.port) as first, peer.connect(server.port) as second:
            for value in range(3):
                for conn in (first, second):
                    peer.whole(conn, b"%d" % value)
                    assert server.receive() == value
        assert dropped(server) == {}


def test_a_client_that_leaves_before_its_answer() -> None:
    with libobe.Socket("server", port=0, timeout=peer.TIMEOUT) as server:
        conn = peer.connect(server.port)
        peer.whole(conn, b'"x"')
        server.receive()
        peer.reset(conn)
        server.send("too late")
        assert server.stats()["messages_sent"] == 0
        with peer.connect(server.port) as conn:
            peer.whole(conn, b'"y"')
            assert server.receive() == "y"
            server.send("in time")
            assert peer.read_message(conn) == b'"in time"'


def test_large_messages_from_a_client(server: libobe.Socket) -> None:
    body = b'"' + b"x" * BIG + b'"'
    assert peer.exchange(server.port, body) == body


# -- the peer is the server --------------------------------------------------------------------------------------------


def client_of(server: peer.Server, timeout: float = peer.TIMEOUT) -> libobe.Socket:
    return libobe.Socket("client", "127.0.0.1", server.port, timeout=timeout)


@pytest.mark.parametrize("mode", peer.GOOD)
@pytest.mark.parametrize("body", [b'"OK"', b"[1, 2.0, NaN]", b'{"a": {"b": null}}', b" Infinity\n"])
def test_servers_that_send_correctly(mode: peer.SendMode, body: bytes) -> None:
    with peer.Server(lambda _: body, mode) as server:
        assert repr(client_of(server).tcmd({"command": "getset"})) == repr(libobe._json.decode(body.decode()))
    assert server.deaths == []


def test_bytes_of_a_command() -> None:
    received = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            conn, _ = listener.accept()
            with conn:
                received.append(conn.recv(1000))  # the whole message was sent in one write
                conn.sendall(peer.frame(b'"OK"'))
                conn.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        client = libobe.Socket("client", port=listener.getsockname()[1], timeout=peer.TIMEOUT)
        assert client.tcmd({"command": "goodset", "pickiness": 4}) == "OK"
        thread.join(peer.TIMEOUT)
    assert received == [b'0000000038{"command": "goodset", "pickiness": 4}']


@pytest.mark.parametrize(
    ("mode", "error", "family"),
    [
        (peer.garbage, libobe.errors.FrameError, ValueError),
        (peer.quoted_header, libobe.errors.FrameError, ValueError),
        (peer.signed_header, libobe.errors.FrameError, ValueError),
        (peer.underscore_header, libobe.errors.FrameError, ValueError),
        (peer.blank_header, libobe.errors.FrameError, ValueError),
        (peer.endless, libobe.errors.TooLargeError, ValueError),
        (peer.empty, libobe.errors.JsonError, ValueError),
        (peer.not_json, libobe.errors.JsonError, ValueError),
        (peer.not_utf8, libobe.errors.JsonError, ValueError),
        (peer.half_then_close, libobe.errors.PeerClosedError, RuntimeError),
        (peer.half_header_then_close, libobe.errors.PeerClosedError, RuntimeError),
        (peer.close, libobe.errors.PeerClosedError, RuntimeError),
        (peer.half_then_reset, libobe.errors.ResetError, ConnectionResetError),
        (peer.silence, libobe.errors.TimeoutError, TimeoutError),
        (peer.half_header, libobe.errors.TimeoutError, TimeoutError),
        (peer.half, libobe.errors.TimeoutError, TimeoutError),
    ],
)
def test_servers_that_send_wrongly(mode: peer.SendMode, error: type[Exception], family: type[Exception]) -> None:
    modes = iter([mode, peer.whole, mode])

    def in_turn(conn: socket.socket, body: bytes) -> None:
        next(modes)(conn, body)

    with peer.Server(mode=in_turn) as server:
        client = client_of(server, 0.15 if mode in peer.STALLING else peer.TIMEOUT)
        with pytest.raises(family) as caught:
            client.tcmd({"command": "ready"})
        assert isinstance(caught.value, error)
        assert client.connection is None
        client.set_option("timeout_ms", 10_000)
        assert client.tcmd({"command": "ready"}) == "OK"
        # On another thread the binding makes other calls.
        client.set_option("timeout_ms", 150 if mode in peer.STALLING else 10_000)
        outcome: list[Exception] = []

        def command() -> None:
            try:
                client.tcmd({"command": "ready"})
            except Exception as problem:
                outcome.append(problem)

        thread = threading.Thread(target=command)
        thread.start()
        thread.join(peer.TIMEOUT)
        assert [type(problem) for problem in outcome] == [error]


def test_a_message_beyond_the_limit_is_not_sent() -> None:
    with peer.Server() as server:
        client = client_of(server)
        client.set_option("max_message", 100)
        for _ in range(2):
            with pytest.raises(ValueError, match="OBE_E_TOO_LARGE"):
                client.tcmd("x" * 100)
        assert client.tcmd("x" * 98) == "OK"
        assert server.connections == 1
        assert server.deaths == []


def test_the_library_never_kills_a_server() -> None:
    """A Python optbayesexpt server does not survive a connection without a whole message."""
    with peer.Server() as server:
        client = client_of(server)
        client.wait_ready(peer.TIMEOUT)
        for bad in ({1}, b"x", 1j):
            with pytest.raises(TypeError):
                client.tcmd(bad)
        client.send("x")
        client.close()
        client.send("y")
        client.send("z")
        client.free()
        with client_of(server) as other:
            other.send("last")
            assert other.receive() == "OK"
        assert len(server.requests) == 5
        assert server.connections == 5
        assert server.deaths == []


def test_persistent_client() -> None:
    with peer.Server(lambda body: body, persistent=True) as server, client_of(server) as client:
        client.set_option("persistent", True)
        assert [client.tcmd(i) for i in range(100)] == list(range(100))
        assert server.connections == 1


def test_large_messages_from_a_server() -> None:
    text = "x" * BIG
    with peer.Server(lambda body: body) as server:
        assert client_of(server).tcmd(text) == text


# -- both ends are the library, or the peer is another process ---------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_hosts(host: str) -> None:
    with peer.Server(lambda body: body, host=host) as server:
        assert libobe.Socket("client", host, server.port).tcmd(1) == 1
    with libobe.Socket("server", host, 0, timeout=peer.TIMEOUT) as listening:
        replies: list[bytes] = []
        thread = threading.Thread(target=lambda: replies.append(peer.exchange(listening.port, b"1", host=host)))
        thread.start()
        listening.send(listening.receive())
        thread.join(peer.TIMEOUT)
        assert replies == [b"1"]


def test_the_peer_as_a_program(server: libobe.Socket) -> None:
    program = [sys.executable, peer.__file__]
    command = [*program, "client", str(server.port), '{"command": "getset"}', "byte_by_byte"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == '{"command": "getset"}\n'
    with subprocess.Popen(
        [*program, "server", "space_padded"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        client = libobe.Socket("client", port=int(process.stdout.readline()), timeout=peer.TIMEOUT)
        assert client.tcmd({"command": "ready"}) == "OK"
        deaths, _ = process.communicate()
        assert deaths == ""
