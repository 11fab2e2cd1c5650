"""The page that says what happens when something goes wrong: its sentences are those of the library."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import peer
from libobe import Client, Server, Socket, _library, errors

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "explain" / "what-happens-when.md").read_text("utf-8")
SECTIONS: dict[str, str] = dict(re.findall(r"^### (.*)\n((?:(?!#).*\n)*)", PAGE, re.M))

Failure = Callable[[], errors.Error]


def failure_of(call: Callable[[], Any]) -> errors.Error:
    """The error of a call that is made on another thread, where the binding calls the library directly."""
    with ThreadPoolExecutor(1) as pool, pytest.raises(errors.Error) as caught:
        pool.submit(call).result(peer.TIMEOUT)
    return caught.value


def no_server() -> errors.Error:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return failure_of(Client(port=port).optset)


def full_queue() -> errors.Error:
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = stack.enter_context(socket.socket())
        waiting.connect(listener.getsockname())
        return failure_of(Client(port=listener.getsockname()[1], timeout=0.1).optset)


def port_in_use() -> errors.Error:
    with socket.create_server(("127.0.0.1", 0)) as other:
        return failure_of(lambda: Socket("server", port=other.getsockname()[1]))


def with_peer(answer: peer.Answer, mode: peer.SendMode = peer.whole, **options: int) -> Failure:
    def provoke() -> errors.Error:
        with peer.Server(answer=answer, mode=mode) as server, Client(port=server.port) as client:
            for name, value in options.items():
                client.set_option(name, value)
            return failure_of(client.optset)

    return provoke


def http(conn: socket.socket, body: bytes) -> None:
    conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@contextlib.contextmanager
def running(server: Server) -> Iterator[Client]:
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with Client(port=server.port, timeout=peer.TIMEOUT) as client:
            yield client
    finally:
        server.stop()
        thread.join()
        server.free()


def unknown_command() -> errors.Error:
    with running(Server(port=0)) as client:
        return failure_of(client.optset)


def failing_function() -> errors.Error:
    server = Server(port=0)

    @server.command
    def getmean() -> list[float]:
        raise ValueError("no data yet")

    with running(server) as client:
        return failure_of(client.getmean)


def unanswered() -> errors.Error:
    """The end of a client whose message was taken, when the server takes another one."""
    with Socket("server", port=0) as server, ThreadPoolExecutor(1) as pool:
        first = pool.submit(Client(port=server.port, timeout=peer.TIMEOUT).optset)
        server.receive(timeout=peer.TIMEOUT)
        with peer.connect(server.port) as second:
            peer.whole(second, b"2")
            server.receive(timeout=peer.TIMEOUT)
            with pytest.raises(errors.Error) as caught:
                first.result(peer.TIMEOUT)
        assert server.stats()["dropped_unanswered"] == 1
    return caught.value


def small_buffer() -> errors.Error:
    library = _library.library()
    with peer.Server(answer=lambda body: b"[1.0, 2.0]") as server:
        client = ctypes.c_size_t()
        assert library.obe_client_new(b"", server.port, ctypes.byref(client)) == 0
        reply, length, why = ctypes.create_string_buffer(4), ctypes.c_int64(), ctypes.create_string_buffer(512)
        status = library.obe_tcmd(client, b"1", -1, reply, 4, ctypes.byref(length), 5000)
        library.obe_last_error(client, why, 512, ctypes.byref(length))
        library.obe_free(client)
    return errors.make(status, why.value.decode())


def too_large() -> errors.Error:
    with Client(port=1) as client:
        client.set_option("max_message", 1000)
        return failure_of(lambda: client.tcmd("x" * 1998))


def cancelled() -> errors.Error:
    with peer.Server(answer=lambda body: None) as server, Socket("client", port=server.port) as client:
        client.send(1)
        done = threading.Event()

        def cancel() -> None:
            while not done.wait(0.01):  # until the call has begun
                client.cancel()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(cancel)
            try:
                return failure_of(client.receive)
            finally:
                done.set()


def busy() -> errors.Error:
    with peer.Server(answer=lambda body: None) as server:
        library = _library.library()
        client, length = ctypes.c_size_t(), ctypes.c_int64()
        why, reply = ctypes.create_string_buffer(512), ctypes.create_string_buffer(64)
        assert library.obe_client_new(b"", server.port, ctypes.byref(client)) == 0

        def tcmd(timeout: int) -> int:
            status: int = library.obe_tcmd(client, b"1", -1, reply, 64, ctypes.byref(length), timeout)
            return status

        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(tcmd, -1)
            assert server.got_request.acquire(timeout=peer.TIMEOUT)
            status = tcmd(50)
            library.obe_last_error(client, why, 512, ctypes.byref(length))
            library.obe_cancel(client)
            assert first.result(peer.TIMEOUT) == errors.CancelledError.code
        library.obe_free(client)
    return errors.make(status, why.value.decode())


PROVOKED: dict[str, Failure] = {
    "No server is listening": no_server,
    "The address is wrong, or the server accepts no connections": full_queue,
    "The port is in use": port_in_use,
    "The peer speaks another protocol": with_peer(lambda body: b"", http),
    "The server does not answer in time": with_peer(lambda body: None, timeout_ms=100),
    "The server ends, or is killed": with_peer(lambda body: b"", peer.close),
    "The handler does not answer": unanswered,
    "The command is unknown": unknown_command,
    "The function for a command fails": failing_function,
    "The connection ends inside a message": with_peer(lambda body: b"[1, 2]", peer.half_then_close),
    "The body is not JSON": with_peer(lambda body: b"", peer.not_json),
    "The reply is too large for the buffer": small_buffer,
    "The message is larger than max_message": too_large,
    "Another thread cancels, closes or frees": cancelled,
    "Another call uses the client": busy,
}
# Provoked by tests with a separate network, and by one in C that loads two files.
OTHER = {"A cable is pulled", "The ports of a client are used up", "The program loads a second copy of the library"}


def sentences(section: str) -> list[str]:
    return [" ".join(text.split()) for text in re.findall(r"(?<!\*)\*([^*]+)\*", SECTIONS[section])]


@pytest.mark.parametrize("section", PROVOKED)
def test_the_sentence_and_status(section: str) -> None:
    error = PROVOKED[section]()
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:61981", str(error))
    text, _, name = text.removesuffix(")").rpartition(" (OBE_E_")
    name = "OBE_E_" + name.split()[0]
    assert f"`{name}`" in SECTIONS[section]
    if section == "The handler does not answer":  # as in the section about a server that ends
        assert text in sentences("The server ends, or is killed")
    else:
        assert sentences(section) == [text]


def test_every_sentence_is_provoked() -> None:
    assert {section for section in SECTIONS if sentences(section)} <= PROVOKED.keys() | OTHER
    assert PROVOKED.keys() <= SECTIONS.keys()


def test_the_tables_list_the_sections() -> None:
    """Every status and every counter that a section names, in the order of the sections."""
    names = {f"OBE_E_{name}" for name in re.findall(r"`OBE_E_(\w+)`", PAGE)} | set(
        re.findall(r"`(dropped_\w+|evicted)`", PAGE)
    )
    listed = {}
    for name, sections in re.findall(r"^\|(?: -\d+ \|)? `(\w+)` \| (.*) \|$", PAGE, re.M):
        listed[name] = re.findall(r"\[([^]]*)\]", sections)
    assert listed.keys() == names
    for name, sections in listed.items():
        assert sections == [head[0].lower() + head[1:] for head, text in SECTIONS.items() if f"`{name}`" in text], name


def test_every_section_names_its_tests() -> None:
    sources = [*ROOT.glob("internal/**/*_test.go"), *ROOT.glob("test/**/*_test.go")]
    sources += [*ROOT.glob("bindings/**/test_*.py"), *ROOT.glob("test/**/test_*.py")]
    known = set(re.findall(r"^(?:func|def) (\w+)\(", "\n".join(path.read_text("utf-8") for path in sources), re.M))
    for section, text in SECTIONS.items():
        named = re.findall(r"`((?:Test|test_)\w+)`", text)
        assert named, f"{section} names no test"
        assert known >= set(named), f"{section} names {set(named) - known}"


def test_the_ports_of_a_client_are_used_up() -> None:
    code = """
