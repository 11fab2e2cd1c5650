"""Finds and loads the shared library, and refuses calls in a forked child."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, NoReturn

from . import _abi, errors

NAME = f"obe{struct.calcsize('P') * 8}.dll" if sys.platform == "win32" else "libobe.so"
# The frequent functions a second time, as untyped_send and so on, without declared types. ctypes then passes its own
# objects unconverted, which saves a third of the time of a call. Their arguments are ctypes objects, what from_param
# returns, and bytes. ctypes copies an object for each call, but not what from_param returns, which is what constants
# are made by.
UNTYPED = {
    name: name.replace("obe_", "untyped_")
    for name in (
        "obe_send",
        "obe_receive",
        "obe_tcmd",
        "obe_query",
        "obe_check_reply",
        "obe_message_new",
        "obe_message_free",
        "obe_message_peer",
        "obe_get_json",
        "obe_get_key",
        "obe_get_option",
        "obe_last_error",
        "obe_receive_message",
        "obe_tcmd_message",
        "obe_reply",
        "obe_wait_ready",
        "obe_goodset_ask",
        "obe_goodset_fetch",
    )
}
SYSTEM = NAME if sys.platform == "win32" else "libobe.so.0"


class Library:
    """The functions of the shared library, as attributes with their C names."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.forked = False
        dll = ctypes.CDLL(path)  # CDLL, not PyDLL: the interpreter lock is free while a call blocks
        for name, (restype, argtypes) in _abi.FUNCTIONS.items():
            try:
                function = getattr(dll, name)
            except AttributeError:
                # An older library is good enough for programs that do not need the function.
                function = _missing(path, name)
            else:
                function.restype = restype
                function.argtypes = argtypes
            setattr(self, name, function)
            if name in UNTYPED:
                setattr(self, UNTYPED[name], dll[name] if hasattr(dll, name) else function)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def disable_after_fork(self) -> None:
        """Make every function raise. A Go runtime does not survive a fork, and a call might never return."""
        self.forked = True
        for name in (*_abi.FUNCTIONS, *UNTYPED.values()):
            setattr(self, name, raise_forked)


def raise_forked(*_: object) -> NoReturn:
    raise errors.make(
        errors.ForkedError.code,
        "libobe was in use before this process was forked, and does not work in the child; create the first Socket "
        "after the fork, or use the multiprocessing start method 'spawn' or 'forkserver'",
    )


def _missing(path: str, name: str) -> Callable[..., NoReturn]:
    def function(*_: object) -> NoReturn:
        text = f"the library {path} has no function {name}; this package is for libobe {_abi.VERSION}"
        raise errors.make(errors.UnsupportedError.code, text)

    return function


_lock = threading.Lock()
_library: Library | None = None
_entered = False  # a Go runtime may be in this process
_forked = False


def library() -> Library:
    """The library, loaded at the first call."""
    global _library
    if _forked:
        raise_forked()
    if _library is None:
        with _lock:
            if _library is None:
                _library = _load()
    return _library


def _candidates() -> Iterator[str]:
    explicit = os.environ.get("OBE_LIBRARY")
    if explicit:
        yield explicit
        return
    yield os.path.join(os.path.dirname(os.path.abspath(__file__)), NAME)
    yield SYSTEM


def _why(path: str, error: OSError) -> str:
    """Why the library was not loaded from a path."""
    named = f"OBE_LIBRARY={path}" if os.environ.get("OBE_LIBRARY") else path
    if os.path.isdir(path):
        return f"{named}: this is a directory; name the file in it"
    if os.path.dirname(path) and not os.path.lexists(path):
        where = "" if os.path.isabs(path) else f" in {os.getcwd()} (the working directory)"
        return f"{named}: no such file{where}"
    text = str(error)  # on Linux it begins with the path
    return f"{named}: {text[len(path) + 2 :] if text.startswith(f'{path}: ') else text}"


def _load() -> Library:
    global _entered
    tried = []
    # The library's threads inherit this signal mask, so they take no signals. Before 3.10 Python installs handlers
    # without an alternate stack, which must not run on one of Go's threads.
    blockable = hasattr(signal, "pthread_sigmask")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()) if blockable else set()
    try:
        for path in _candidates():
            _entered = True
            try:
                return Library(path)
            except OSError as error:
                _entered = False
                tried.append(_why(path, error))
    finally:
        if blockable:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    raise ImportError(
        "the libobe shared library cannot be loaded; set OBE_LIBRARY to its path. Tried:\n  " + "\n  ".join(tried)
    )


def _after_fork() -> None:
    global _lock, _forked
    _lock = threading.Lock()  # a thread that is not in the child may have held it
    _forked = _entered
    if _library is not None:
        _library.disable_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
