"""An OBE peer on bare sockets, for tests. Written from the description of the protocol, it shares no code with libobe.

As a program it prints its port and serves until its input ends, or sends one message and prints the reply:

    python3 test/peer.py server [MODE]
    python3 test/peer.py client PORT [JSON] [MODE]

A mode is the way in which a message is sent, right or wrong: see `SEND_MODES`.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from types import TracebackType
from typing import Callable

HEADER = 10
# Seconds after which a wait of a test has failed. Less than the default of message_timeout_ms, 30 s, after which a
# server closes a connection that nothing else has closed.
TIMEOUT = 25.0
SOON = 5.0  # seconds that "at once" may take on a busy machine
HANGS = 600.0  # seconds after which a program that a test has started hangs

SendMode = Callable[[socket.socket, bytes], None]
Answer = Callable[[bytes], "bytes | None"]


def frame(body: bytes) -> bytes:
    """The bytes of a message: ten zero-padded digits and the body."""
    return b"%010d" % len(body) + body


def read_exactly(conn: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = conn.recv(min(size - len(data), 1 << 20))
        if not chunk:
            raise EOFError(f"the connection ended after {len(data)} of {size} bytes")
        data += chunk
    return bytes(data)


def read_message(conn: socket.socket) -> bytes:
    """The body of the next message; the header must be as libobe has to send it."""
    header = read_exactly(conn, HEADER)
    if not header.isdigit():
        raise ValueError(f"bad header {header!r}")
    return read_exactly(conn, int(header))


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), timeout=TIMEOUT)


def reset(conn: socket.socket) -> None:
    """Close with RST instead of FIN."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def eventually(condition: Callable[[], object]) -> bool:
    """Poll a condition. Returns whether it became true in time."""
    limit = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.002)
    return True


def ended(conn: socket.socket) -> bool:
    """Wait for the other side to close or reset the connection. Returns whether it did in time."""
    try:
        while conn.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    except socket.timeout:
        return False
    return True


# -- modes of sending a message: those that a receiver has to accept ---------------------------------------------------


def whole(conn: socket.socket, body: bytes) -> None:
    conn.sendall(frame(body))


def byte_by_byte(conn: socket.socket, body: bytes) -> None:
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in frame(body):
        conn.send(bytes([byte]))


def space_padded(conn: socket.socket, body: bytes) -> None:
    conn.sendall(b"%10d" % len(body) + body)


# -- those that end the connection -------------------------------------------------------------------------------------


def half_then_close(conn: socket.socket, body: bytes) -> None:
    conn.sendall(frame(body)[: HEADER + len(body) // 2])
    conn.close()


def half_then_reset(conn: socket.socket, body: bytes) -> None:
    conn.sendall(frame(body)[: HEADER + len(body) // 2])
    reset(conn)


def half_header_then_close(conn: socket.socket, body: bytes) -> None:
    conn.sendall(frame(body)[: HEADER // 2])
    conn.close()


def close(conn: socket.socket, body: bytes) -> None:
    conn.close()


# -- those whose bytes are not a message -------------------------------------------------------------------------------


def garbage(conn: socket.socket, body: bytes) -> None:
    conn.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


def quoted_header(conn: socket.socket, body: bytes) -> None:
    conn.sendall(b'"%09d' % len(body) + body)


def signed_header(conn: socket.socket, body: bytes) -> None:
    conn.sendall(b"+%09d" % len(body) + body)


def underscore_header(conn: socket.socket, body: bytes) -> None:
    conn.sendall(b"%08d_%d" % divmod(len(body), 10) + body)


def blank_header(conn: socket.socket, body: bytes) -> None:
    conn.sendall(b" " * HEADER + body)


def endless(conn: socket.socket, body: bytes) -> None:
    conn.sendall(b"9999999999")


def empty(conn: socket.socket, body: bytes) -> None:
    conn.sendall(frame(b""))


def not_json(conn: socket.socket, body: bytes) -> None:
    conn.sendall(frame(b"{'command': 'ready'}"))


def not_utf8(conn: socket.socket, body: bytes) -> None:
    conn.sendall(frame(b'"\xff\xfe"'))


# -- those that stall --------------------------------------------------------------------------------------------------


def silence(conn: socket.socket, body: bytes) -> None:
    pass


def half_header(conn: socket.socket, body: bytes) -> None:
    conn.sendall(frame(body)[: HEADER // 2])


def half(conn: socket.socket, body: bytes) -> None:
    conn.sendall(frame(body)[: HEADER + len(body) // 2])


GOOD = (whole, byte_by_byte, space_padded)
LEAVING = (half_then_close, half_then_reset, half_header_then_close, close)
WRONG = (
    garbage,
    quoted_header,
    signed_header,
    underscore_header,
    blank_header,
    endless,
    empty,
    not_json,
    not_utf8,
)
STALLING = (silence, half_header, half)
SEND_MODES: dict[str, SendMode] = {mode.__name__: mode for mode in (*GOOD, *LEAVING, *WRONG, *STALLING)}


# -- both roles --------------------------------------------------------------------------------------------------------


def exchange(port: int, body: bytes, mode: SendMode = whole, host: str = "127.0.0.1") -> bytes:
    """Send one command on a new connection, receive its reply, and close the connection."""
    with connect(port, host) as conn:
        mode(conn, body)
        return read_message(conn)


def ok(body: bytes) -> bytes:
    return b'"OK"'


class Server:
    """A server as strict as optbayesexpt's: one connection at a time, one message from each.

    A connection stays open until the next one is accepted, so the client closes first. `deaths` lists the errors that
    would have ended optbayesexpt's server. With `persistent` it reads from a connection until the client closes it.
    """

    def __init__(
        self, answer: Answer = ok, mode: SendMode = whole, host: str = "127.0.0.1", persistent: bool = False
    ) -> None:
        self.requests: list[bytes] = []
        self.deaths: list[str] = []
        self.connections = 0
        self.got_request = threading.Semaphore(0)  # counts the requests received
        self._answer = answer
        self._mode = mode
        self._persistent = persistent
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port: int = self._listener.getsockname()[1]
        self._conn: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                conn, _ = self._listener.accept()
            except OSError:
                return  # stopped
            if self._conn is not None:
                self._conn.close()
            self._conn = conn
            self.connections += 1
            try:
                self._serve(conn)
            except (EOFError, OSError, ValueError) as error:
                self.deaths.append(repr(error))

    def _serve(self, conn: socket.socket) -> None:
        first = True
        while first or self._persistent:
            try:
                body = read_message(conn)
            except EOFError:
                if first:
                    raise
                return
            first = False
            self.requests.append(body)
            self.got_request.release()
            reply = self._answer(body)
            if reply is not None:
                self._mode(conn, reply)

    def stop(self) -> None:
        for end in (self._listener, self._conn):
            try:
                if end is not None:
                    end.shutdown(socket.SHUT_RDWR)  # close alone would not wake the thread
            except OSError:
                pass
        self._thread.join(TIMEOUT)
        self._listener.close()
        if self._conn is not None:
            self._conn.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def main(arguments: list[str]) -> None:
    role, *rest = arguments or [""]
    if role == "server" and len(rest) <= 1:
        with Server(mode=SEND_MODES[rest[0]] if rest else whole) as server:
            print(server.port, flush=True)
            sys.stdin.read()
        for death in server.deaths:
            print(death)
    elif role == "client" and 1 <= len(rest) <= 3:
        body = rest[1].encode() if len(rest) > 1 else b'{"command": "ready"}'
        print(exchange(int(rest[0]), body, SEND_MODES[rest[2]] if len(rest) > 2 else whole).decode())
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
