"""Calls that read a text, and the exception of a call that failed."""

from __future__ import annotations

import atexit
import ctypes
import threading
import time
from typing import Any, Callable

from . import errors
from ._buffer import Buffer, BufferPool
from ._library import Library
from ._status import BUFFER_TOO_SMALL, CLOSED, HANDLE, OK

_EXIT_SECONDS = 1  # longer than an interpreter needs from its exit hooks to its end

_pool = BufferPool()
_exit_hooks: list[threading.Event] = []  # one, from the first handle on; set when the interpreter exits


def expect_exit() -> None:
    """Prepare for the interpreter's exit. To be called after a weakref.finalize was created: hooks run in reverse."""
    if not _exit_hooks:
        _exit_hooks.append(threading.Event())
        atexit.register(_exit_hooks[0].set)


def read_bytes(function: Callable[..., int], *arguments: Any) -> tuple[int, bytes]:
    """Call a function that writes a text to a buffer. Returns its status and the text, which is empty if it failed."""
    buffer = _pool.acquire()
    status = function(*arguments, *buffer.arguments)
    while status == BUFFER_TOO_SMALL:
        buffer = Buffer(buffer.length.value)
        status = function(*arguments, *buffer.arguments)
    text = bytes(buffer.view()) if status == OK else b""
    _pool.release(buffer)
    return status, text


def last_error(lib: Library, handle: ctypes.c_size_t) -> str:
    """The error message of the last failure on a handle, or, for handle 0, of a call without a handle."""
    return read_bytes(lib.untyped_last_error, handle)[1].decode("utf-8", "replace")


def check(lib: Library, status: int, handle: ctypes.c_size_t, more: str = "") -> None:
    """Raise the exception of a failure on a handle; more is appended to its error message."""
    if status:
        if status in (CLOSED, HANDLE) and _exit_hooks and _exit_hooks[0].is_set():
            _end_with_interpreter()
        text = last_error(lib, handle) + more
        if status == HANDLE:  # callers of this package know no handles
            text = f"{text.partition(':')[0]}: the socket was freed; create a new one"
        raise errors.make(status, text)


def _end_with_interpreter() -> None:
    """Stop a daemon thread whose call was ended by the interpreter's exit, which frees all handles.

    An exception would print a traceback, and can abort the interpreter. The thread ends when it next needs the GIL. If
    the interpreter still runs by then, a later exit hook may be waiting for the thread, which SystemExit ends silently.
    """
    if threading.current_thread() is not threading.main_thread():
        time.sleep(_EXIT_SECONDS)
        raise SystemExit
