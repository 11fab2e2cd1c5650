"""Messages of the library: numeric arrays from and to numpy without a Python list in between."""

from __future__ import annotations

import ctypes
import importlib
import os
import secrets
import sys
from typing import Any, Callable

from . import _abi
from ._call import check, read_bytes
from ._json import decode, encode, plain, quick_encoder
from ._library import library
from ._status import BUFFER_TOO_SMALL, OK

# A smaller array is faster to encode as a list than as a message.
MIN_NATIVE_SIZE = 64

_finalizers: list[Any] = []  # one, from the first message on


def _finalizer(free: Callable[..., int]) -> Any:
    """A method __del__ that calls a function of the library and no Python code.

    Python ignores what a signal handler raises during a finalizer in Python, so that a Ctrl-C would be lost. It runs no
    signal handler during this one. A weakref.finalize is in Python too, and takes longer than the call itself.
    """
    try:
        method = ctypes.pythonapi.PyInstanceMethod_New
    except AttributeError:  # another Python than CPython
        return Message.__del__
    method.restype, method.argtypes = ctypes.py_object, [ctypes.py_object]
    return method(free)


def _after_fork() -> None:
    """Call no function of the library in a forked child."""
    if _finalizers:
        Message.__del__ = lambda self: None  # type: ignore[method-assign]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

_numpy: list[Any] = []


def numpy_module() -> Any:
    """The module numpy, imported by the first call only.

    Before Python 3.11, an import runs a finalizer even if the module is there already, and a Ctrl-C in that is lost.
    """
    if not _numpy:
        _numpy.append(importlib.import_module("numpy"))
    return _numpy[0]


MAX_SPARE = 8
_spare: list[Message] = []  # for the next acquire


class Message:
    """Owns the message of the library that `handle` refers to; the handle is 0 until a call stores one there."""

    _as_parameter_: Any = None  # what ctypes passes for a message, a null pointer before __init__ has set it

    def __init__(self) -> None:
        self._lib = library()
        self.handle = self._as_parameter_ = ctypes.c_size_t()
        if not _finalizers:
            _finalizers.append(_finalizer(self._lib.untyped_message_free))
            Message.__del__ = _finalizers[0]  # type: ignore[method-assign]

    def __del__(self) -> None:
        """Free the message of the library. `_finalizer` replaces this method where that is possible."""
        if self._as_parameter_ is not None and self._as_parameter_.value and not self._lib.forked:
            self._lib.untyped_message_free(self._as_parameter_)

    @classmethod
    def acquire(cls) -> Message:
        """A message for one call, which the caller releases afterwards."""
        try:
            return _spare.pop()  # atomic
        except IndexError:
            return cls()

    def release(self) -> None:
        """Free the message of the library. Only the owner of an acquired message may call this, and only once."""
        if self.handle.value:
            self._lib.untyped_message_free(self.handle)
            self.handle.value = 0
        if len(_spare) < MAX_SPARE:
            _spare.append(self)

    @classmethod
    def from_text(cls, text: Any) -> Message:
        """An acquired message with the JSON text that a buffer contains."""
        message = cls.acquire()
        copy = bytes(text)
        length = ctypes.c_int64(len(copy))
        message.check(message._lib.untyped_message_new(copy, length, ctypes.byref(message.handle)))
        return message

    def check(self, status: int) -> None:
        check(self._lib, status, self.handle)

    def json(self, pointer: bytes = b"") -> bytes:
        return self._read(self._lib.untyped_get_json, pointer)

    def peer(self) -> str:
        """The address of the client that sent it."""
        return self._read(self._lib.untyped_message_peer).decode("utf-8", "replace")

    def _read(self, function: Callable[..., int], *arguments: Any) -> bytes:
        status, text = read_bytes(function, self.handle, *arguments)
        self.check(status)
        return text

    def _read_integer(self, function: Callable[..., int], pointer: bytes, result: Any) -> Any:
        self.check(function(self.handle, pointer, ctypes.byref(result)))
        return result.value

    def value(self, numpy: Any, pointer: bytes = b"") -> Any:
        """The value at a pointer: numeric arrays and arrays of equally long ones as numpy's, the rest as Python's."""
        kind = self._read_integer(self._lib.obe_get_type, pointer, ctypes.c_int32())
        if kind == _abi.OBE_OBJECT:
            return {
                key.decode(): self.value(numpy, pointer + b"/" + key.replace(b"~", b"~0").replace(b"/", b"~1"))
                for key in self.member_names(pointer)
            }
        array = self.array(numpy, pointer) if kind == _abi.OBE_ARRAY else None
        return decode(self.json(pointer).decode()) if array is None else array

    def member_names(self, pointer: bytes = b"") -> list[bytes]:
        """The names of the members of the object at a pointer."""
        count = self._read_integer(self._lib.obe_get_count, pointer, ctypes.c_int64())
        return [self._read(self._lib.untyped_get_key, pointer, ctypes.c_int64(i)) for i in range(count)]

    def array(self, numpy: Any, pointer: bytes = b"") -> Any:
        """The array at a pointer as numpy's, or None if it is not one of numbers or of equally long rows of numbers."""
        rows, cols = ctypes.c_int64(), ctypes.c_int64()
        for read, sizes in ((self._lib.obe_get_doubles, [rows]), (self._lib.obe_get_matrix, [rows, cols])):
            places = [ctypes.byref(size) for size in sizes]
            if read(self.handle, pointer, None, 0, *places) not in (OK, BUFFER_TOO_SMALL):
                continue
            array = numpy.empty([size.value for size in sizes])
            memory = array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
            # The first call counts the elements. Only this one finds a null in a row.
            if read(self.handle, pointer, memory, array.size, *places) == OK:
                return array
        return None


def json_text(value: Any) -> bytes:
    """The JSON text of a value, where the library writes large numpy arrays of doubles."""
    try:
        if _quick is not None:
            return "".join(_quick(value, 0)).encode()
    except (TypeError, RecursionError, _LargeArrayError):
        pass  # the value has a large array, or the encoder below reports what is wrong with it
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return encode(value)
    placeholder = secrets.token_hex(16)
    arrays: list[bytes] = []

    def default(item: Any) -> Any:
        if _is_large(item, numpy):
            arrays.append(_array_text(numpy.ascontiguousarray(item)))
            return placeholder
        return plain(item)

    whole = encode(value, default)
    if not arrays:
        return whole
    parts = whole.split(b'"%s"' % placeholder.encode())
    return b"".join(piece for pair in zip(parts, [*arrays, b""]) for piece in pair)


def _is_large(item: Any, numpy: Any) -> bool:
    """Whether the library writes an item."""
    # A subclass can mean something else by its numbers, and is converted by its own method.
    doubles = type(item) in (numpy.ndarray, numpy.memmap) and item.dtype == numpy.float64
    return doubles and item.ndim in (1, 2) and item.size >= MIN_NATIVE_SIZE


class _LargeArrayError(Exception):
    """A value has an array that the library writes."""


def _plain_if_small(item: Any) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is not None and _is_large(item, numpy):
        raise _LargeArrayError
    return plain(item)


_quick = quick_encoder(_plain_if_small)


def _array_text(array: Any) -> bytes:
    message = Message.from_text(b"{}")
    memory = array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
    if array.ndim == 1:
        message.check(message._lib.obe_set_doubles(message.handle, b"a", memory, array.size))
    else:
        message.check(message._lib.obe_set_matrix(message.handle, b"a", memory, *array.shape))
    text = message.json(b"/a")
    message.release()
    return text
