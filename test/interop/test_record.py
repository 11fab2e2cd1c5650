"""obe record between libobe's Python binding and the bare-socket peer, in both roles and both styles of connections."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

import libobe
import peer


class Proxy:
    """A proxy to a port of this machine, and what it has recorded when it has ended."""

    def __init__(self, obe: str, to: int, trace: Path) -> None:
        self._trace = trace
        command = [obe, "record", "--listen", ":0", "--to", f":{to}", "--out", str(trace)]
        self._program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._program.stderr
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", self._program.stderr.readline())
        assert found
        self.port = int(found[1])

    def stop(self) -> None:
        self._program.send_signal(signal.SIGINT)
        _, self.said = self._program.communicate(timeout=peer.HANGS)
        assert self._program.returncode == 130
        lines = [json.loads(line) for line in self._trace.read_text().splitlines()]
        assert not lines or lines[0]["trace"] == "obe"
        self.recorded = [(line["direction"], line["body"]) for line in lines[1:]]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


def plausible(request: bytes) -> bytes:
    command = json.loads(request)["command"]
    if command in ("getcov", "getpar", "getset"):
        return b"[[1.5, NaN], [25, 1e-7]]"
    if command in ("ready", "newrun", "newdat", "done"):
        return b'"OK"'
    return b"[2.87, -Infinity]"


def call_every_command(client: libobe.Client) -> list[str]:
    client.wait_ready(peer.TIMEOUT)
    client.newrun()
    client.optset()
    client.goodset(4)
    client.newdat([2.87], [1.0], [0.1])
    questions = ["getmean", "getstd", "getcov", "getpar", "getwgt", "getset", "getcon"]
    for name in questions:
        getattr(client, name)()
    client.done()
    return ["ready", "newrun", "optset", "goodset", "newdat", *questions, "done"]


@pytest.mark.parametrize("persistent", [False, True])
def test_every_command_to_a_server_as_strict_as_the_original(obe: str, persistent: bool, trace: Path) -> None:
    with peer.Server(plausible, persistent=persistent) as server:
        proxy = Proxy(obe, server.port, trace)
        with libobe.Client(port=proxy.port, timeout=peer.TIMEOUT) as client:
            if persistent:
                client.set_option("persistent", "1")
            commands = call_every_command(client)
        proxy.stop()
        assert server.deaths == []
        assert [json.loads(request)["command"] for request in server.requests] == commands
        assert server.connections == (1 if persistent else len(commands))
    assert [body["command"] for direction, body in proxy.recorded if direction == "received"] == commands
    assert [direction for direction, _ in proxy.recorded] == ["received", "sent"] * len(commands)


@pytest.mark.parametrize("mode", peer.GOOD)
def test_a_client_as_the_original(obe: str, mode: peer.SendMode, trace: Path) -> None:
    with libobe.Server(port=0) as server:
        server.command("optset")(lambda: [2.87])
        thread = threading.Thread(target=server.run)
        thread.start()
        proxy = Proxy(obe, server.port, trace)
        assert json.loads(peer.exchange(proxy.port, b'{"command": "optset"}', mode)) == [2.87]
        proxy.stop()
        server.stop()
        thread.join(peer.TIMEOUT)
    assert proxy.recorded == [("received", {"command": "optset"}), ("sent", [2.87])]


@pytest.mark.parametrize("mode", [*peer.WRONG, *peer.LEAVING])
def test_what_a_client_does_wrong_reaches_the_server(obe: str, mode: peer.SendMode, trace: Path) -> None:
    """A server behind the proxy receives the bytes that it would receive without it, and the same end."""

    def received_by_a_server(port_of_client: int, listener: socket.socket) -> tuple[bytes, str]:
        with peer.connect(port_of_client) as client:
            mode(client, b'{"command": "ready"}')
            if client.fileno() >= 0:
                client.shutdown(socket.SHUT_WR)
            listener.settimeout(peer.SOON if mode is peer.close else peer.TIMEOUT)
            with listener.accept()[0] as conn:
                conn.settimeout(peer.TIMEOUT)
                data = b""
                try:
                    while part := conn.recv(1000):
                        data += part
                except ConnectionResetError:
                    return data, "reset"
                return data, "end"

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        proxy = Proxy(obe, port, trace)
        if mode is peer.close:
            with pytest.raises(socket.timeout):  # the original would end
                received_by_a_server(proxy.port, listener)
        else:
            assert received_by_a_server(proxy.port, listener) == received_by_a_server(port, listener)
        proxy.stop()
    assert proxy.recorded == []


def test_a_server_that_comes_later(obe: str, trace: Path) -> None:
    """The client waits as it does without the proxy."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port: int = reserved.getsockname()[1]
    proxy = Proxy(obe, port, trace)

    def serve() -> None:
        with libobe.Server(port=port) as server:
            server.run()

    with libobe.Client(port=proxy.port, timeout=peer.TIMEOUT) as client:
        with pytest.raises(libobe.errors.ResetError):
            client.tcmd({"command": "ready"})
        thread = threading.Thread(target=serve)
        thread.start()
        client.wait_ready(peer.TIMEOUT)
        client.done()
    thread.join(peer.TIMEOUT)
    proxy.stop()
    assert "no connection to the server" in proxy.said
