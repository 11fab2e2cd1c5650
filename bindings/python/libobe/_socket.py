"""The socket, as Python programs use it."""

from __future__ import annotations

import errno
import importlib
import operator
import os
from types import TracebackType
from typing import Any, Callable, Literal, NoReturn, Optional, TypeVar

from ._abi import COUNTERS, DEFAULT_PORT
from ._client_handle import ClientHandle
from ._deadline import DEFAULT, Timeout
from ._handle import Handle
from ._json import decode
from ._message import Message, json_text
from ._server_handle import ServerHandle

Arrays = Optional[Literal["numpy"]]


def _readonly(name: str) -> Any:
    def get(self: Socket) -> Any:
        return getattr(self._obe, name)

    def put(self: Socket, value: object) -> None:
        if value != get(self):
            raise AttributeError(f"{name} is read-only; create a new Socket for {value!r}")

    return property(get, put)


Self = TypeVar("Self", bound="Socket")


class Socket:
    """One end of an OBE conversation, a drop-in for `optbayesexpt.Socket`.

    role        'client' or 'server'. A server listens from now on; a client connects when it sends.
    ip_address  an address or a host name; '' and None are the loopback address in both roles.
    port        0 lets the system choose one for a server; the attribute `port` then tells which.
    timeout     seconds that a call may take, None for ever; by default a client waits 60 seconds, a server for ever.

    A message is what `json.dumps` takes, or a numpy array or scalar, or another numeric buffer. Failures are exceptions
    of `libobe.errors`. Any method may be called from any thread. A Socket that is collected is closed.
    """

    role: str = _readonly("role")
    ip_address: str | None = _readonly("address")
    port: int = _readonly("port")

    def __init__(
        self, role: str, ip_address: str | None = "", port: int = DEFAULT_PORT, *, timeout: Timeout = DEFAULT
    ) -> None:
        if role not in ("client", "server"):
            raise ValueError(f"Invalid role {role!r}. Valid choices are 'client' or 'server'.")
        # All in one attribute, so that a subclass may use any other name.
        create = ClientHandle if role == "client" else ServerHandle
        self._obe: Handle = create(ip_address, operator.index(port), timeout)

    def send(self, value: Any) -> None:
        """Send a message: a client on a new connection (unless `persistent`), a server to who sent the last message.

        On a server that is the last message that this thread received, or, if it has none to answer, the only one that
        is unanswered; where that is not clear, StateError is raised and nothing is sent. So one loop may run on any
        threads, and several loops each on its thread. Several that change threads, as tasks of asyncio do in an
        executor, use `receive_request` or `serve`.

        A value that is not JSON raises TypeError or ValueError before anything is connected. On a server, a client that
        has left, or does not take its answer in time, is no error: no client ends the server.
        """
        self._obe.send(json_text(value))

    def receive(self, *, arrays: Arrays = None) -> Any:
        """Wait for the next message: a client's reply, or a server's next message from any client.

        With arrays='numpy', an array of numbers, or of equally long arrays of them, that is the message or a member of
        it, is a numpy array of doubles, read by the library without a list in between.
        """
        return self._obe.receive(arrays and _numpy(arrays))

    def tcmd(self, command: Any, *, arrays: Arrays = None) -> Any:
        """Send a command and return its reply: `send`, `receive` and `close` under one deadline. None on a server."""
        if not isinstance(self._obe, ClientHandle):
            return None
        return self._obe.tcmd(json_text(command), arrays and _numpy(arrays))

    def receive_request(self) -> Request:
        """A server's next message as a `Request`, to be answered at any time and from any thread."""
        return Request(self._obe, self._obe.receive_request())

    def serve(self, handler: Callable[[Request], Any]) -> Any:
        """Call handler with each message, as a `Request`, until it returns something true, and return that.

        handler answers with `request.reply`, at once or later from another thread. What it raises ends the serving: so
        that no client can end a server, it catches what a strange message makes it raise. Several threads may serve.
        """
        requests = self._obe.requests()
        while True:
            # Nothing here holds on to a request: one that handler drops unanswered is given up at once.
            ended = handler(Request(self._obe, next(requests)))
            if ended:
                return ended

    def tcpcmd(self, command: Any) -> Any:
        """The same as `tcmd`, under the name that `optbayesexpt.Socket` has for it."""
        return self.tcmd(command)

    def wait_ready(self, timeout: Timeout = DEFAULT) -> None:
        """Wait until the server answers the command 'ready', for a server that may still be starting."""
        self._obe.wait_ready(timeout)

    def close(self) -> None:
        """Close the connection; that of a server is the one of its last message, and the server keeps listening."""
        self._obe.close()

    def cancel(self) -> None:
        """End the calls that other threads are blocked in, with `libobe.errors.CancelledError`; later calls are spared."""
        self._obe.cancel()

    def free(self) -> None:
        """Close everything, a server's listener too; leaving a `with` block does it, and so does the collector."""
        self._obe.free()

    def set_option(self, name: str, value: str | int) -> None:
        """Change a setting of the library, as in obe.h; a switch takes True and False."""
        self._obe.set_option(name, value if isinstance(value, str) else str(int(operator.index(value))))

    def get_option(self, name: str) -> str:
        """The value of a setting of the library, as text."""
        return self._obe.option(name)

    def stats(self) -> dict[str, int]:
        """The library's counters for this socket."""
        return {name: self._obe.stat(name) for name, _ in COUNTERS}

    @property
    def connection(self) -> Connection | None:
        """The open connection; a server's is that of the last message."""
        return Connection(self._obe) if self._obe.alive and self._obe.option("peer") else None

    @property
    def server(self) -> Listener | None:
        """What a server listens with."""
        return Listener(self._obe) if self._obe.role == "server" and self._obe.alive else None

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Socket cannot be copied or pickled")

    def __repr__(self) -> str:
        return f"<libobe.Socket {self.role} {self.ip_address or '127.0.0.1'}:{self.port}>"


