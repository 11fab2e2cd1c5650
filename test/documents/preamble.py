"""Runs a fragment of Python in the documents with the names that it may use.

A server answers at the default port, unless the fragment makes one itself. `run` and `serve` of the fragment's servers
end after one exchange.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from pathlib import Path
from typing import Any, Callable

import libobe
from libobe import Client, Error, Request, Server, Socket  # noqa: F401 - the fragment uses them

TIMEOUT = 20


class Designer(Server):
    """Answers all commands, with numbers that mean nothing."""

    @libobe.command
    def newrun(self, **fields: object) -> None: ...

    @libobe.command
    def optset(self) -> list[float]:
        return [2.87]

    @libobe.command
    def goodset(self, pickiness: float = 4.0, **fields: object) -> list[float]:
        return [2.87]

    @libobe.command
    def newdat(self, x: list[float], y: list[float], s: list[float], **fields: object) -> None: ...

    @libobe.command("getmean")
    def mean(self, **fields: object) -> list[float]:
        return [2.87, 0.05, 0.01]

    @libobe.command("getstd")
    def deviation(self, **fields: object) -> list[float]:
        return [0.01, 0.01, 0.01]

    @libobe.command
    def getcov(self, **fields: object) -> list[list[float]]:
        return [[1.0, 0.0], [0.0, 1.0]]

    @libobe.command
    def getpar(self, **fields: object) -> list[list[float]]:
        return [[float(i) for i in range(100)] for _ in range(3)]

    @libobe.command
    def getwgt(self, **fields: object) -> list[float]:
        return [0.01] * 100

    @libobe.command
    def scan(self, **fields: object) -> dict[str, list[float]]:
        return {"intensity": [1.0] * 1000}


def exchange_then(port: int, end: Callable[[], object]) -> threading.Thread:
    """A thread that sends one command to a server, and then ends the server."""

    def run() -> None:
        try:
            with contextlib.suppress(Error), Client(port=port, timeout=TIMEOUT) as client:
                client.wait_ready()
        finally:
            end()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


server_run, socket_serve = Server.run, Socket.serve
original_run: Callable[..., None]


def run_once(self: Server, *arguments: Any, **named: Any) -> None:
    thread = exchange_then(self.port, self.stop)
    server_run(self, *arguments, **named)
    thread.join()


def serve_once(self: Socket, *arguments: Any, **named: Any) -> None:
    thread = exchange_then(self.port, self.cancel)
    try:
        socket_serve(self, *arguments, **named)
    finally:
        thread.join()


def original_run_once(self: Socket) -> None:
    """For servers of libobe.optbayesexpt."""
    thread = exchange_then(self.port, self.cancel)
    original_run(self)
    thread.join()


def measure(setting: float) -> float:
    return 1.0


def design(*_: object) -> list[float]:
    return [2.87]


def plot(*_: object) -> None: ...


fragment = Path(sys.argv[1]).read_text("utf-8")
makes_server = re.search(r"Server\(|[\"']server[\"']", fragment) is not None
designer = Designer(port=0 if makes_server else libobe.DEFAULT_PORT)
threading.Thread(target=server_run, args=(designer,), daemon=True).start()
client = Client(port=designer.port, timeout=TIMEOUT)
client.wait_ready()
server = Server(port=0)
setting, values = client.goodset(), [1.0, 2.0, 3.0]
Server.run, Socket.serve = run_once, serve_once  # type: ignore[method-assign]
if "libobe.optbayesexpt" in fragment:
    import libobe.optbayesexpt

    model, settings, parameters, constants = design, ((2.8, 2.9),), ((2.8, 2.9),), ()
    original_run = libobe.optbayesexpt.OBE_Server.run
    libobe.optbayesexpt.OBE_Server.run = original_run_once  # type: ignore[method-assign]
exec(compile(fragment, sys.argv[1], "exec"), globals())
designer.stop()
