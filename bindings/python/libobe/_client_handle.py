"""The handle of a client, and its commands, each of which gets its own reply even with many threads."""

from __future__ import annotations

import ctypes
import threading
from threading import get_ident
from typing import Any, Callable, TypeVar

from . import errors
from ._buffer import SIZE, Buffer
from ._call import last_error
from ._deadline import NO_WAIT, SLICE, SLICE_MS, Limit, Timeout, deadline_after, remaining
from ._handle import NUL_TERMINATED, SMALL, Handle, text_length
from ._json import decode
from ._library import raise_forked
from ._message import Message
from ._status import BUFFER_TOO_SMALL, CANCELLED, OK, REPLY, STATE, TIMEOUT
from ._waiter import CancelToken, on_main_thread

# The explanation in the library's error message when obe_tcmd times out, for a command whose reply other calls waited
# for.
NO_REPLY = (
    ": no reply; the server may still execute the command, and a Python optbayesexpt server never replies to an "
    "unknown one"
)

T = TypeVar("T")
Call = tuple[Any, ...]  # a function of the library and its arguments, except the last one, the timeout


def _is_loopback(address: str) -> bool:
    return address in ("", "localhost", "::1") or address.startswith("127.")


class ClientHandle(Handle):
    """A client of the library."""

    role = "client"

    def __init__(self, address: str | None, port: int, timeout: Timeout) -> None:
        super().__init__(address, port)
        self._is_local = _is_loopback(address or "")
        self._persistent = False
        self.fields: dict[str, Any] = {}  # the option fields
        self._tcmd_lock = threading.RLock()  # reentrant, for a command in a signal handler
        self._commands = 0  # how many commands have begun
        self._asked = False  # ask_goodset sent a command whose reply was not fetched
        self._open(self._lib.obe_client_new, timeout)
        # A command whose first slice runs out keeps its connection, so that its reply can still be received.
        self.set_option("late_reply", "1")

    def set_option(self, name: str, value: str) -> None:
        super().set_option(name, value)
        if name == "persistent":
            self._persistent = self.option(name) == "1"
        elif name == "fields":
            self.fields = decode(self.option(name) or "{}")

    def send(self, body: bytes, limit: Limit | None = None) -> None:
        limit = limit or self._waiter.limit
        deadline, token, send = deadline_after(limit.ms), self._waiter.token, self._lib.untyped_send
        if not self._persistent:
            self._inbox.discard()
        if self._may_block(len(body)):
            status = self._waiter.call(send, self._id, body, text_length(body), limit.argument)
        else:
            # The system accepts the whole message at once. So if a slice runs out, the call was connecting, and nothing
            # was sent.
            status = self._waiter.poll_in_slices(deadline, token, send, self._id, body, text_length(body))
        self._check(status)
        self._inbox.unread = True

    def _may_block(self, size: int) -> bool:
        """Whether sending may wait for the peer to read, or for a connection to another machine."""
        return size > SMALL or not self._is_local or (self._persistent and self._inbox.unread)

    def tcmd_text(self, body: bytes, limit: Limit | None = None) -> str:
        """Send a command and return the text of its reply.

        The usual command is sent without a call of a Python function, since each takes about 0.1 µs.
        """
        lib, handle, inbox, waiter = self._lib, self._id, self._inbox, self._waiter
        if lib.forked:
            raise_forked()  # a thread that does not exist in this process may hold the lock
        limit = limit or waiter.limit
        with self._tcmd_lock:
            self._commands += 1
            try:
                if inbox.unread or inbox.pending or inbox.pending_messages:
                    inbox.discard()
                try:
                    buffer = inbox.pool.free.pop()
                except IndexError:
                    buffer = Buffer(SIZE)
                if len(body) > SMALL or not self._is_local or self._asked:
                    status, resumed = self._exchange(len(body), *self._calls(body, buffer), limit)
                else:
                    memory, capacity, length = buffer.arguments
                    token, number = waiter.token, self._commands  # before the call, as in _exchange
                    sliced = not limit.fits_slice and get_ident() == waiter.main_thread
                    first = SLICE_MS if sliced else limit.argument
                    status = lib.untyped_tcmd(handle, body, NUL_TERMINATED, memory, capacity, length, first)
                    resumed = False
                    if status == TIMEOUT and sliced:
                        deadline = deadline_after(limit.ms - SLICE)
                        status, resumed = self._resume(*self._calls(body, buffer), token, number, deadline)
                while status == BUFFER_TOO_SMALL:
                    buffer = Buffer(buffer.length.value)
                    status = lib.untyped_receive(handle, *buffer.arguments, NO_WAIT)
                if status or resumed:
                    self._end_exchange(status, resumed)
                text = buffer.memory[: buffer.length.value].decode()
                if buffer.size == SIZE:
                    inbox.pool.free = [buffer]
                return text
            except BaseException as error:
                self._abandon(error)
                raise

    def _calls(self, body: bytes, buffer: Buffer) -> tuple[Callable[..., int], tuple[Any, ...], Call]:
        """What _exchange and _resume need for a text: the function, its arguments, and the call that only receives."""
        lib, handle = self._lib, self._id
        arguments = handle, body, text_length(body), *buffer.arguments
        return lib.untyped_tcmd, arguments, (lib.untyped_receive, handle, *buffer.arguments)

    def tcmd_arrays(self, body: bytes, numpy: Any, limit: Limit | None) -> Any:
        """Send a command and return its reply, whose arrays of numbers are numpy's."""
        reply = self._run(self._tcmd_message, body, limit)
        value = reply.value(numpy)
        reply.release()
        return value

    def query(self, command: bytes, fields: bytes = b"", limit: Limit | None = None) -> Message:
        """Send one of the protocol's commands with the members of an object, b"" for none; see obe_query.

        The caller releases the reply.
        """
        members = Message.from_text(fields) if fields else Message.acquire()
        reply = Message.acquire()
        self._run(self._query, command, len(fields), members, reply, limit)
        members.release()
        return reply

    def expect_ok(self, command: bytes, body: bytes, limit: Limit | None = None) -> None:
        """Send one of the protocol's commands whose answer is "OK", and raise ReplyError for any other answer."""
        text = self.tcmd_text(body, limit)
        if text != '"OK"':  # an error, or an unusual spelling of "OK"
            self.check_reply(Message.from_text(text.encode()), command)

    def check_reply(self, reply: Message, command: bytes) -> None:
        """Raise ReplyError unless a message is the answer to that command."""
        reply.check(self._lib.untyped_check_reply(reply.handle, command))

    def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run one command at a time. If it fails, close its connection, so that no later command gets its reply."""
        if self._lib.forked:
            raise_forked()  # a thread that does not exist in this process may hold the lock
        with self._tcmd_lock:
            self._commands += 1
            try:
                return function(*arguments)
            except BaseException as error:
                self._abandon(error)
                raise

    def _abandon(self, error: BaseException) -> None:
        """Close the connection of a command that failed. A reply that is an error ended the command properly."""
        if getattr(error, "code", OK) != REPLY:
            self._inbox.discard()
            self._asked = False
            self._lib.obe_close(self._id)

    def ask_goodset(self, pickiness: float, limit: Limit | None) -> None:
        """Send the command goodset, whose reply fetch_goodset returns."""
        if self._lib.forked:
            raise_forked()
        with self._tcmd_lock:
            argument = (limit or self._waiter.limit).argument
            asked_before, self._asked = self._asked, True  # also if an exception of a signal handler ends the call
            ask, wanted = self._lib.untyped_goodset_ask, ctypes.c_double(pickiness)
            status = self._waiter.call(ask, self._id, wanted, argument)
            if status != OK:
                self._asked = asked_before
            self._check(status)

    def fetch_goodset(self, limit: Limit | None) -> list[float]:
        """The reply to ask_goodset."""
        if self._lib.forked:
            raise_forked()
        limit = limit or self._waiter.limit
        deadline, token, count, size = deadline_after(limit.ms), self._waiter.token, ctypes.c_int64(), 8
        with self._tcmd_lock:
            while True:
                setting = (ctypes.c_double * size)()
                arguments = self._id, setting, ctypes.c_int64(size), ctypes.byref(count)
                status = self._waiter.poll_in_slices(deadline, token, self._lib.untyped_goodset_fetch, *arguments)
                if status != BUFFER_TOO_SMALL:
                    break
                size = count.value
            if status not in (TIMEOUT, CANCELLED):
                self._asked = False
            self._check(status)
            return setting[: count.value]

    def _tcmd_message(self, body: bytes, limit: Limit | None) -> Message:
        lib, request, reply = self._lib, Message.from_text(body), Message.acquire()
        place = ctypes.byref(reply.handle)
        receive = lib.untyped_receive_message, self._id, place
        arguments = self._id, request.handle, place
        self._end_exchange(*self._exchange(len(body), lib.untyped_tcmd_message, arguments, receive, limit))
        request.release()
        return reply

    def _query(self, command: bytes, size: int, members: Message, reply: Message, limit: Limit | None) -> None:
        place = ctypes.byref(reply.handle)
        receive = self._lib.untyped_receive_message, self._id, place
        arguments = self._id, command, members.handle, place
        status, resumed = self._exchange(size, self._lib.untyped_query, arguments, receive, limit)
        self._end_exchange(status, resumed)
        if resumed:  # the call that received the reply did not check it
            self.check_reply(reply, command)

    def _exchange(
        self,
        size: int,
        function: Callable[..., int],
        arguments: tuple[Any, ...],
        receive: Call,
        limit: Limit | None,
    ) -> tuple[int, bool]:
        """Call a function that sends a command of size bytes and receives its reply.

        Returns the status, and whether the reply was received by the call receive instead.
        """
        waiter, inbox = self._waiter, self._inbox
        limit = limit or waiter.limit
        if inbox.unread or inbox.pending or inbox.pending_messages:
            inbox.discard()
        if limit.fits_slice or not on_main_thread():
            return function(*arguments, limit.argument), False
        # On a kept connection a command waits until the reply to ask_goodset has arrived, before it is sent. A slice
        # could end there.
        if size > SMALL or not self._is_local or (self._asked and self._persistent):
            return waiter.call(function, *arguments, limit.argument), False
        token, number = waiter.token, self._commands  # before the call, at whose end a signal handler may run
        status = function(*arguments, SLICE_MS)
        if status != TIMEOUT:
            return status, False
        return self._resume(function, arguments, receive, token, number, deadline_after(limit.ms - SLICE))

    def _resume(
        self,
        function: Callable[..., int],
        arguments: tuple[Any, ...],
        receive: Call,
        token: CancelToken,
        number: int,
        deadline: float,
    ) -> tuple[int, bool]:
        """Continue the command with that number, whose first slice has run out."""
        while True:
            no_connection = last_error(self._lib, self._id)
            status = self._waiter.poll_in_slices(deadline, token, *receive)
            # STATE means that no connection is open: the slice ran out while connecting, and nothing was sent. Or a
            # signal handler ran another command in the meantime, which closed the connection of this one.
            if status != STATE or self._commands != number:
                break
            left = remaining(deadline)
            if left == 0:
                raise errors.make(TIMEOUT, no_connection)
            status = function(*arguments, ctypes.c_int64(left if 0 < left < SLICE else SLICE))
            if status != TIMEOUT:
                return status, False
        if status == TIMEOUT:
            self._check(status, NO_REPLY)
        return status, True

    def _end_exchange(self, status: int, resumed: bool) -> None:
        self._check(status)
        # The next command closes the connection too. obe_close would also discard the question of ask_goodset.
        if resumed and not self._persistent and not self._asked:
            self._lib.obe_close(self._id)
