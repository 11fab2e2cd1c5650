"""Documents of the library: numeric arrays from and to numpy without a Python list in between."""

from __future__ import annotations

import ctypes
import secrets
import sys
import weakref
from typing import Any, Callable

from . import _abi, errors
from ._json import decode, encode, plain
from ._library import Library, library

BUFFER = errors.CODES["OBE_E_BUFFER"]

# From so many numbers on, an array is worth a document of its own.
LARGE = 64


def _free(lib: Library, handle: ctypes.c_size_t) -> None:
    value, handle.value = handle.value, 0
    if value and not lib.forked:
        lib.obe_free(value)


class Document:
    """Owns a message of the library, which `handle` stands for."""

    def __init__(self) -> None:
        self.lib = library()
        self.handle = ctypes.c_size_t()
        self.free = weakref.finalize(self, _free, self.lib, self.handle)

    @classmethod
    def of(cls, text: Any) -> Document:
        """A document of a JSON text."""
        document = cls()
        copy = bytes(text)
        document.check(document.lib.obe_message_new(copy, len(copy), ctypes.byref(document.handle)))
        return document

    def check(self, status: int) -> None:
        if status:
            text = self._bytes(self.lib.obe_last_error, self.handle).decode("utf-8", "replace")
            raise errors.make(status, text)

    def json(self, pointer: bytes = b"") -> bytes:
        return self._bytes(self.lib.obe_get_json, self.handle, pointer)

    def _bytes(self, function: Callable[..., int], *arguments: Any) -> bytes:
        length = ctypes.c_int64()
        status = function(*arguments, None, 0, ctypes.byref(length))
        if status == 0:
            return b""
        if status != BUFFER:
            self.check(status)
        memory = bytearray(length.value)
        place = (ctypes.c_char * len(memory)).from_buffer(memory)
        self.check(function(*arguments, ctypes.addressof(place), len(memory), ctypes.byref(length)))
        return bytes(memory)

    def _count(self, function: Callable[..., int], pointer: bytes, result: Any) -> Any:
        self.check(function(self.handle, pointer, ctypes.byref(result)))
        return result.value

    def value(self, numpy: Any, pointer: bytes = b"") -> Any:
        """The value at a pointer: numeric arrays and arrays of equally long ones as numpy's, the rest as Python's."""
        kind = self._count(self.lib.obe_get_type, pointer, ctypes.c_int32())
        if kind == _abi.OBE_OBJECT:
            count = self._count(self.lib.obe_get_count, pointer, ctypes.c_int64())
            keys = [self._bytes(self.lib.obe_get_key, self.handle, pointer, i) for i in range(count)]
            return {
                key.decode(): self.value(numpy, pointer + b"/" + key.replace(b"~", b"~0").replace(b"/", b"~1"))
                for key in keys
            }
        array = self._array(numpy, pointer) if kind == _abi.OBE_ARRAY else None
        return decode(self.json(pointer).decode()) if array is None else array

    def _array(self, numpy: Any, pointer: bytes) -> Any:
        rows, cols = ctypes.c_int64(), ctypes.c_int64()
        for read, sizes in ((self.lib.obe_get_doubles, [rows]), (self.lib.obe_get_matrix, [rows, cols])):
            out = [ctypes.byref(size) for size in sizes]
            if read(self.handle, pointer, None, 0, *out) not in (0, BUFFER):
                continue
            array = numpy.empty([size.value for size in sizes])
            memory = array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
            # A null in a row shows only now.
            if read(self.handle, pointer, memory, array.size, *out) == 0:
                return array
        return None


def text(value: Any) -> bytes:
    """The JSON text of a value, where large numpy arrays of doubles are written by the library."""
    if "numpy" not in sys.modules:
        return encode(value)
    numpy = sys.modules["numpy"]
    mark = secrets.token_hex(16)
    arrays: list[bytes] = []

    def default(item: Any) -> Any:
        doubles = isinstance(item, numpy.ndarray) and item.dtype == numpy.float64
        if doubles and item.ndim in (1, 2) and item.size >= LARGE:
            arrays.append(_write(numpy.ascontiguousarray(item)))
            return mark
        return plain(item)

    whole = encode(value, default)
    if not arrays:
        return whole
    parts = whole.split(b'"%s"' % mark.encode())
    return b"".join(piece for pair in zip(parts, [*arrays, b""]) for piece in pair)


def _write(array: Any) -> bytes:
    document = Document.of(b"{}")
    memory = array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
    if array.ndim == 1:
        document.check(document.lib.obe_set_doubles(document.handle, b"a", memory, array.size))
    else:
        document.check(document.lib.obe_set_matrix(document.handle, b"a", memory, *array.shape))
    written = document.json(b"/a")
    document.free()
    return written
