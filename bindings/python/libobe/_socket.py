"""The public classes: the socket, and the requests that a server receives."""

from __future__ import annotations

import contextlib
import errno
import importlib
import operator
import os
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Literal, NoReturn, Optional, TypeVar

from . import errors
from ._abi import COUNTERS, DEFAULT_PORT
from ._client_handle import ClientHandle
from ._deadline import DEFAULT, Seconds, Timeout, limit_of, milliseconds
from ._handle import Handle
from ._json import decode
from ._message import Message, json_text, numpy_module
from ._server_handle import ServerHandle

Role = Literal["client", "server"]
Arrays = Optional[Literal["numpy"]]

# The classes whose instances have only the attributes of the class. Those of a subclass may have any.
_closed: set[type] = set()


def _readonly(name: str) -> Any:
    def get(self: Socket) -> Any:
        return getattr(self._obe, name)

    def put(self: Socket, value: object) -> None:
        if value != get(self):
            raise AttributeError(f"{name} is read-only; create a new Socket for {value!r}")

    return property(get, put)


Self = TypeVar("Self", bound="Socket")


class Socket:
    """A client or a server of the OBE protocol, a drop-in replacement for `optbayesexpt.Socket`.

    role        'client' or 'server'. A server listens from now on. A client connects when it sends.
    ip_address  an address or a host name; '' and None are the loopback address in both roles.
    port        0 lets the system choose a server's port, which is then in the attribute `port`.
    timeout     the limit of a call in seconds, or a timedelta; None waits forever. The default is 60 for a client, None
                for a server. Calls that may block accept their own timeout.

    A message is any value that `json.dumps` accepts, a numpy array or scalar, or another numeric buffer. Failures raise
    exceptions of `libobe.errors`. Any method may be called from any thread; threads that share a client take turns with
    its commands. Collecting a Socket frees it.
    """

    role: str = _readonly("role")
    ip_address: str | None = _readonly("address")
    port: int = _readonly("port")

    def __init__(
        self, role: Role, ip_address: str | None = "", port: int = DEFAULT_PORT, *, timeout: Timeout = DEFAULT
    ) -> None:
        if role not in ("client", "server"):
            raise ValueError(f"Invalid role {role!r}. Valid choices are 'client' or 'server'.")
        # The only attribute, so that a subclass may use any other name.
        create = ClientHandle if role == "client" else ServerHandle
        self._obe: Handle = create(ip_address, port, timeout)

    def send(self, value: Any, *, timeout: Timeout = DEFAULT) -> None:
        """Send a message: a client on a new connection unless the option persistent is set, a server to a client.

        A server answers the last message that this thread received. If this thread has no message to answer, the server
        answers the only unanswered one. If there are several, it raises StateError and sends nothing. So one loop may
        run on changing threads, or several loops each on its own thread. Several loops that change threads, such as
        asyncio tasks in an executor, have to use `receive_request` or `serve`.

        A value that cannot be JSON raises TypeError or ValueError before a connection is opened. On a server it is not
        an error if the client has left or does not read its answer in time, so that no client can end the server.
        """
        self._obe.send(json_text(value), None if timeout is DEFAULT else limit_of(timeout))

    def receive(self, *, arrays: Arrays = None, timeout: Timeout = DEFAULT) -> Any:
        """Wait for the next message: a client's reply, or a server's next message from any client.

        With arrays='numpy', each array of numbers and each array of equally long arrays of numbers in the message is
        returned as a numpy array of doubles, which the library reads without a Python list in between.
        """
        return self._obe.receive(arrays and _numpy(arrays), None if timeout is DEFAULT else limit_of(timeout))

    def tcmd(self, command: Any, *, arrays: Arrays = None, timeout: Timeout = DEFAULT) -> Any:
        """Send a command and return its reply: `send`, `receive` and `close` within one timeout. None on a server."""
        handle = self._obe
        if not isinstance(handle, ClientHandle):
            return None
        limit = None if timeout is DEFAULT else limit_of(timeout)
        if arrays:
            return handle.tcmd_arrays(json_text(command), _numpy(arrays), limit)
        return decode(handle.tcmd_text(json_text(command), limit))

    def receive_request(self, *, timeout: Timeout = DEFAULT) -> Request:
        """Wait for a server's next message, a `Request` that can be answered at any time and from any thread."""
        return Request(self._obe, self._obe.receive_request(limit_of(timeout)))

    def serve(self, handler: Callable[[Request], object]) -> None:
        """Call handler with each message, a `Request`, until `cancel` is called, by handler or on another thread.

        handler answers with `request.reply`, at once or later from another thread. What it returns is ignored. An
        exception of handler ends serve and is raised again. So handler has to catch the errors that an unexpected
        message can cause, or a client could end the server; `libobe.Server` does that. Several threads may serve one
        server, and a cancel ends them all. `close` and `free` end serve with `libobe.errors.ClosedError`.
        """
        for message in self._obe.requests():
            request = Request(self._obe, message)
            del message
            handler(request)
            del request  # so that one that handler leaves unanswered is dropped at once

    def tcpcmd(self, command: Any) -> Any:
        """The same as `tcmd`, under its name in `optbayesexpt.Socket`."""
        return self.tcmd(command)

    def wait_ready(self, timeout: Timeout = DEFAULT) -> None:
        """Wait until the server answers the command 'ready', for a server that may still be starting."""
        self._obe.wait_ready(limit_of(timeout))

    def close(self) -> None:
        """Close the connection, or on a server that of its last message. The server keeps listening."""
        self._obe.close()

    def cancel(self) -> None:
        """End the calls in flight on other threads with `libobe.errors.CancelledError`, but not later calls."""
        self._obe.cancel()

    def free(self) -> None:
        """Close the connections and a server's listener, as leaving a `with` block and the garbage collector do."""
        self._obe.free()

    def set_option(self, name: str, value: str | int) -> None:
        """Set an option; obe.h describes them. Options that are 0 or 1 also accept False and True."""
        self._obe.set_option(name, value if isinstance(value, str) else str(int(operator.index(value))))

    def get_option(self, name: str) -> str:
        """The value of an option or property as text."""
        return self._obe.option(name)

    @property
    def timeout(self) -> float | None:
        """The limit of a call in seconds; None waits forever. A timedelta can be assigned too."""
        ms = self._obe.timeout_ms
        return None if ms < 0 else ms / 1000

    @timeout.setter
    def timeout(self, value: Seconds) -> None:
        self._obe.set_option("timeout_ms", str(milliseconds(value)))

    @property
    def persistent(self) -> bool:
        """Whether a client keeps its connection for the next command. A Python optbayesexpt server never reads that."""
        return self._obe.option("persistent") == "1"

    @persistent.setter
    def persistent(self, value: bool) -> None:
        if value not in (False, True):  # numpy's are equal to Python's
            raise TypeError(f"persistent is True or False, not {value!r}")
        self.set_option("persistent", int(value))

    def stats(self) -> dict[str, int]:
        """The counters of this socket by name; obe.h describes them."""
        return {name: self._obe.stat(name) for name in COUNTERS}

    @property
    def connection(self) -> Connection | None:
        """The open connection, or on a server that of the last message; None if there is none."""
        return Connection(self._obe) if self._obe.alive and self._obe.option("peer") else None

    @property
    def server(self) -> Listener | None:
        """A server's listener."""
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
        if "_obe" not in vars(self):
            return f"<{class_name(self)} without a role, as __init__ was not called>"
        host = self.ip_address or "127.0.0.1"
        return f"<{class_name(self)} {self.role} {f'[{host}]' if ':' in host else host}:{self.port}>"

    if not TYPE_CHECKING:  # a type checker knows the attributes

        def __setattr__(self, name: str, value: object) -> None:
            if type(self) in _closed and not name.startswith("_") and not hasattr(type(self), name):
                raise AttributeError(_no_attribute(self, name))
            super().__setattr__(name, value)


