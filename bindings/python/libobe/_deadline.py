"""Timeouts in seconds, milliseconds of the C interface, and deadlines."""

from __future__ import annotations

import ctypes
import enum
import math
import threading
import time
from typing import Union

from . import errors
from ._status import ARGUMENT

SLICE = 100  # milliseconds; the longest that a signal handler has to wait for a call

# Timeouts as the library's untyped functions need them.
DEFAULT_TIMEOUT = ctypes.c_int64(-2)  # the handle's own
NO_WAIT = ctypes.c_int64(0)
SLICE_MS = ctypes.c_int64(SLICE)


class Default(enum.Enum):
    """The type of `DEFAULT`, which stands for the library's own default."""

    DEFAULT = "default"


DEFAULT = Default.DEFAULT
Timeout = Union[float, None, Default]


def milliseconds(timeout: float | None) -> int:
    """Convert a timeout to the library's milliseconds, where -1 waits forever."""
    if timeout is None or timeout > threading.TIMEOUT_MAX:
        return -1
    if not timeout >= 0:
        raise errors.make(ARGUMENT, f"a timeout is None or a number of seconds from 0 up, not {timeout!r}")
    return math.ceil(timeout * 1000)


def deadline_after(ms: int) -> float:
    return math.inf if ms < 0 else time.monotonic() + ms / 1000


def remaining(deadline: float) -> int:
    """Milliseconds until the deadline; -1 without a deadline."""
    return -1 if deadline == math.inf else max(0, math.ceil((deadline - time.monotonic()) * 1000))
