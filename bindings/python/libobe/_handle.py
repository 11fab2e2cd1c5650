"""One handle of the library: deadlines, signals, cancel and errors.

Python runs signal handlers on the main thread between bytecodes, never inside a call into the library. So a call on the
main thread that may block is either cut in slices, where nothing is lost by giving up and trying again, or made on a
helper thread while the main thread waits. Other threads, where no signal handler ever runs, call the library directly.
"""

from __future__ import annotations

import ctypes
import enum
import math
import os
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any, Callable, Union

from . import errors
from ._aside import run as run_aside
from ._documents import Document
from ._json import decode
from ._library import Library, library, raise_forked

SLICE = 100  # milliseconds; how late a signal handler may run
SMALL = 16 * 1024  # bytes; fits an empty socket buffer on every platform, so that sending it does not block
BUFFER = 64 * 1024  # bytes; a message that fits is received without an allocation

OK = 0
WHOLE = ctypes.c_int64(-1)  # the length of a text that ends with a NUL; JSON has none inside
HANDLES_OWN = ctypes.c_int64(-2)  # the timeout that the handle has
AT_ONCE = ctypes.c_int64(0)
A_SLICE = ctypes.c_int64(SLICE)
ARGUMENT = errors.CODES["OBE_E_ARGUMENT"]
STATE = errors.CODES["OBE_E_STATE"]
TIMEOUT = errors.CODES["OBE_E_TIMEOUT"]
CANCELLED = errors.CODES["OBE_E_CANCELLED"]
CLOSED = errors.CODES["OBE_E_CLOSED"]
TOO_SMALL = errors.CODES["OBE_E_BUFFER"]
# What a server's answer meets through no fault of its own: a client that is gone or stalls, and this side's own end.
LEFT = frozenset({errors.CODES["OBE_E_PEER_CLOSED"], errors.CODES["OBE_E_RESET"], TIMEOUT})
ENDED = frozenset({CLOSED, CANCELLED})


# What obe_tcmd says when a reply does not come, for a tcmd that is made of other calls.
NO_REPLY = (
    ": no reply; the server may still carry out the command, and a Python optbayesexpt server never answers one that "
    "it does not know"
)


class Default(enum.Enum):
    """The type of `DEFAULT`, which stands for the library's own default."""

    DEFAULT = "default"


DEFAULT = Default.DEFAULT
Timeout = Union[float, None, Default]


def milliseconds(timeout: float | None) -> int:
    """A timeout as the library wants it; None is for ever."""
    if timeout is None or timeout > threading.TIMEOUT_MAX:
        return -1
    if not timeout >= 0:
        raise errors.make(ARGUMENT, f"a timeout is None or a number of seconds from 0 up, not {timeout!r}")
    return math.ceil(timeout * 1000)


def _deadline(ms: int) -> float:
    return math.inf if ms < 0 else time.monotonic() + ms / 1000


def _left(deadline: float) -> int:
    return -1 if deadline == math.inf else max(0, math.ceil((deadline - time.monotonic()) * 1000))


_main: int | None = None


def _find_main_thread() -> None:
    global _main
    _main = threading.main_thread().ident


_find_main_thread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_find_main_thread)


def _length(body: bytes) -> ctypes.c_int64:
    """The length of a text for the library, which looks for the end of a small one faster than we make a number."""
    return WHOLE if len(body) <= SMALL else ctypes.c_int64(len(body))


def _on_main_thread() -> bool:
    return threading.get_ident() == _main


def _loopback(address: str) -> bool:
    return address in ("", "localhost", "::1") or address.startswith("127.")


def _text(value: str, what: str) -> bytes:
    if "\0" in value:
        raise errors.make(ARGUMENT, f"{what} has a NUL character in it")
    return value.encode()


class _Buffer:
    """Memory for the library to write a message to, and its length."""

    def __init__(self, size: int) -> None:
        self.memory = bytearray(size)
        self.size = size
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.length = ctypes.c_int64()
        # Where the message goes, how much fits there, and where its length goes.
        self.place = (ctypes.c_void_p(self.address), ctypes.c_int64(size), ctypes.byref(self.length))

    def view(self) -> memoryview:
        return memoryview(self.memory)[: self.length.value]

    def text(self, on_error: str = "strict") -> str:
        return str(self.view(), "utf-8", on_error)


def _free(lib: Library, handle: ctypes.c_size_t) -> None:
    value, handle.value = handle.value, 0
    if value and not lib.forked:
        lib.obe_free(value)