class Request:
    """A message that a server received, with the claim of its client to an answer.

    One that is collected without an answer is given up: its client's connection is closed when a message of another
    client is received.
    """

    def __init__(self, handle: Handle, message: Message) -> None:
        self._obe = handle
        self._message = message

    @property
    def value(self) -> Any:
        """The message, as `receive` gives it."""
        return decode(self._message.json().decode())

    def arrays(self) -> Any:
        """The message with numpy arrays, as `receive(arrays='numpy')` gives it."""
        return self._message.value(_numpy("numpy"))

    def reply(self, value: Any) -> bool:
        """Answer the client, and say whether it got all of it; False if it has left, or does not take it in time.

        A request is answered once.
        """
        return self._obe.reply(self._message, json_text(value))


class _End:
    def __init__(self, handle: Handle) -> None:
        self._obe = handle

    def getsockname(self) -> tuple[str, int]:
        """The address and port of this side."""
        return _address(self._obe.option("local"))


class Connection(_End):
    """The open connection of a socket."""

    def close(self) -> None:
        """The same as the socket's own `close`."""
        self._obe.close()

    def getpeername(self) -> tuple[str, int]:
        """The address and port of the other side."""
        return _address(self._obe.option("peer"))


class Listener(_End):
    """What a server listens with."""

    def close(self) -> None:
        """The same as the socket's `free`: the port is given back."""
        self._obe.free()

    def getpeername(self) -> tuple[str, int]:
        """A listener has no other side: raises OSError, as Python's own does."""
        return _address("")


def _numpy(arrays: Arrays) -> Any:
    if arrays not in (None, "numpy"):
        raise ValueError(f"arrays is None or 'numpy', not {arrays!r}")
    return importlib.import_module("numpy") if arrays else None


def _address(address: str) -> tuple[str, int]:
    if not address:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
