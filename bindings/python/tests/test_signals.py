"""Ctrl-C ends any call that blocks at once, other signal handlers run in time, and neither loses a message."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Callable, TypeVar

import pytest

import libobe
import peer
from conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")]

DELAY = 0.15  # long enough for a call to be past its first slice
LATEST = 0.2  # how late a handler may run, if this machine is not late


T = TypeVar("T", bound=Callable[..., None])


class LateError(AssertionError):
    """A handler ran too late, which may be because no CPU was free."""


def check_promptness(due: float, now: float | None = None) -> None:
    late = (now or time.monotonic()) - due
    if late >= LATEST and late >= LATEST + 2 * lateness():
        raise LateError(f"{late:.3f} s")


def lateness() -> float:
    """How late this machine now ends a program that sleeps."""
    began = time.monotonic()
    subprocess.run(["sleep", "0.05"], check=True)
    return time.monotonic() - began - 0.05


def five_tries(test: T) -> T:
    """A busy machine occasionally delays a program. A call that does not let handlers run is late every time."""

    @functools.wraps(test)
    def attempts(*arguments: Any, **named: Any) -> None:
        for attempt in range(5):
            try:
                test(*arguments, **named)
                break
            except LateError:
                if attempt == 4:
                    raise

    return attempts  # type: ignore[return-value]


class Interrupt(BaseException):
    """Like KeyboardInterrupt, but pytest does not end because of it."""


@contextlib.contextmanager
def handler(function: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, function)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def no_garbage_collector() -> Iterator[None]:
    """It may run anywhere, and with it the finalizers of objects of earlier tests."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def raising(number: int, frame: FrameType | None) -> None:
    raise Interrupt


def interrupt(call: Callable[[], Any], delay: float = DELAY) -> None:
    """Make a call, and send a signal whose handler raises, which has to end the call at once."""
    with handler(raising):
        due = time.monotonic() + delay
        signal.setitimer(signal.ITIMER_REAL, delay)
        with pytest.raises(Interrupt):
            call()
        check_promptness(due)


