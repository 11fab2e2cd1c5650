"""The Python side of the benchmark: the binding, a peer on bare sockets, and Python's json.

    worker.py BASELINE

BASELINE is a shared library with the baseline in C, so that a C peer can run on another thread of this process. The
commands are those of exchange.c, with the kinds obe, bare and c, and

    main KIND MODE                   serves on the main thread, as most programs do, until the input ends
    dumps FILE, loads FILE           Python's json writes, or reads, the JSON of a file
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import lru_cache
from time import perf_counter_ns
from typing import Any

import libobe

COMMAND = {"command": "goodset", "pickiness": 4}
REPLY = [2.8714285714285714]
TIMEOUT = 60

baseline = ctypes.CDLL(sys.argv[1])
baseline.baseline_serve.argtypes = [ctypes.c_int, ctypes.c_int]
baseline.baseline_client.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p]
baseline.baseline_client.restype = None


# -- the peer on bare sockets: one write per message, and one read if the message arrives whole ------------------------


def put(conn: socket.socket, value: Any) -> None:
    body = json.dumps(value).encode()
    conn.sendall(b"%010d" % len(body) + body)


def get(conn: socket.socket) -> Any:
    """The next message; None if the connection ends."""
    data = conn.recv(65536)
    while data and (len(data) < 10 or len(data) < 10 + int(data[:10])):
        data += conn.recv(65536)
    return json.loads(data[10:]) if data else None


def connect(port: int) -> socket.socket:
    conn = socket.socket()
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    conn.connect(("127.0.0.1", port))
    return conn


def bare_listener() -> tuple[socket.socket, int]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    return listener, listener.getsockname()[1]


def bare_server(listener: socket.socket, kept: bool) -> None:
    last = None
    while True:
        conn, _ = listener.accept()
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if last is not None:
            last.close()
        last = conn
        while get(conn) is not None:
            put(conn, REPLY)
            if not kept:
                break


def bare_client(port: int, kept: bool, count: int) -> list[int]:
    def exchange(conn: socket.socket) -> None:
        put(conn, COMMAND)
        check(get(conn))

    def once() -> None:
        with connect(port) as conn:
            exchange(conn)

    if not kept:
        return timed(once, count)
    with connect(port) as conn:
        return timed(lambda: exchange(conn), count)


# -- the binding -------------------------------------------------------------------------------------------------------


def obe_server(end: libobe.Socket) -> None:
    while True:
        end.receive()
        end.send(REPLY)


def obe_client(port: int, kept: bool, count: int) -> list[int]:
    with libobe.Socket("client", "127.0.0.1", port, timeout=TIMEOUT) as client:
        client.set_option("persistent", kept)
        return timed(lambda: check(client.tcmd(COMMAND)), count)


# -- the commands ------------------------------------------------------------------------------------------------------


def check(reply: Any) -> None:
    if reply != REPLY:
        raise RuntimeError(f"the reply is {reply!r}")


def timed(once: Callable[[], None], count: int) -> list[int]:
    """The time of each of count calls in nanoseconds, after one that is not timed."""
    once()
    ns = []
    for _ in range(count):
        began = perf_counter_ns()
        once()
        ns.append(perf_counter_ns() - began)
    return ns


def server(kind: str, kept: bool) -> tuple[int, Callable[[], None]]:
    """A server's port, and the function that runs it."""
    if kind == "obe":
        end = libobe.Socket("server", "127.0.0.1", 0)
        return end.port, lambda: obe_server(end)
    listener, port = bare_listener()
    return port, lambda: bare_server(listener, kept)


def serve(kind: str, kept: bool) -> dict[str, Any]:
    if kind == "c":
        return {"port": baseline.baseline_serve(int(kept), 0)}
    port, run = server(kind, kept)
    threading.Thread(target=run, daemon=True).start()
    return {"port": port}


def serve_in_main_thread(kind: str, kept: bool) -> None:
    def leave_with_the_input() -> None:
        sys.stdin.read()
        os._exit(0)

    port, run = server(kind, kept)
    print(json.dumps({"port": port}), flush=True)
    signal.alarm(0)
    threading.Thread(target=leave_with_the_input, daemon=True).start()
    run()


def client(kind: str, kept: bool, port: int, count: int) -> dict[str, Any]:
    if kind == "c":
        array = (ctypes.c_uint64 * count)()
        baseline.baseline_client(port, int(kept), 0, count, array)
        ns = list(array)
    else:
        ns = (obe_client if kind == "obe" else bare_client)(port, kept, count)
    ns.sort()
    return {
        "p50": ns[count // 2] / 1e3,
        "p99": ns[count * 99 // 100] / 1e3,
        "max": ns[-1] / 1e3,
        "rate": count / sum(ns) * 1e9,
        "count": count,
        "stalls": sum(value >= 35_000_000 for value in ns),
    }


@lru_cache
def text_of(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


@lru_cache
def value_of(path: str) -> Any:
    return json.loads(text_of(path))


def document(what: str, path: str) -> dict[str, Any]:
    text, value = text_of(path), value_of(path)
    began = perf_counter_ns()
    if what == "loads":
        json.loads(text)
    else:
        json.dumps(value)
    return {"ms": (perf_counter_ns() - began) / 1e6}


def main() -> None:
    if "BENCH_ONE_CORE" in os.environ:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for line in iter(sys.stdin.readline, ""):
        signal.alarm(TIMEOUT)  # as next_command in common.c
        words = line.split()
        if words[0] == "main":
            serve_in_main_thread(words[1], words[2] == "kept")
        elif words[0] == "serve":
            result = serve(words[1], words[2] == "kept")
        elif words[0] == "client":
            result = client(words[1], words[2] == "kept", int(words[3]), int(words[4]))
        else:
            result = document(words[0], words[1])
        print(json.dumps(result), flush=True)
        signal.alarm(0)
    os._exit(0)  # servers may be running in threads


main()
