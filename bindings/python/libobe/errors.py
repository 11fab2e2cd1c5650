"""The exceptions of libobe: `Error`, and one subclass per status of the C library.

OBE_E_PEER_CLOSED is raised as `PeerClosedError`, OBE_E_TIMEOUT as `TimeoutError`, and so on. Each subclass also
inherits from the built-in exception that callers of `optbayesexpt.Socket` catch in the same situation: `RefusedError`
is a `ConnectionRefusedError`, `FrameError` and `JsonError` are each a `ValueError`.

Generated from capi/ by "make generate"; do not edit.
"""

from __future__ import annotations

import builtins
import errno

from . import _abi


class Error(Exception):
    """A failure reported by libobe. `code` is its status number, as in obe.h."""

    code: int = 0

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        error: Exception = self
        if isinstance(error, OSError):
            error.errno = _ERRNO.get(self.code)
            error.strerror = message

    def __str__(self) -> str:
        # OSError.__str__ would put "[Errno 111]" before a text that already contains the reason.
        return str(self.args[0]) if self.args else ""


class ArgumentError(Error, builtins.ValueError):
    """Invalid argument."""

    code = -8001


class HandleError(Error, builtins.ValueError):
    """Invalid handle: wrong kind, or already freed."""

    code = -8002


class StateError(Error, builtins.RuntimeError):
    """Operation not valid in this role or state."""

    code = -8003


class TimeoutError(Error, builtins.TimeoutError):
    """Operation timed out."""

    code = -8004


class CancelledError(Error):
    """Operation cancelled."""

    code = -8005


class ClosedError(Error, builtins.RuntimeError):
    """Connection or handle closed locally."""

    code = -8006


class PeerClosedError(Error, builtins.RuntimeError):
    """Peer closed the connection before the message was complete."""

    code = -8007


class ResetError(Error, builtins.ConnectionResetError):
    """Connection reset by the peer, or lost."""

    code = -8008


class RefusedError(Error, builtins.ConnectionRefusedError):
    """Connection refused: no server is listening there."""

    code = -8009


class UnreachableError(Error, builtins.OSError):
    """Host unreachable, or name resolution failed."""

    code = -8010


class InUseError(Error, builtins.OSError):
    """Address and port in use by another server."""

    code = -8011


class PermissionError(Error, builtins.PermissionError):
    """Permission denied."""

    code = -8012


class FrameError(Error, builtins.ValueError):
    """Malformed frame: the peer does not speak the OBE protocol."""

    code = -8013


class TooLargeError(Error, builtins.ValueError):
    """Message larger than max_message."""

    code = -8014


class JsonError(Error, builtins.ValueError):
    """Invalid JSON, or invalid UTF-8."""

    code = -8015


class BufferError(Error, builtins.BufferError):
    """Buffer too small; no data was lost."""

    code = -8016


class NotFoundError(Error, builtins.LookupError):
    """No value at that JSON pointer."""

    code = -8017


class TypeError(Error, builtins.TypeError):
    """Value has a different type."""

    code = -8018


class RangeError(Error, builtins.OverflowError):
    """Number out of range for the requested type."""

    code = -8019


class BusyError(Error):
    """Busy: another call on the handle did not finish in time."""

    code = -8020


class TlsError(Error, builtins.OSError):
    """TLS handshake or certificate verification failed."""

    code = -8021


class ForkedError(Error, builtins.RuntimeError):
    """Not usable in a forked child; start a new process instead."""

    code = -8022


class UnsupportedError(Error, builtins.NotImplementedError):
    """Not supported on this platform or by this build."""

    code = -8023


class IoError(Error, builtins.OSError):
    """I/O error."""

    code = -8024


class MemoryError(Error, builtins.MemoryError):
    """Out of memory."""

    code = -8025


class InternalError(Error, builtins.RuntimeError):
    """Internal error; please report it."""

    code = -8026


class ReplyError(Error, builtins.RuntimeError):
    """Unexpected reply to the command."""

    code = -8027


_ERRNO = {
    RefusedError.code: errno.ECONNREFUSED,
    ResetError.code: errno.ECONNRESET,
    InUseError.code: errno.EADDRINUSE,
    PermissionError.code: errno.EACCES,
}

_CLASSES: dict[int, type[Error]] = {cls.code: cls for cls in (
    ArgumentError,
    HandleError,
    StateError,
    TimeoutError,
    CancelledError,
    ClosedError,
    PeerClosedError,
    ResetError,
    RefusedError,
    UnreachableError,
    InUseError,
    PermissionError,
    FrameError,
    TooLargeError,
    JsonError,
    BufferError,
    NotFoundError,
    TypeError,
    RangeError,
    BusyError,
    TlsError,
    ForkedError,
    UnsupportedError,
    IoError,
    MemoryError,
    InternalError,
    ReplyError,
)}
_STATUSES = {code: (name, text) for code, name, _, text in _abi.STATUSES}


def make(status: int, message: str = "") -> Error:
    """The exception for a status, with the library's error message or, without one, the general text of the status."""
    name, text = _STATUSES.get(status, ("unknown status", "the library failed"))
    error = _CLASSES.get(status, Error)(f"{message or text} ({name} {status})")
    error.code = status
    return error