@contextlib.contextmanager
def full_backlog() -> Iterator[socket.socket]:
    """A listener where a further connect neither succeeds nor fails."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener


@five_tries
def test_server_receive(server: libobe.Socket) -> None:
    interrupt(server.receive)
    with peer.connect(server.port) as conn:
        peer.whole(conn, b'"still here"')
        assert server.receive() == "still here"


@five_tries
def test_client_receive(mute: peer.Server) -> None:
    client = libobe.Socket("client", port=mute.port)
    client.send("x")
    interrupt(client.receive)
    assert client.connection is not None


@pytest.mark.parametrize("persistent", [False, True])
@five_tries
def test_tcmd_closes_its_connection(persistent: bool) -> None:
    with peer.Server(lambda body: body if body == b'"loud"' else None, persistent=persistent) as server:
        client = libobe.Socket("client", port=server.port)
        client.set_option("persistent", persistent)
        assert client.tcmd("loud") == "loud"
        interrupt(lambda: client.tcmd("x"))
        assert client.connection is None
        assert client.tcmd("loud") == "loud"


@pytest.mark.parametrize("address", ["127.0.0.1", "LOCALHOST"])
@five_tries
def test_connecting(address: str) -> None:
    """In slices to a loopback address, on a helper thread to any other."""
    with full_backlog() as full:
        client = libobe.Socket("client", address, full.getsockname()[1])
        interrupt(lambda: client.send("x"))
        interrupt(lambda: client.tcmd("x"))


def test_connecting_continues_after_a_slice() -> None:
    """It connects once the backlog has room, and the message arrives once."""
    arrived: list[bytes] = []
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(full_backlog())

        def accept(number: int, frame: FrameType | None) -> None:
            listener.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    stack.enter_context(listener.accept()[0])

        client = libobe.Socket("client", port=listener.getsockname()[1], timeout=peer.TIMEOUT)
        with handler(accept):
            signal.setitimer(signal.ITIMER_REAL, DELAY)
            client.send("x")
        listener.settimeout(peer.TIMEOUT)
        conn = stack.enter_context(listener.accept()[0])
        conn.settimeout(peer.TIMEOUT)
        arrived.append(peer.read_message(conn))
        client.close()
        assert peer.ended(conn)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert arrived == [b'"x"']


@five_tries
def test_wait_ready() -> None:
    with libobe.Socket("server", port=0) as place:
        port = place.port
    client = libobe.Socket("client", port=port)
    interrupt(client.wait_ready)


@five_tries
def test_sending_more_than_the_peer_reads(server: libobe.Socket) -> None:
    big = "x" * 30_000_000
    due: list[float] = []

    def interrupt_when_it_sends(conn: socket.socket) -> None:
        conn.recv(1)
        due.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGALRM)

    def accept() -> None:
        with listener.accept()[0] as conn:
            interrupt_when_it_sends(conn)
            assert over.wait(peer.TIMEOUT)

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener, handler(raising):
        client = libobe.Socket("client", port=listener.getsockname()[1])
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        with pytest.raises(Interrupt):
            client.send(big)
        check_promptness(due.pop())
        over.set()
        accepting.join()
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):  # it was not started again with every slice
            listener.accept()
    with peer.connect(server.port) as conn, handler(raising):
        peer.whole(conn, b"1")
        server.receive()
        threading.Thread(target=interrupt_when_it_sends, args=(conn,), daemon=True).start()
        with pytest.raises(Interrupt):
            server.send(big)
        check_promptness(due.pop())


@five_tries
def test_small_answers_that_the_client_does_not_read(server: libobe.Socket) -> None:
    """They fill the connection. The one that no longer fits can be interrupted."""
    answered = []

    def answer_forever() -> None:
        while True:
            server.send("x" * 10_000)
            answered.append(time.monotonic())

    with peer.connect(server.port) as conn:
        peer.whole(conn, b"1")
        server.receive()
        begin = time.monotonic()
        interrupt(answer_forever, 0.5)
        if answered[-1] > begin + 0.4:
            raise LateError("no answer blocked")


def test_other_handlers_run_and_the_call_continues(server: libobe.Socket) -> None:
    ticks = []
    with contextlib.ExitStack() as stack:

        def tick(number: int, frame: FrameType | None) -> None:
            ticks.append(number)
            if len(ticks) == 3:
                conn = stack.enter_context(peer.connect(server.port))
                peer.whole(conn, b'"after three"')

        with handler(tick):
            signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
            assert server.receive() == "after three"
    assert len(ticks) >= 3


@pytest.mark.parametrize(
    ("call", "error"),
    [("cancel", libobe.errors.CancelledError), ("close", RuntimeError), ("free", libobe.errors.ClosedError)],
)
def test_a_handler_that_ends_the_call(call: str, error: type[Exception], mute: peer.Server) -> None:
    """It runs between two slices, when no call is in the library."""
    for end in (libobe.Socket("server", port=0), libobe.Socket("client", port=mute.port)):
        with handler(lambda number, frame, end=end: getattr(end, call)()):  # type: ignore[misc]
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(error):
                end.tcmd("x") if end.role == "client" else end.receive()


@pytest.mark.parametrize(
    ("address", "elsewhere"), [("", False), (None, False), ("::1", False), ("127.9.9.9", False), ("192.0.2.1", True)]
)
def test_which_sends_need_the_helper_thread(address: str | None, elsewhere: bool) -> None:
    """Connecting to another machine may take longer than a slice, and must not start again with each slice."""
    client = libobe.Socket("client", address)
    assert client._obe._may_block(1) is elsewhere
    assert client._obe._may_block(100_000) is True


@contextlib.contextmanager
def on_signal(call: Callable[[], Any]) -> Iterator[None]:
    """When the main thread is inside the library, send a signal, and call before the signal's handler runs."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    main = threading.get_ident()

    def run() -> None:
        while sys._current_frames()[main].f_code is not libobe._waiter.Waiter.poll_in_slices.__code__:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGALRM)
        reader.recv(1)  # what Python writes where a signal arrives
        call()

    with reader, writer, handler(raising):
        thread = threading.Thread(target=run)
        thread.start()
        before = signal.set_wakeup_fd(writer.fileno())
        try:
            yield
            thread.join()
        finally:
            signal.set_wakeup_fd(before)


def test_a_message_that_arrives_with_the_signal_is_kept(server: libobe.Socket) -> None:
    """The signal arrives while the library waits, and a message before it returns: the next receive returns it."""
    with peer.connect(server.port) as conn:
        for _ in range(5):
            with on_signal(lambda: peer.whole(conn, b'"with the signal"')), pytest.raises(Interrupt):
                server.receive()
            assert server.receive() == "with the signal"
            assert server.connection is not None
            server.send("answer")
            assert peer.read_message(conn) == b'"answer"'
    assert server.stats()["messages_received"] == 5