_closed.add(Socket)


def class_name(item: object) -> str:
    """The name by which a program knows the class of an object."""
    cls = type(item)
    return f"{'libobe' if cls.__module__.startswith('libobe._') else cls.__module__}.{cls.__qualname__}"


def _no_attribute(socket: Socket, name: str) -> str:
    text = f"a {type(socket).__name__} has no attribute {name!r}"
    if "_obe" in vars(socket):
        with contextlib.suppress(errors.Error):
            socket.get_option(name)
            return f"{text}; write set_option({name!r}, ...), as it is an option"
    difflib = importlib.import_module("difflib")  # not at the top, as few programs need it
    near = difflib.get_close_matches(name, [known for known in dir(socket) if not known.startswith("_")], 1)
    return f"{text}; did you mean {near[0]!r}?" if near else f"{text}; a subclass may have attributes of its own"


class Request:
    """A message that a server received and can answer.

    A request that is collected without an answer is dropped: its client's connection is closed when a message of
    another client is received.
    """

    def __init__(self, handle: Handle, message: Message) -> None:
        self._obe = handle
        self._message = message

    @property
    def value(self) -> Any:
        """The message, as `receive` returns it."""
        return decode(self._message.json().decode())

    @property
    def peer(self) -> str:
        """The address of the client, such as "127.0.0.1:50312". It stays available after the client has left."""
        return self._message.peer()

    def arrays(self) -> Any:
        """The message with numpy arrays, as `receive(arrays='numpy')` returns it."""
        return self._message.value(_numpy("numpy"))

    def reply(self, value: Any, *, timeout: Timeout = DEFAULT) -> bool:
        """Answer the client. Returns False if it has left or does not read the whole answer in time.

        A request can be answered once.
        """
        return self._obe.reply(self._message, json_text(value), limit_of(timeout))

    def __repr__(self) -> str:
        try:
            text = self._message.json().decode("utf-8", "replace")
            return f"<{class_name(self)} from {self.peer}: {text if len(text) <= 100 else text[:100] + '...'}>"
        except errors.Error as error:
            return f"<{class_name(self)}: {error}>"


class _End:
    _ends: tuple[str, ...] = ("local",)  # the options whose values are its addresses

    def __init__(self, handle: Handle) -> None:
        self._obe = handle

    def getsockname(self) -> tuple[str, int]:
        """The address and port of this side."""
        return _address(self._obe.option("local"))

    def __repr__(self) -> str:
        try:
            return f"<{class_name(self)} {' - '.join(filter(None, map(self._obe.option, self._ends))) or 'closed'}>"
        except errors.Error:  # the socket was freed
            return f"<{class_name(self)} closed>"


class Connection(_End):
    """The open connection of a socket."""

    _ends = ("local", "peer")

    def close(self) -> None:
        """The same as the socket's own `close`."""
        self._obe.close()

    def getpeername(self) -> tuple[str, int]:
        """The address and port of the peer."""
        return _address(self._obe.option("peer"))


class Listener(_End):
    """The listener of a server."""

    def close(self) -> None:
        """The same as the socket's `free`, which releases the port."""
        self._obe.free()

    def getpeername(self) -> tuple[str, int]:
        """Raises OSError, as a listening `socket.socket` does: a listener has no peer."""
        return _address("")


def _numpy(arrays: object) -> Any:
    if arrays not in (None, "numpy"):
        raise ValueError(f"arrays is None or 'numpy', not {arrays!r}")
    return numpy_module() if arrays else None


def _address(address: str) -> tuple[str, int]:
    if not address:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
