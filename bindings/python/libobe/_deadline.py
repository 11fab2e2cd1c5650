"""Timeouts in seconds, milliseconds of the C interface, and deadlines."""

from __future__ import annotations

import ctypes
import enum
import math
import threading
import time
from datetime import timedelta
from numbers import Real
from typing import Any, Union

from . import errors
from ._status import ARGUMENT

SLICE = 100  # milliseconds; the longest that a signal handler has to wait for a call

# Timeouts as the library's untyped functions need them.
DEFAULT_TIMEOUT = ctypes.c_int64.from_param(-2)  # the handle's own
NO_WAIT = ctypes.c_int64.from_param(0)
SLICE_MS = ctypes.c_int64.from_param(SLICE)


class Default(enum.Enum):
    """The type of `DEFAULT`, which stands for the library's own default."""

    DEFAULT = "default"


DEFAULT = Default.DEFAULT
Seconds = Union[float, timedelta, None]
Timeout = Union[Seconds, Default]


def milliseconds(timeout: Seconds) -> int:
    """Convert a timeout to the library's milliseconds, where -1 waits forever."""
    if timeout is None:
        return -1
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if not _is_number(seconds):
        raise TypeError(f"a timeout is None, a number of seconds or a timedelta, not {timeout!r}; write timeout=5.0")
    if seconds > threading.TIMEOUT_MAX:
        return -1
    if not seconds >= 0:
        raise errors.make(ARGUMENT, f"a timeout is None or a number of seconds from 0 up, not {timeout!r}")
    return math.ceil(seconds * 1000)


def _is_number(value: object) -> bool:
    """Whether a value is a real number, numpy's included. Truth values would be 0 or 1 seconds."""
    kind = getattr(getattr(value, "dtype", None), "kind", "f")  # a numpy.timedelta64 is a Real too
    return isinstance(value, Real) and not isinstance(value, bool) and kind in "iuf"


class Limit:
    """The timeout of a call: in milliseconds, and as the argument of the library's functions."""

    __slots__ = ("argument", "fits_slice", "ms")

    def __init__(self, ms: int, argument: Any) -> None:
        self.ms = ms  # -1 waits forever
        self.argument = argument
        self.fits_slice = 0 <= ms <= SLICE


def limit_of(timeout: Timeout) -> Limit | None:
    """The limit of one call, None for the handle's own."""
    if timeout is DEFAULT:
        return None
    ms = milliseconds(timeout)
    return Limit(ms, ctypes.c_int64.from_param(ms))


def deadline_after(ms: int) -> float:
    return math.inf if ms < 0 else time.monotonic() + ms / 1000


def remaining(deadline: float) -> int:
    """Milliseconds until the deadline; -1 without a deadline."""
    return -1 if deadline == math.inf else max(0, math.ceil((deadline - time.monotonic()) * 1000))
