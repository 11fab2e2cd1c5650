"""The messages that a handle receives. An exception of a signal handler loses none of them."""

from __future__ import annotations

import ctypes
from threading import get_ident
from typing import Any

from . import errors
from ._buffer import SIZE, Buffer, BufferPool
from ._call import check
from ._deadline import SLICE, SLICE_MS, Limit, deadline_after
from ._json import decode
from ._library import Library
from ._message import Message
from ._status import BUFFER_TOO_SMALL, TIMEOUT
from ._waiter import CancelToken, Waiter


class Inbox:
    """Receives the messages of one handle.

    If a signal handler raises after the library has returned a message and before the caller has it, the message is
    pending, and the next call returns it.
    """

    def __init__(self, lib: Library, handle: ctypes.c_size_t, waiter: Waiter) -> None:
        self.pool = BufferPool()
        self.unread = False  # client: a message was sent whose reply has not been received
        self.receiver: int | None = None  # the thread that received first
        self.several_receivers = False
        self._lib = lib
        self._handle = handle
        self._waiter = waiter
        self.pending: list[Buffer] = []
        self.pending_messages: list[Message] = []

    def discard(self) -> None:
        """Discard what is pending of a connection that is closed, or replaced by another one."""
        self.pending = []
        self.pending_messages = []
        self.unread = False

    def receive(self, numpy: Any = None, limit: Limit | None = None) -> Any:
        """Receive within a limit. Arrays of numbers are numpy's if that module is passed.

        The usual message is received without a call of a Python function, since each takes about 0.1 µs.
        """
        thread, waiter = get_ident(), self._waiter
        if thread != self.receiver:
            self._add_receiver(thread)
        limit = limit or waiter.limit
        token = waiter.token
        pending: list[Buffer] = []
        buffer = None
        try:
            if self.pending:
                pending, self.pending = self.pending, []
                buffer = pending[0]
            else:
                try:
                    spare = self.pool.free.pop()
                    spare.length.value = 0  # before it is the buffer, whose length tells whether it has a message
                    buffer = spare
                except IndexError:
                    buffer = Buffer(SIZE)
                memory, capacity, length = buffer.arguments
                # Usually the message arrives within the first slice.
                sliced = not limit.fits_slice and thread == waiter.main_thread
                receive, first = self._lib.untyped_receive, SLICE_MS if sliced else limit.argument
                status = receive(self._handle, memory, capacity, length, first)
                if status == TIMEOUT and sliced:
                    status = self._receive_into(buffer, deadline_after(limit.ms - SLICE), token)
                while status == BUFFER_TOO_SMALL:
                    buffer = Buffer(buffer.length.value)
                    status = self._receive_into(buffer, deadline_after(limit.ms), token)
                if status:
                    check(self._lib, status, self._handle)
            self.unread = False
            if numpy is None:
                value = decode(buffer.memory[: buffer.length.value].decode())
            else:
                value = self._value(buffer, numpy)
        except (errors.Error, ValueError, RecursionError):
            raise  # no message was received, or one that a second attempt could not read either
        except BaseException:
            # A signal handler raised. Nothing is called from here on, since another handler could run after a call.
            if pending:
                self.pending = pending
            elif buffer is not None and 0 < buffer.length.value <= buffer.size:
                self.pending = [buffer]
            raise
        if buffer.size == SIZE:
            self.pool.free = [buffer]
        return value

    def _add_receiver(self, thread: int) -> None:
        if self.receiver is None:
            self.receiver = thread
        else:
            self.several_receivers = True

    @staticmethod
    def _value(buffer: Buffer, numpy: Any) -> Any:
        message = Message.from_text(buffer.view())
        value = message.value(numpy)
        message.release()
        return value

    def receive_message(self, deadline: float, token: CancelToken) -> Message:
        """Receive a message of the library, which on a server can be answered at any time."""
        if self.pending:
            return Message.from_text(self.pending.pop(0).view())
        messages, self.pending_messages = self.pending_messages or [Message()], []
        try:
            if not messages[0].handle.value:
                receive, place = self._lib.untyped_receive_message, ctypes.byref(messages[0].handle)
                status = self._waiter.poll_in_slices(deadline, token, receive, self._handle, place)
                check(self._lib, status, self._handle)
            self.unread = False
            return messages[0]
        except BaseException:
            if messages[0].handle.value:
                self.pending_messages = messages
            raise

    def _receive_into(self, buffer: Buffer, deadline: float, token: CancelToken) -> int:
        return self._waiter.poll_in_slices(deadline, token, self._lib.untyped_receive, self._handle, *buffer.arguments)
