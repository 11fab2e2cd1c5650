"""The common part of the handles of clients and servers: their lifetime, received messages, options and counters."""

from __future__ import annotations

import ctypes
import operator
import weakref
from collections.abc import Iterator
from threading import get_ident
from typing import Any, Callable

from . import errors
from ._abi import DEFAULT_PORT
from ._call import check, expect_exit, read_bytes
from ._deadline import DEFAULT, DEFAULT_TIMEOUT, NO_WAIT, SLICE, Limit, Timeout, deadline_after, milliseconds
from ._inbox import Inbox
from ._library import Library, library
from ._message import Message
from ._status import ARGUMENT, CANCELLED, CLOSED, LOCALLY_CLOSED, PEER_GONE, TIMEOUT
from ._waiter import Waiter

SMALL = 16 * 1024  # bytes; fits an empty socket buffer on every platform, so that sending it does not block
NUL_TERMINATED = ctypes.c_int64.from_param(-1)  # the length of a text that ends with a NUL; JSON has none inside


def text_length(body: bytes) -> Any:
    """The length to pass for a text. The library finds the NUL of a small one faster than ctypes converts a number."""
    return NUL_TERMINATED if len(body) <= SMALL else ctypes.c_int64(len(body))


def _encode(value: str, what: str) -> bytes:
    if "\0" in value:
        raise errors.make(ARGUMENT, f"{what} contains a NUL character")
    return value.encode()


def _checked_address(address: Any) -> str | None:
    if address is None or isinstance(address, str):
        return address
    hint = f"; write port={address}" if isinstance(address, int) else ""
    raise TypeError(f"the address is a string such as '127.0.0.1', not {address!r}{hint}")


def _checked_port(port: Any) -> int:
    try:
        if not isinstance(port, bool):
            return operator.index(port)
    except TypeError:
        pass
    example = port if isinstance(port, str) and port.isdecimal() else DEFAULT_PORT
    raise TypeError(f"the port is an integer, not {port!r}; write port={example}")


def _free(lib: Library, handle: ctypes.c_size_t) -> None:
    value, handle.value = handle.value, 0
    if value and not lib.forked:
        lib.obe_free(value)


class Handle:
    """A client or a server of the library. Failures raise exceptions. Every method may be called from any thread."""

    role = ""

    def __init__(self, address: str | None, port: int) -> None:
        self.address = _checked_address(address)
        self.port = port = _checked_port(port)
        self._lib = lib = library()
        self._id = handle = ctypes.c_size_t()
        # Created before the library's handle is, so that no signal can come between the two.
        self._finalizer = weakref.finalize(self, _free, lib, handle)
        expect_exit()
        self._waiter = Waiter(lambda: lib.obe_cancel(handle))
        self._inbox = Inbox(lib, handle, self._waiter)
        self.receive = self._inbox.receive  # without a call in between
        if not 0 <= port <= 65535:
            raise errors.make(ARGUMENT, f"port {port} is outside 0..65535")

    def _open(self, create: Callable[..., int], timeout: Timeout) -> None:
        """Create the library's handle with one of its functions."""
        ms = None if timeout is DEFAULT else milliseconds(timeout)
        self._check(create(_encode(self.address or "", "the address"), self.port, ctypes.byref(self._id)))
        if ms is None:
            self._read_timeout()
        else:
            self.set_option("timeout_ms", str(ms))

    # -- messages ------------------------------------------------------------------------------------------------------

    # A limit of None is the handle's own.

    def send(self, body: bytes, limit: Limit | None = None) -> None:
        raise NotImplementedError

    def receive_request(self, limit: Limit | None = None) -> Message:
        """The next message of any client as a message of the library, which can be answered at any time."""
        deadline = deadline_after((limit or self._waiter.limit).ms)
        return self._inbox.receive_message(deadline, self._waiter.token)

    def requests(self, ended: Callable[[], bool] = lambda: False) -> Iterator[Message]:
        """The messages of all clients, until a cancel, even one that comes between two messages.

        They also end when ended() returns True, which is asked before each message and every 100 ms. A close or free
        raises ClosedError.
        """
        token = self._waiter.token
        while not ended():
            try:
                yield self._inbox.receive_message(deadline_after(SLICE), token)
            except errors.Error as error:
                # The library also cancels this call if a signal handler raises in a call of the main thread.
                if error.code not in (TIMEOUT, CANCELLED):
                    raise
            if self._waiter.token is not token:
                if token.status == CANCELLED:
                    return
                raise errors.make(token.status)

    def reply(self, request: Message, body: bytes, limit: Limit | None = None) -> bool:
        """Answer a request and return whether the client has the whole answer."""
        status = self._send_reply(body, self._lib.untyped_reply, request.handle, limit or self._waiter.limit)
        if status in PEER_GONE or status in LOCALLY_CLOSED:
            return False
        request.check(status)
        return True

    def _send_reply(self, body: bytes, function: Callable[..., int], handle: ctypes.c_size_t, limit: Limit) -> int:
        waiter = self._waiter
        if len(body) > SMALL:
            return waiter.call(function, handle, body, text_length(body), limit.argument)
        if get_ident() != waiter.main_thread:
            return function(handle, body, NUL_TERMINATED, limit.argument)
        # The system almost always accepts a small reply at once. Otherwise it accepts none of it.
        status = function(handle, body, NUL_TERMINATED, NO_WAIT)
        return status if status != TIMEOUT else waiter.call(function, handle, body, NUL_TERMINATED, limit.argument)

    def wait_ready(self, limit: Limit | None) -> None:
        limit = limit or self._waiter.limit
        self._check(self._waiter.call(self._lib.untyped_wait_ready, self._id, limit.argument))

    # -- lifetime ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        self._waiter.end_calls(CLOSED)
        self._inbox.discard()
        self._check(self._lib.obe_close(self._id))

    def cancel(self) -> None:
        self._waiter.end_calls(CANCELLED)
        self._check(self._lib.obe_cancel(self._id))

    def free(self) -> None:
        self._waiter.end_calls(CLOSED)
        self._finalizer()

    @property
    def alive(self) -> bool:
        return self._finalizer.alive

    # -- options and counters ------------------------------------------------------------------------------------------

    def option(self, name: str) -> str:
        status, value = read_bytes(self._lib.untyped_get_option, self._id, _encode(name, "the option's name"))
        self._check(status)
        return value.decode("utf-8", "replace")

    def set_option(self, name: str, value: str) -> None:
        self._check(self._lib.obe_set_option(self._id, _encode(name, "the option's name"), _encode(value, name)))
        if name == "timeout_ms":
            self._read_timeout()

    def _read_timeout(self) -> None:
        self._waiter.limit = Limit(int(self.option("timeout_ms")), DEFAULT_TIMEOUT)

    @property
    def timeout_ms(self) -> int:
        return self._waiter.limit.ms

    def stat(self, name: str) -> int:
        value = ctypes.c_int64()
        self._check(self._lib.obe_get_stat(self._id, name.encode(), ctypes.byref(value)))
        return value.value

    def _check(self, status: int, more: str = "") -> None:
        if status:
            check(self._lib, status, self._id, more)
