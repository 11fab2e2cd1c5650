"""The socket as a drop-in replacement for optbayesexpt.Socket, and its additions."""

from __future__ import annotations

import concurrent.futures
import copy
import gc
import json
import pickle
import socket
import threading
from typing import Any, Callable

import pytest

import libobe
import peer


def client_of(server: peer.Server, **options: Any) -> libobe.Socket:
    return libobe.Socket("client", "127.0.0.1", server.port, **options)


def on_thread(call: Callable[[], Any]) -> Callable[[], Any]:
    """Start a call on another thread. The function that this returns waits for the call and returns its result."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((True, call()))
        except Exception as error:
            outcome.append((False, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> Any:
        thread.join(peer.TIMEOUT)
        assert outcome, "the call is still blocked"
        succeeded, value = outcome[0]
        if not succeeded:
            raise value
        return value

    return result


def test_tcmd_is_one_connection_and_one_message(echo: peer.Server) -> None:
    client = client_of(echo)
    command = {"command": "goodset", "pickiness": 4}
    assert client.tcmd(command) == command
    assert client.tcpcmd(command) == command
    assert echo.requests == [b'{"command": "goodset", "pickiness": 4}'] * 2
    assert echo.connections == 2
    assert echo.deaths == []
    assert client.connection is None


def test_send_receive_close(echo: peer.Server) -> None:
    client = client_of(echo)
    client.send("one")
    assert client.receive() == "one"
    assert client.connection is not None
    client.close()
    assert client.connection is None
    client.close()


def test_a_second_send_opens_a_new_connection(echo: peer.Server) -> None:
    client = client_of(echo)
    client.send("one")
    client.send("two")
    assert client.receive() == "two"
    assert echo.connections == 2


def test_persistent_reuses_the_connection() -> None:
    with peer.Server(answer=lambda body: body, persistent=True) as echo, client_of(echo) as client:
        client.set_option("persistent", True)
        assert [client.tcmd(i) for i in range(5)] == [0, 1, 2, 3, 4]
        client.send("a")
        client.send("b")  # with the answer to the first unread
        assert [client.receive(), client.receive()] == ["a", "b"]
        assert echo.connections == 1
        client.set_option("persistent", False)
        assert client.tcmd(5) == 5
        assert client.connection is None


def test_client_does_not_connect_before_it_sends(echo: peer.Server) -> None:
    client = client_of(echo)
    for bad in ({1, 2}, b"bytes", bytearray(b"bytes"), {"x": object()}, 1j):
        with pytest.raises(TypeError):
            client.send(bad)
        with pytest.raises(TypeError):
            client.tcmd(bad)
    with pytest.raises(RuntimeError, match="OBE_E_STATE"):
        client.receive()
    assert client.tcmd(1) == 1
    assert echo.connections == 1


def test_server(server: libobe.Socket) -> None:
    reply = on_thread(lambda: peer.exchange(server.port, b'{"command": "ready"}'))
    assert server.receive() == {"command": "ready"}
    assert server.connection is not None
    server.send("OK")
    assert reply() == b'"OK"'


def test_a_server_cannot_send_before_it_has_received(server: libobe.Socket) -> None:
    with pytest.raises(RuntimeError, match="OBE_E_STATE"):
        server.send("OK")


def test_server_two_answers_on_one_connection(server: libobe.Socket) -> None:
    with peer.connect(server.port) as conn:
        peer.whole(conn, b"1")
        assert server.receive() == 1
        server.send("first")
        server.send("second")
        assert [peer.read_message(conn), peer.read_message(conn)] == [b'"first"', b'"second"']


def test_server_answers_what_it_received_with_numpy(server: libobe.Socket) -> None:
    pytest.importorskip("numpy")
    client = libobe.Socket("client", port=server.port)
    reply = on_thread(lambda: client.tcmd([1.0, 2.5]))
    assert server.receive(arrays="numpy").tolist() == [1.0, 2.5]
    server.send("OK")
    assert reply() == "OK"


def answer_all(server: libobe.Socket, pad: str = "") -> None:
    """A loop over receive and send, until the server is freed."""
    while True:
        try:
            value = server.receive()
        except (libobe.errors.ClosedError, libobe.errors.HandleError):
            return
        server.send([value, pad])


def ask_all(server: libobe.Socket, name: str, count: int) -> None:
    with libobe.Socket("client", port=server.port) as client:
        for i in range(count):
            assert client.tcmd([name, i])[0] == [name, i]


def test_loops_on_two_threads_answer_their_own_clients() -> None:
    server = libobe.Socket("server", port=0)
    loops = [on_thread(lambda: answer_all(server)) for _ in range(2)]
    asking = [on_thread(lambda name=f"client {i}": ask_all(server, name, 200)) for i in range(4)]  # type: ignore[misc]
    for result in asking:
        result()
    server.free()
    for result in loops:
        result()


def test_loops_on_the_main_thread_and_on_another() -> None:
    """Answers too large to be sent at once go to the right client as well."""
    server = libobe.Socket("server", port=0)
    pad = "x" * 300_000
    other = on_thread(lambda: answer_all(server, pad))
    asking = [on_thread(lambda name=f"client {i}": ask_all(server, name, 40)) for i in range(4)]  # type: ignore[misc]
    ended = on_thread(lambda: ([result() for result in asking], server.free()))
    answer_all(server, pad)
    ended()
    other()


def test_one_loop_in_an_executor() -> None:
    """One loop works on whichever threads of a pool its calls are made."""
    server = libobe.Socket("server", port=0)
    asking = on_thread(lambda: ask_all(server, "client", 100))
    with concurrent.futures.ThreadPoolExecutor(1) as one, concurrent.futures.ThreadPoolExecutor(1) as other:
        for i in range(100):
            value = (one, other)[i % 2].submit(server.receive).result()
            (one, other)[i % 3 % 2].submit(server.send, [value]).result()
    asking()
    server.free()


def test_pipelined_commands_are_answered_in_order() -> None:
    """A client that does not wait for replies gets them in the order of its commands, however many threads serve."""
    server = libobe.Socket("server", port=0)
    loops = [on_thread(lambda: answer_all(server)) for _ in range(4)]
    with socket.create_connection(("127.0.0.1", server.port), timeout=peer.TIMEOUT) as client:
        bodies = [b"%d" % i for i in range(500)]
        client.sendall(b"".join(b"%010d%b" % (len(body), body) for body in bodies))
        with client.makefile("rb") as replies:
            for body in bodies:
                assert json.loads(replies.read(int(replies.read(10))))[0] == int(body)
    server.free()
    for result in loops:
        result()


def test_server_close_keeps_the_listener(server: libobe.Socket) -> None:
    with peer.connect(server.port) as conn:
        peer.whole(conn, b"1")
        server.receive()
        server.close()
        assert peer.ended(conn)
    assert server.connection is None
    reply = on_thread(lambda: peer.exchange(server.port, b"2"))
    server.send(server.receive())
    assert reply() == b"2"


def test_tcpcmd_of_a_server_is_none(server: libobe.Socket) -> None:
    assert server.tcpcmd({"command": "ready"}) is None
    assert server.tcmd({1, 2}) is None


@pytest.mark.parametrize("role", ["banana", "Client", "", None])
def test_wrong_role(role: Any) -> None:
    with pytest.raises(ValueError, match="'client' or 'server'"):
        libobe.Socket(role)


@pytest.mark.parametrize(("port", "error"), [(70000, ValueError), (-1, ValueError), (2**32, ValueError)])
def test_port_out_of_range(port: int, error: type[Exception]) -> None:
    for role in ("client", "server"):
        with pytest.raises(error, match="65535"):
            libobe.Socket(role, port=port)


@pytest.mark.parametrize("port", ["61981", 61981.0, None])
def test_port_of_a_wrong_type(port: Any) -> None:
    with pytest.raises(TypeError):
        libobe.Socket("client", port=port)


def test_address_with_nul() -> None:
    with pytest.raises(ValueError, match="OBE_E_ARGUMENT"):
        libobe.Socket("client", "127.0.0.1\0.example.org")


@pytest.mark.parametrize("address", ["", None, "127.0.0.1", "localhost"])
def test_loopback_addresses(address: str | None) -> None:
    with libobe.Socket("server", address, 0) as server, libobe.Socket("client", address, server.port) as client:
        reply = on_thread(lambda: client.tcmd(1))
        server.send(server.receive())
        assert reply() == 1
        assert server.ip_address == address
        listener = server.server
        assert listener is not None
        assert listener.getsockname()[0] in ("127.0.0.1", "::1")


def test_ipv6() -> None:
    with libobe.Socket("server", "::1", 0) as server, libobe.Socket("client", "::1", server.port) as client:
        reply = on_thread(lambda: client.tcmd(1))
        server.send(server.receive())
        assert reply() == 1
        assert server.server is not None
        assert server.server.getsockname() == ("::1", server.port)


def test_attributes(server: libobe.Socket) -> None:
    assert (server.role, server.ip_address) == ("server", "")
    assert 0 < server.port < 65536
    assert server.connection is None
    assert server.server is not None
    assert server.server.getsockname() == ("127.0.0.1", server.port)
    with pytest.raises(OSError, match=r".*"):
        server.server.getpeername()
    with libobe.Socket("client", port=server.port) as client:
        assert (client.role, client.port, client.server, client.connection) == ("client", server.port, None, None)
        client.send(1)
        server.receive()
        assert client.connection is not None
        assert server.connection is not None
        assert client.connection.getpeername() == ("127.0.0.1", server.port)
        assert client.connection.getsockname() == server.connection.getpeername()
        client.connection.close()
        assert client.connection is None


def test_read_only_attributes(server: libobe.Socket) -> None:
    server.port = server.port
    for name in ("role", "ip_address", "port"):
        with pytest.raises(AttributeError, match="create a new Socket"):
            setattr(server, name, "other")


def test_closing_the_listener_releases_the_port() -> None:
    server = libobe.Socket("server", port=0)
    port = server.port
    listener = server.server
    assert listener is not None
    listener.close()
    assert server.server is None
    assert server.connection is None
    socket.create_server(("127.0.0.1", port)).close()
    with pytest.raises(ValueError, match="OBE_E_HANDLE"):
        server.receive()
    server.free()


def test_subclass() -> None:
    class Model:
        def __init__(self) -> None:
            self._timeout = "a model's own"
            self.particles = [1.0]

    class Server(libobe.Socket, Model):
        def __init__(self, ip_address: str = "127.0.0.1", port: int = 61981) -> None:
            libobe.Socket.__init__(self, "server", ip_address=ip_address, port=port)
            Model.__init__(self)
            self.noise = 1.0

        def run(self) -> None:
            while True:
                message = self.receive()
                self.send(self.particles if "getpar" in message["command"] else "OK")
                if "done" in message["command"]:
                    return

    server = Server(port=0)
    done = on_thread(server.run)
    client = libobe.Socket("client", port=server.port)
    client.wait_ready(peer.TIMEOUT)
    assert client.tcpcmd({"command": "getpar"}) == [1.0]
    assert client.tcpcmd({"command": "done"}) == "OK"
    done()
    assert server._timeout == "a model's own"


def test_init_twice_frees_the_first() -> None:
    server = libobe.Socket("server", port=0)
    first = server.port
    server.__init__("server", port=0)  # type: ignore[misc]
    socket.create_server(("127.0.0.1", first)).close()


def test_the_context_manager_releases_the_port() -> None:
    with libobe.Socket("server", port=0) as server:
        port = server.port
    socket.create_server(("127.0.0.1", port)).close()


def test_a_collected_server_releases_its_port() -> None:
    server = libobe.Socket("server", port=0)
    port = server.port
    listener = server.server  # refers to the handle, as a socket object would
    assert listener is not None
    del server, listener
    socket.create_server(("127.0.0.1", port)).close()


def test_a_cycle_is_collected() -> None:
    class Server(libobe.Socket):
        me: Server

    server = Server("server", port=0)
    port = server.port
    server.me = server
    del server
    gc.collect()
    socket.create_server(("127.0.0.1", port)).close()


def test_no_copies() -> None:
    client = libobe.Socket("client")
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied"):
            copied(client)


def test_repr() -> None:
    assert repr(libobe.Socket("client", port=5)) == "<libobe.Socket client 127.0.0.1:5>"


@pytest.mark.slow
def test_large_messages(echo: peer.Server) -> None:
    text = "x" * 3_000_000
    assert client_of(echo).tcmd(text) == text
    # Around the size of the receive buffer.
    for size in range(libobe._buffer.SIZE - 4, libobe._buffer.SIZE + 2):
        assert len(client_of(echo).tcmd("x" * size)) == size
    assert on_thread(lambda: client_of(echo).tcmd(text))() == text


def test_large_messages_to_a_server(server: libobe.Socket) -> None:
    text = "x" * 3_000_000
    with libobe.Socket("client", port=server.port) as client:
        reply = on_thread(lambda: client.tcmd(text))
        server.send(server.receive())
        assert reply() == text


def test_options(server: libobe.Socket) -> None:
    with libobe.Socket("client", timeout=1.5) as client:
        assert client.get_option("timeout_ms") == "1500"
        assert libobe.Socket("client").get_option("timeout_ms") == "60000"
        assert libobe.Socket("server", port=0).get_option("timeout_ms") == "-1"
        assert libobe.Socket("client", timeout=None).get_option("timeout_ms") == "-1"
        client.set_option("persistent", True)
        assert client.get_option("persistent") == "1"
        client.set_option("timeout_ms", 7)
        assert client.get_option("timeout_ms") == "7"
        client.set_option("max_message", "1000")
        assert client.get_option("max_message") == "1000"
        for name, value in (("no_such_option", 1), ("timeout_ms", "soon"), ("persistent", "maybe"), ("a\0b", "1")):
            with pytest.raises(libobe.Error):
                client.set_option(name, value)
        assert client.get_option("timeout_ms") == "7"
        with pytest.raises(TypeError):
            client.set_option("timeout_ms", 1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_bad_timeout(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        libobe.Socket("client", timeout=timeout)


def test_stats(echo: peer.Server) -> None:
    client = client_of(echo)
    client.tcmd("x")
    stats = client.stats()
    assert stats["messages_sent"] == stats["messages_received"] == stats["connections_opened"] == 1
    assert stats["bytes_sent"] == stats["bytes_received"] == 13
    assert stats["connections_open"] == 0


def test_wait_ready(server: libobe.Socket) -> None:
    client = libobe.Socket("client", port=server.port)
    ready = on_thread(lambda: client.wait_ready(peer.TIMEOUT))
    assert server.receive() == {"command": "ready"}
    server.send("OK")
    ready()


def test_wait_ready_for_a_server_that_starts_later() -> None:
    with libobe.Socket("server", port=0) as place:
        port = place.port
    client = libobe.Socket("client", port=port)
    ready = on_thread(lambda: client.wait_ready(peer.TIMEOUT))
    with libobe.Socket("server", port=port, timeout=peer.TIMEOUT) as server:
        assert server.receive() == {"command": "ready"}
        server.send("OK")
        ready()


def test_wait_ready_times_out() -> None:
    with libobe.Socket("server", port=0) as place:
        port = place.port
    with pytest.raises(TimeoutError):
        libobe.Socket("client", port=port).wait_ready(0.2)


def test_threads_share_a_client(echo: peer.Server) -> None:
    """Every command gets its own reply, whichever thread sends it, one of which is the main thread."""
    client = client_of(echo)

    def work(number: int) -> None:
        for i in range(25):
            assert client.tcmd([number, i]) == [number, i]

    others = [on_thread(lambda number=number: work(number)) for number in range(4)]  # type: ignore[misc]
    work(4)
    for other in others:
        other()
    assert echo.deaths == []


@pytest.mark.parametrize("call", ["receive", "tcmd"])
def test_cancel_from_another_thread(mute: peer.Server, call: str) -> None:
    """Cancel wakes a call on the main thread, and one on another thread. The socket stays usable."""
    client = client_of(mute)

    def blocked() -> Any:
        if call == "tcmd":
            return client.tcmd("x")
        client.send("x")
        return client.receive()

    def cancel() -> None:
        assert mute.got_request.acquire(timeout=peer.TIMEOUT)
        while not over.wait(0.01):  # repeatedly, because it does not affect a call that begins later
            client.cancel()

    over = threading.Event()
    canceller = on_thread(cancel)
    with pytest.raises(libobe.errors.CancelledError):
        blocked()
    over.set()
    canceller()

    over.clear()
    canceller = on_thread(cancel)
    with pytest.raises(libobe.errors.CancelledError):
        on_thread(blocked)()
    over.set()
    canceller()


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (lambda client: client.tcmd(1), "tcmd"),
        (lambda client: client.stats(), "get_stat"),
        (lambda client: client.set_option("trace", ""), "set_option"),
    ],
)
def test_calls_after_free_say_so(call: Callable[[libobe.Client], object], operation: str) -> None:
    client = libobe.Client(port=1)
    client.free()
    with pytest.raises(libobe.errors.HandleError, match=f"^{operation}: the socket was freed; create a new one"):
        call(client)


def test_free_wakes_all_threads() -> None:
    server = libobe.Socket("server", port=0)
    waiting = [on_thread(server.receive) for _ in range(4)]
    with pytest.raises(libobe.errors.TimeoutError):
        libobe.Socket("server", port=0, timeout=0).receive()
    server.free()
    for result in waiting:
        with pytest.raises((libobe.errors.ClosedError, libobe.errors.HandleError)):
            result()


def test_close_wakes_the_main_thread(mute: peer.Server) -> None:
    client = client_of(mute)

    def close() -> None:
        assert mute.got_request.acquire(timeout=peer.TIMEOUT)
        while not over.wait(0.01):
            client.close()

    over = threading.Event()
    closer = on_thread(close)
    with pytest.raises(RuntimeError):
        client.tcmd("x")
    over.set()
    closer()


def test_poll(server: libobe.Socket) -> None:
    server.set_option("timeout_ms", 0)
    with pytest.raises(TimeoutError):
        server.receive()
    with peer.connect(server.port) as conn:
        peer.whole(conn, b"1")
        server.set_option("timeout_ms", 10_000)
        assert server.receive() == 1


def test_a_receive_that_timed_out_lost_nothing(server: libobe.Socket) -> None:
    server.set_option("timeout_ms", 10)
    with peer.connect(server.port) as conn:
        message = peer.frame(b'"in two halves"')
        conn.sendall(message[:14])
        with pytest.raises(TimeoutError):
            server.receive()
        conn.sendall(message[14:])
        server.set_option("timeout_ms", 10_000)
        assert server.receive() == "in two halves"