class Handle:
    """A client or a server of the library. Errors are raised; every method may be called from any thread."""

    def __init__(self, role: str, address: str | None, port: int, timeout: Timeout) -> None:
        self.role = role
        self.address = address
        self.port = port
        self._lib = library()
        self._id = ctypes.c_size_t()
        # Before the handle exists, so that no signal can come between the two.
        self._finalizer = weakref.finalize(self, _free, self._lib, self._id)
        self._is_client = role == "client"
        self._is_local = not self._is_client or _loopback(address or "")
        self._persistent = False
        self._unread = False  # client: a message was sent whose answer has not been received
        self._kept: list[_Buffer] = []  # with a message that a signal handler's exception kept from the caller
        self._documents: list[Document] = []  # likewise
        self._spares: list[_Buffer] = []
        self._woken = [OK]  # replaced, with the reason in it, to end the calls in flight
        self._turn = threading.RLock()  # held for the whole of a tcmd, so that each gets its own reply
        self._exchanges = 0  # how many tcmd have begun
        self._receiver: int | None = None  # server: the thread that received first
        self._several = False  # server: another one has received too
        if not 0 <= port <= 65535:
            raise errors.make(ARGUMENT, f"port {port} is outside 0..65535")
        make = self._lib.obe_client_new if self._is_client else self._lib.obe_server_new
        self._check(make(_text(address or "", "the address"), port, ctypes.byref(self._id)))
        if not self._is_client:
            number = ctypes.c_int32()
            self._check(self._lib.obe_port(self._id, ctypes.byref(number)))
            self.port = number.value
        if self._is_client:
            self.set_option("late_reply", "1")
        if timeout is not DEFAULT:
            self.set_option("timeout_ms", str(milliseconds(timeout)))
        self._timeout = int(self.option("timeout_ms"))

    # -- talk --------------------------------------------------------------------------------------------------------

    def send(self, body: bytes) -> None:
        if self._is_client:
            self._send(body, _deadline(self._timeout), self._woken)
            return
        self._kept, self._documents = [], []  # what this answers
        send = self._lib.quick_send
        if self._several:
            # It answers what this thread received, so that no other thread may make the call.
            self._taken(send(self._id, body, _length(body), HANDLES_OWN), LEFT)
        else:
            self._taken(self._post(body, send, self._id), LEFT)

    def receive(self, numpy: Any = None) -> Any:
        """The next message; arrays of numbers are numpy's if that module is given."""
        if not self._is_client:
            thread = threading.get_ident()
            if self._receiver is None:
                self._receiver = thread
            elif self._receiver != thread:
                self._several = True
        return self._receive(None, self._woken, numpy=numpy)

    def receive_request(self) -> Document:
        """The next message of any client as a document, which can be answered at any time."""
        return self._receive_document(_deadline(self._timeout), self._woken, "")

    def requests(self) -> Iterator[Document]:
        """The messages of all clients, until cancel, close or free, also one between two of them."""
        woken = self._woken
        while True:
            try:
                yield self._receive_document(_deadline(SLICE), woken, "")
            except errors.Error as error:
                if error.code != TIMEOUT:
                    raise
            if self._woken is not woken:
                raise errors.make(self._woken[0])

    def reply(self, request: Document, body: bytes) -> bool:
        """Answer a request, and say whether the client got all of it."""
        return self._taken(self._post(body, self._lib.obe_reply, request.handle), LEFT | ENDED, request.handle)

    def tcmd(self, body: bytes, numpy: Any = None) -> Any:
        if self._lib.forked:
            raise_forked()  # a thread that is not in this process may hold the turn
        with self._turn:
            self._exchanges += 1
            try:
                if numpy is None and ((len(body) <= SMALL and self._is_local) or not _on_main_thread()):
                    return self._tcmd(body)
                deadline, woken = _deadline(self._timeout), self._woken
                self._send(body, deadline, woken)
                reply = self._receive(deadline, woken, NO_REPLY, numpy)
                if not self._persistent:
                    self._lib.obe_close(self._id)
                return reply
            except BaseException:
                self._forget()
                self._lib.obe_close(self._id)  # or a late reply would answer the next command
                raise

    def wait_ready(self, timeout: Timeout) -> None:
        ms = self._timeout if timeout is DEFAULT else milliseconds(timeout)
        if _on_main_thread():
            status = self._aside(lambda: self._lib.obe_wait_ready(self._id, ms))
        else:
            status = self._lib.obe_wait_ready(self._id, ms)
        self._check(status)

    def _send(self, body: bytes, deadline: float, woken: list[int]) -> None:
        if not self._persistent:
            self._kept, self._documents = [], []  # of the connection that this send leaves
        send = self._lib.quick_send
        if _on_main_thread() and self._may_block(len(body)):
            status = self._aside(lambda: send(self._id, body, _length(body), ctypes.c_int64(_left(deadline))))
        else:
            # Nothing is in the way of the message, so a slice that runs out was still connecting: nothing was sent.
            status = self._sliced(deadline, woken, send, self._id, body, _length(body))
        self._check(status)
        self._unread = True

    def _may_block(self, size: int) -> bool:
        """Whether sending may have to wait for the peer, or for more than a local connection to be made."""
        return size > SMALL or not self._is_local or (self._persistent and self._unread)

    def _post(self, body: bytes, function: Callable[..., int], handle: ctypes.c_size_t) -> int:
        """Send an answer."""
        length = _length(body)
        if not _on_main_thread():
            return function(handle, body, length, HANDLES_OWN)
        # Nearly always the system takes a small one at once. What it does not take, it does not take in part.
        status = function(handle, body, length, AT_ONCE) if length is WHOLE else TIMEOUT
        return self._aside(lambda: function(handle, body, length, HANDLES_OWN)) if status == TIMEOUT else status

    def _receive(self, deadline: float | None, woken: list[int], on_timeout: str = "", numpy: Any = None) -> Any:
        if numpy is not None and self._is_client:
            until = _deadline(self._timeout) if deadline is None else deadline
            return self._receive_document(until, woken, on_timeout).value(numpy)
        kept: list[_Buffer] = []
        buffer = None
        try:
            if self._kept:
                kept, self._kept = self._kept, []
                buffer = kept[0]
            else:
                buffer = self._spare()
                status = self._receive_into(buffer, deadline, woken)
                while status == TOO_SMALL:
                    buffer = _Buffer(buffer.length.value)
                    status = self._receive_into(buffer, deadline, woken)
                if status:
                    self._check(status, on_timeout if status == TIMEOUT else "")
            self._unread = False
            # A server's message is no document of the library, which send would not answer.
            value = decode(buffer.text()) if numpy is None else Document.of(buffer.view()).value(numpy)
        except (errors.Error, ValueError, RecursionError):
            raise  # there is no message, or one that no second try would make readable
        except BaseException:
            # A signal handler raised: the message goes to the next receive, even if it arrived in the same moment. No
            # call is made in this clause, nor below, because after a call another handler may run.
            if kept:
                self._kept = kept
            elif buffer is not None and 0 < buffer.length.value <= buffer.size:
                self._kept = [buffer]
            raise
        if buffer.size == BUFFER:
            self._spares = [buffer]
        return value

    def _receive_document(self, deadline: float, woken: list[int], on_timeout: str) -> Document:
        if self._kept:
            return Document.of(self._kept.pop(0).view())
        # A document that a signal handler's exception kept from the caller is the next one's.
        documents, self._documents = self._documents or [Document()], []
        try:
            if not documents[0].handle.value:
                receive, place = self._lib.obe_receive_message, ctypes.byref(documents[0].handle)
                status = self._sliced(deadline, woken, receive, self._id, place)
                self._check(status, on_timeout if status == TIMEOUT else "")
            self._unread = False
            return documents[0]
        except BaseException:
            if documents[0].handle.value:
                self._documents = documents
            raise

    def _receive_into(self, buffer: _Buffer, deadline: float | None, woken: list[int]) -> int:
        """Receive until the deadline, or within the handle's timeout, most often in one call of the library."""
        receive = self._lib.quick_receive
        if deadline is None:
            slices = self._in_slices()
            status: int = receive(self._id, *buffer.place, A_SLICE if slices else HANDLES_OWN)
            if status != TIMEOUT or not slices:
                return status
            deadline = _deadline(self._timeout - SLICE)
        return self._sliced(deadline, woken, receive, self._id, *buffer.place)

    def _in_slices(self) -> bool:
        """Whether to make a call with the handle's timeout in slices."""
        return _on_main_thread() and not 0 <= self._timeout <= SLICE

    def _tcmd(self, body: bytes) -> Any:
        """A tcmd in one call of the library, most often. Nothing is in the way of the message on the main thread."""
        if self._kept or self._documents:
            self._forget()
        lib, buffer, woken, more = self._lib, self._spare(), self._woken, ""
        if self._in_slices():
            # The option late_reply is set: a slice that runs out loses nothing.
            status = lib.quick_tcmd(self._id, body, _length(body), *buffer.place, A_SLICE)
            if status == TIMEOUT:
                status, more = self._late_reply(body, buffer, woken, _deadline(self._timeout - SLICE))
        else:
            status = lib.quick_tcmd(self._id, body, _length(body), *buffer.place, HANDLES_OWN)
        while status == TOO_SMALL:
            buffer = _Buffer(buffer.length.value)
            status = lib.quick_receive(self._id, *buffer.place, AT_ONCE)
        if status:
            self._check(status, more)
        self._unread = False
        text = buffer.memory[: buffer.length.value].decode()
        if buffer.size == BUFFER:
            self._spares = [buffer]
        return decode(text)

    def _late_reply(self, body: bytes, buffer: _Buffer, woken: list[int], deadline: float) -> tuple[int, str]:
        """Go on with a tcmd whose first slice has run out; returns its status and what to add to the sentence."""
        number = self._exchanges
        while True:
            said = self._last_error()
            status = self._sliced(deadline, woken, self._lib.quick_receive, self._id, *buffer.place)
            # Without a connection, the slice ran out while it was being made, and nothing was sent; unless a signal
            # handler has made an exchange of its own meanwhile.
            if status != STATE or self._exchanges != number:
                break
            left = _left(deadline)
            if left == 0:
                raise errors.make(TIMEOUT, said)
            slice = ctypes.c_int64(left if 0 < left < SLICE else SLICE)
            status = self._lib.quick_tcmd(self._id, body, _length(body), *buffer.place, slice)
            if status != TIMEOUT:
                return status, ""
        if status in (OK, TOO_SMALL) and not self._persistent:
            self._lib.obe_close(self._id)
        return status, NO_REPLY if status == TIMEOUT else ""

    def _spare(self) -> _Buffer:
        """A buffer that nobody else uses, neither a thread nor a signal handler."""
        try:
            buffer = self._spares.pop()
        except IndexError:
            return _Buffer(BUFFER)
        buffer.length.value = 0
        return buffer

    def _sliced(self, deadline: float, woken: list[int], function: Callable[..., int], *arguments: Any) -> int:
        """Call a function that loses nothing by a timeout, again and again until the deadline."""
        whole = not _on_main_thread()
        while True:
            left = _left(deadline)
            last = whole or 0 <= left <= SLICE
            status = function(*arguments, ctypes.c_int64(left) if last else A_SLICE)
            if status not in (OK, TOO_SMALL) and self._woken is not woken:
                raise errors.make(self._woken[0])  # said between two slices, where the library wakes nobody
            if last or status != TIMEOUT:
                return status

    def _aside(self, call: Callable[[], int]) -> int:
        return run_aside(call, lambda: self._lib.obe_cancel(self._id))

    # -- end ---------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        self._woken = [CLOSED]
        self._forget()
        self._check(self._lib.obe_close(self._id))

    def _forget(self) -> None:
        self._kept = []
        self._documents = []
        self._unread = False

    def cancel(self) -> None:
        self._woken = [CANCELLED]
        self._check(self._lib.obe_cancel(self._id))

    def free(self) -> None:
        self._woken = [CLOSED]
        self._finalizer()

    @property
    def alive(self) -> bool:
        return self._finalizer.alive

    # -- settings and facts ------------------------------------------------------------------------------------------

    def option(self, name: str) -> str:
        status, value = self._read(self._lib.obe_get_option, self._id, _text(name, "the option's name"))
        self._check(status)
        return value

    def set_option(self, name: str, value: str) -> None:
        self._check(self._lib.obe_set_option(self._id, _text(name, "the option's name"), _text(value, name)))
        if name == "timeout_ms":
            self._timeout = int(self.option(name))
        elif name == "persistent":
            self._persistent = self.option(name) == "1"

    def stat(self, name: str) -> int:
        value = ctypes.c_int64()
        self._check(self._lib.obe_get_stat(self._id, name.encode(), ctypes.byref(value)))
        return value.value

    # -- errors ------------------------------------------------------------------------------------------------------

    def _taken(self, status: int, harmless: frozenset[int], owner: Any = None) -> bool:
        if status in harmless:
            return False
        self._check(status, owner=owner)
        return True

    def _check(self, status: int, more: str = "", owner: Any = None) -> None:
        if status:
            raise errors.make(status, self._last_error(owner) + more)

    def _last_error(self, owner: Any = None) -> str:
        return self._read(self._lib.obe_last_error, owner or self._id)[1]

    def _read(self, function: Callable[..., int], *arguments: Any) -> tuple[int, str]:
        """The text that a function writes to a buffer; empty if it fails."""
        buffer = self._spare()
        status = function(*arguments, *buffer.place)
        while status == TOO_SMALL:
            buffer = _Buffer(buffer.length.value)
            status = function(*arguments, *buffer.place)
        text = buffer.text("replace") if status == OK else ""
        if buffer.size == BUFFER:
            self._spares = [buffer]
        return status, text
