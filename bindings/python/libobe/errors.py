"""The exceptions of libobe: `Error`, and one subclass per status of the C library.

OBE_E_PEER_CLOSED is raised as `PeerClosedError`, OBE_E_TIMEOUT as `TimeoutError`, and so on. Each subclass also
inherits from the built-in exception that callers of `optbayesexpt.Socket` catch in the same situation: `RefusedError`
is a `ConnectionRefusedError`, `FrameError` and `JsonError` are each a `ValueError`.
"""

from __future__ import annotations

import builtins
import errno
from typing import TYPE_CHECKING, Any

from . import _abi


class Error(Exception):
    """A failure reported by libobe. `code` is its status number, as in obe.h."""

    code: int = 0
    _errno: int | None = None

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        if isinstance(self, OSError):
            self.errno = self._errno
            self.strerror = message

    def __str__(self) -> str:
        # OSError.__str__ would put "[Errno 111]" before a text that already contains the reason.
        return str(self.args[0]) if self.args else ""


if TYPE_CHECKING:
    # The classes are created from the generated status table, where a type checker cannot see them.
    def __getattr__(name: str) -> type[Error]: ...


CODES = {name: code for code, name, _, _ in _abi.STATUSES}

_ERRNO = {
    "OBE_E_REFUSED": errno.ECONNREFUSED,
    "OBE_E_RESET": errno.ECONNRESET,
    "OBE_E_IN_USE": errno.EADDRINUSE,
    "OBE_E_PERMISSION": errno.EACCES,
}


def _subclass(code: int, name: str, family: str, text: str) -> type[Error]:
    words = name[len("OBE_E_") :].split("_")
    bases = (Error, getattr(builtins, family)) if family else (Error,)
    members: dict[str, Any] = {"__module__": __name__, "__doc__": text, "code": code, "_errno": _ERRNO.get(name)}
    return type("".join(word.capitalize() for word in words) + "Error", bases, members)


_CLASSES = {
    code: (name, text, _subclass(code, name, family, text)) for code, name, family, text in _abi.STATUSES if code
}
globals().update({cls.__name__: cls for _, _, cls in _CLASSES.values()})


def make(status: int, message: str = "") -> Error:
    """The exception for a status, with the library's error message or, without one, the general text of the status."""
    name, text, cls = _CLASSES.get(status, ("unknown status", "the library failed", Error))
    error = cls(f"{message or text} ({name} {status})")
    error.code = status
    return error