@pytest.mark.parametrize("end", ["send", "close", "tcmd"])
def test_a_pending_message_is_discarded_with_its_connection(end: str) -> None:
    release = threading.Semaphore(0)

    def answer(body: bytes) -> bytes:
        assert body != b'"first"' or release.acquire(timeout=peer.TIMEOUT)
        return body

    with peer.Server(answer) as server:
        client = libobe.Socket("client", port=server.port, timeout=peer.TIMEOUT)
        client.send("first")
        with on_signal(release.release), pytest.raises(Interrupt):
            client.receive()
        if end == "close":
            client.close()
            with pytest.raises(RuntimeError, match="OBE_E_STATE"):
                client.receive()
        elif end == "send":
            client.send("second")
            assert client.receive() == "second"
        else:
            assert client.tcmd("second") == "second"


@pytest.mark.skipif(
    sys.version_info < (3, 10), reason="Python 3.9 may raise after a function has evaluated what it returns"
)
def test_nothing_is_lost_by_many_interrupts(server: libobe.Socket) -> None:
    count = 2000
    receive = libobe._inbox.Inbox.receive.__code__

    def raise_inside_receive(number: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code is receive:
                raise Interrupt
            frame = frame.f_back

    def send_all() -> None:
        with peer.connect(server.port) as conn:
            for i in range(count):
                peer.whole(conn, b"%d" % i)
            assert peer.ended(conn)

    sender = threading.Thread(target=send_all)
    sender.start()
    received: list[int] = []
    interrupts = 0
    with handler(raise_inside_receive):
        while len(received) < count:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.000001, 0.0001))
            try:
                received.append(server.receive())
            except Interrupt:
                interrupts += 1
    assert received == list(range(count))
    assert interrupts > 10
    server.close()
    sender.join()


PROGRAM = """
import signal, sys, time, libobe
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for background programs
call, port = sys.argv[1], int(sys.argv[2])
socket = libobe.Socket("server" if call == "receive" else "client", port=port)
print("ready", flush=True)
try:
    socket.receive() if call == "receive" else socket.tcmd("x")
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
"""


def waits(process: int) -> int:
    """How often the main thread of a process has slept."""
    status = Path(f"/proc/{process}/task/{process}/status").read_text()
    return int(status.split("voluntary_ctxt_switches:")[1].split()[0])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("call", ["receive", "tcmd", "connect"])
@five_tries
def test_ctrl_c(mute: peer.Server, call: str) -> None:
    """A real SIGINT to a process that has been in the call for at least two slices."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")}
    with full_backlog() as full:
        port = {"receive": 0, "tcmd": mute.port, "connect": full.getsockname()[1]}[call]
        command = [sys.executable, "-c", PROGRAM, call, str(port)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as program:
            try:
                assert program.stdout is not None
                assert program.stdout.readline() == "ready\n"
                begin = waits(program.pid)
                while waits(program.pid) < begin + 2:
                    time.sleep(0.01)
                sent = time.monotonic()
                program.send_signal(signal.SIGINT)
                ended = float(program.stdout.readline())
                check_promptness(sent, ended)
                assert program.wait(peer.TIMEOUT) == 0
            finally:
                program.kill()


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("reply", [[2.5], "no"])
def test_a_command_of_the_protocol_that_outlasts_many_slices(persistent: bool, reply: Any) -> None:
    """It is sent once, and its reply is checked like one that arrives at once."""
    release, bodies = threading.Event(), []

    def answer(body: bytes) -> bytes:
        bodies.append(body)
        assert release.wait(peer.TIMEOUT)
        return json.dumps("OK" if b"newdat" in body and reply != "no" else reply).encode()

    with peer.Server(answer, persistent=persistent) as server:
        client = libobe.Client(port=server.port, timeout=peer.TIMEOUT)
        client.set_option("persistent", persistent)
        for call in (lambda: client.goodset(4), lambda: client.newdat(2.5, 1.0, 0.1)):
            release.clear()
            with handler(lambda number, frame: release.set()):
                signal.setitimer(signal.ITIMER_REAL, 3 * DELAY)
                if reply == "no":
                    with pytest.raises(libobe.errors.ReplyError, match='"no"'):
                        call()
                else:
                    value = call()
                    assert value is None or list(value) == reply
            assert (client.connection is not None) is persistent
        assert bodies == [
            b'{"command": "goodset", "pickiness": 4}',
            b'{"command": "newdat", "x": [2.5], "y": [1.0], "s": [0.1]}',
        ]


@pytest.mark.parametrize("command", ["ready", "getcov"])
@five_tries
def test_a_command_of_the_protocol_can_be_interrupted(mute: peer.Server, command: str) -> None:
    client = libobe.Client(port=mute.port)
    interrupt(getattr(client, command))
    assert client.connection is None


@pytest.mark.parametrize("numpy", [False, True])
def test_no_interrupt_of_a_command_is_lost(
    numpy: bool, monkeypatch: pytest.MonkeyPatch, no_garbage_collector: None
) -> None:
    """Python ignores what a handler raises during a finalizer, so that no command may run one."""
    if numpy:
        pytest.importorskip("numpy")
    ignored: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    with peer.Server(lambda body: b'"OK"' if b"newrun" in body else b"[[2.5]]", persistent=True) as server:
        client = libobe.Client(port=server.port, timeout=peer.TIMEOUT)
        client._has_numpy = numpy
        client.set_option("persistent", True)
        client.getcov()
        with handler(raising):
            for i in range(300):
                with contextlib.suppress(Interrupt):
                    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.001))
                    while not ignored:
                        client.newrun(i=i)
                        client.getcov()
                        client.tcmd({"command": "getcov"}, arrays="numpy" if numpy else None)
    assert not ignored


def test_a_command_with_arrays_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Python 3.11, an import runs a finalizer each time."""
    pytest.importorskip("numpy")
    with peer.Server(lambda body: b"[[2.5]]") as server:
        client = libobe.Client(port=server.port, timeout=peer.TIMEOUT)
        client.getcov()
        monkeypatch.setattr(importlib, "import_module", None)
        assert client.getcov().tolist() == [[2.5]]
        assert client.tcmd({"command": "getcov"}, arrays="numpy").tolist() == [[2.5]]


