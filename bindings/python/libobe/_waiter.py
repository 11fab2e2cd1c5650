"""How a call that may block is made, so that signal handlers run in time.

Python runs signal handlers on the main thread, between bytecodes and never inside a call into the library. So on the
main thread a call that may block is cut into slices if it loses nothing by a timeout, and is made on a helper thread
otherwise. On other threads and in subinterpreters, where no signal handler ever runs, it is made directly: a helper
thread would abort the end of its subinterpreter, which has to be the last thread.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import Any, Callable

from . import errors
from ._deadline import DEFAULT_TIMEOUT, SLICE, SLICE_MS, Limit, remaining
from ._helper_thread import run_in_helper
from ._status import BUFFER_TOO_SMALL, CANCELLED, OK, TIMEOUT

_main_thread: int | None = None  # the thread that runs signal handlers; None in a subinterpreter


def _in_main_interpreter() -> bool:
    try:
        current, main = ctypes.pythonapi.PyInterpreterState_Get, ctypes.pythonapi.PyInterpreterState_Main
    except AttributeError:  # not CPython, and so without subinterpreters
        return True
    current.restype = main.restype = ctypes.c_void_p
    return bool(current() == main())


def _find_main_thread() -> None:
    global _main_thread
    _main_thread = threading.main_thread().ident if _in_main_interpreter() else None


_find_main_thread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_find_main_thread)


def on_main_thread() -> bool:
    return threading.get_ident() == _main_thread


class CancelToken:
    """Identifies the calls that the next cancel, close or free ends."""

    __slots__ = ("status",)

    def __init__(self) -> None:
        self.status = CANCELLED  # the reason why they ended


class Waiter:
    """Runs the blocking calls of one handle. limit is the handle's own timeout."""

    def __init__(self, cancel: Callable[[], Any]) -> None:
        self.main_thread = _main_thread  # where on_main_thread() is too slow; a forked child cannot use the handle
        self.limit = Limit(-1, DEFAULT_TIMEOUT)
        self.token = CancelToken()
        self._cancel = cancel

    def end_calls(self, status: int) -> None:
        """End the calls in flight that are between two slices, where the library has no call to wake."""
        self.token.status = status  # before the calls can see that they have ended
        self.token = CancelToken()

    def poll_in_slices(
        self, deadline: float, token: CancelToken, function: Callable[..., int], *arguments: Any
    ) -> int:
        """Call a function that loses nothing by a timeout, until it succeeds or fails or the deadline has passed."""
        sliced = on_main_thread()
        while True:
            left = remaining(deadline)
            last = not sliced or 0 <= left <= SLICE
            status = function(*arguments, ctypes.c_int64(left) if last else SLICE_MS)
            if self.token is not token and status not in (OK, BUFFER_TOO_SMALL):
                raise errors.make(token.status)
            if last or status != TIMEOUT:
                return status

    def call(self, function: Callable[..., int], *arguments: Any) -> int:
        """Call a function that must not be cut into slices, because a timeout could end it inside a message."""
        if not on_main_thread():
            return function(*arguments)
        return run_in_helper(lambda: function(*arguments), self._cancel)