import threading
from libobe import Client, Server, errors
server = Server(port=0)
thread = threading.Thread(target=server.run)
thread.start()
client = Client(port=server.port, timeout=20)
try:
    for _ in range(1000):
        client.ready()
except errors.UnreachableError as error:
    print(error)
server.stop()
thread.join()
"""
    few = 'ip link set lo up && echo 61000 61019 > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"'
    done = subprocess.run(
        ["unshare", "--map-root-user", "--net", "sh", "-c", few, "-", sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")},
        capture_output=True,
        text=True,
        timeout=peer.TIMEOUT,
    )
    if done.returncode != 0 and "unshare" in done.stderr and os.environ.get("CI") != "true":
        pytest.skip(f"this system does not permit a separate network: {done.stderr}")
    assert done.returncode == 0, done.stderr
    printed = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:61981", done.stdout.strip())
    (sentence,) = sentences("The ports of a client are used up")
    assert printed == f"{sentence} (OBE_E_UNREACHABLE -8010)"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_a_stopped_process() -> None:
    code = """
from libobe import Client, errors
import sys
client = Client(port=int(sys.argv[1]), timeout=0.2)
try:
    print(client.tcmd(1))
except errors.TimeoutError:
    print("too late")
"""
    for answered in True, False:
        with Socket("server", port=0, timeout=peer.TIMEOUT) as server:
            process = subprocess.Popen(
                [sys.executable, "-c", code, str(server.port)],
                env={**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")},
                stdout=subprocess.PIPE,
                text=True,
            )
            request = server.receive_request()
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            if answered:
                request.reply("in time")
            threading.Event().wait(0.4)  # longer than its timeout
            process.send_signal(signal.SIGCONT)
            printed, _ = process.communicate(timeout=peer.TIMEOUT)
            assert printed == ("in time\n" if answered else "too late\n")