def test_a_large_reply_after_many_slices() -> None:
    """It does not fit the receive buffer, and must not be lost when the connection is closed."""
    release, text = threading.Event(), "x" * 1_000_000

    def answer(body: bytes) -> bytes:
        assert release.wait(peer.TIMEOUT)
        return json.dumps(text).encode()

    with peer.Server(answer) as server, handler(lambda number, frame: release.set()):
        client = libobe.Socket("client", port=server.port, timeout=peer.TIMEOUT)
        signal.setitimer(signal.ITIMER_REAL, 3 * DELAY)
        assert client.tcmd("slow") == text
        assert client.connection is None


def test_a_command_that_outlasts_many_slices_is_sent_once() -> None:
    release, bodies = threading.Event(), []

    def answer(body: bytes) -> bytes:
        bodies.append(body)
        assert release.wait(peer.TIMEOUT)
        return b'"late"'

    for persistent in (False, True):
        release.clear()
        bodies.clear()
        with peer.Server(answer, persistent=persistent) as server:
            client = libobe.Socket("client", port=server.port, timeout=peer.TIMEOUT)
            client.set_option("persistent", persistent)
            with handler(lambda number, frame: release.set()):
                signal.setitimer(signal.ITIMER_REAL, 4 * DELAY)
                assert client.tcmd("slow") == "late"
            assert bodies == [b'"slow"']
            assert (client.connection is not None) is persistent
            assert client.tcmd("next") == "late"


def test_a_command_inside_a_signal_handler_does_not_repeat_the_one_outside() -> None:
    requests = []

    def answer(request: libobe.Request) -> None:
        requests.append(request)
        if request.value == "outside":
            os.kill(os.getpid(), signal.SIGALRM)
        if request.value == "inside":
            request.reply("answer")
        if len(requests) == 2:
            server.cancel()

    with libobe.Socket("server", port=0) as server:
        serving = threading.Thread(target=server.serve, args=(answer,))
        serving.start()
        client = libobe.Socket("client", port=server.port, timeout=peer.TIMEOUT)
        inside = []
        nested = handler(lambda number, frame: inside.append(client.tcmd("inside")))
        with nested, pytest.raises(RuntimeError, match="OBE_E_STATE"):
            client.tcmd("outside")
        serving.join(peer.TIMEOUT)
        assert inside == ["answer"]
        assert [request.value for request in requests] == ["outside", "inside"]
        server.set_option("timeout_ms", 50)
        with pytest.raises(TimeoutError):
            server.receive()


def test_a_connection_that_is_not_accepted() -> None:
    """The error message reports that no connection was established, after several slices."""
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(8):  # fill the queue
            other = waiting.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        client = libobe.Socket("client", port=full.getsockname()[1], timeout=3 * DELAY)
        with pytest.raises(TimeoutError, match="no connection within the timeout"):
            client.tcmd("unheard")
