"""The OBE socket protocol for LabVIEW's Python Node: functions over numbers, strings and lists.

This file stands alone. It needs Python 3.6 or later, which is what LabVIEW 2020 supports, and the library of libobe
beside it: obe64.dll for a Python of 64 bits, obe32.dll for one of 32 bits, obe64.so on Linux. python-node.md shows the
nodes.

    handle = open("", 61981)
    wait_ready(handle, 10000)
    setting = goodset(handle, 4.0)
    newdat(handle, setting, [0.98], [0.005])
    close(handle)

Every timeout is in milliseconds: -1 waits forever, 0 does not wait, and -2, the default, is the handle's option
timeout_ms, 60 s. A failure is an exception whose text says what failed, where, and the error code.
"""

import ctypes
import os
import struct
import sys
from typing import Any

BITS = 8 * struct.calcsize("P")
OWN_TIMEOUT = -2
OBE_E_ARGUMENT = -8001
OBE_E_HANDLE = -8002


class ObeError(Exception):
    """A failure of the library, with its error code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} (error {code})")
        self.code = code


def _load() -> ctypes.CDLL:
    """The library that OBE_LIBRARY names, the one beside this file, or that of the system."""
    name = f"obe{BITS}.dll" if sys.platform == "win32" else f"obe{BITS}.so"
    folder = os.path.dirname(os.path.abspath(__file__))
    path = os.path.join(folder, name)
    if sys.platform != "win32" and not os.path.exists(path):
        path = "libobe.so.0"
    path = os.environ.get("OBE_LIBRARY", path)
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"{path} cannot be loaded ({error}); this Python has {BITS} bits, so put {name} into {folder}"
        ) from error


_library = _load()


def _call(name: str, handle: int, *arguments: Any) -> None:
    """Call a function of the library. A failure is an exception with the message that belongs to the handle."""
    status = getattr(_library, name)(handle, *arguments)
    if status:
        # The message about a number that is not a handle is that of handle 0.
        raise ObeError(status, _text("obe_lv_last_error", 0 if status == OBE_E_HANDLE else handle))


def _text(name: str, *arguments: Any) -> str:
    """A text of the library, whose size is asked for before. Text that is gone in between is empty."""
    function, size = getattr(_library, name), ctypes.c_int()
    function(*arguments, None, 0, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(max(size.value, 1))
    function(*arguments, buffer, size.value, ctypes.byref(size))
    return buffer.value.decode("utf-8", "replace")


def _wrong(name: str, problem: str) -> ObeError:
    return ObeError(OBE_E_ARGUMENT, f"{name} {problem}")


def _whole(name: str, value: float) -> int:
    """A whole number, whose range ctypes would not check."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise _wrong(name, f"is {value!r}, and has to be a whole number") from None
    if number != value or not -(1 << 31) <= number < 1 << 31:
        raise _wrong(name, f"is {value!r}, and has to be a whole number of 32 bits")
    return number


def _real(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise _wrong(name, f"has {value!r}, and has to have numbers only") from None


def _string(name: str, value: str) -> bytes:
    if not isinstance(value, str) or "\0" in value:
        raise _wrong(name, f"is {value!r}, and has to be a text without NUL")
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _wrong(name, f"has a character that is not one of Unicode ({error})") from None


def _array(name: str, values: Any) -> Any:
    """An array of C. A number is an array of one; LabVIEW passes a list, or an array of NumPy if it is asked to."""
    numbers = [_real(name, value) for value in (values if hasattr(values, "__iter__") else [values])]
    return (ctypes.c_double * len(numbers))(*numbers)


def _list(name: str, handle: int, *arguments: Any, timeout_ms: int) -> "list[float]":
    """The list that a command is answered with. The handle keeps the reply until it is read."""
    handle, count = _whole("handle", handle), ctypes.c_int()
    _call(name, handle, *arguments, None, 0, ctypes.byref(count), _whole("timeout_ms", timeout_ms))
    values = (ctypes.c_double * count.value)()
    _call("obe_lv_get_doubles", handle, b"", values, count, ctypes.byref(count))
    return list(values)


def _table(name: str, handle: int, timeout_ms: int) -> "list[list[float]]":
    """The same for rows of numbers."""
    handle, rows, cols = _whole("handle", handle), ctypes.c_int(), ctypes.c_int()
    shape = (ctypes.byref(rows), ctypes.byref(cols))
    _call(name, handle, None, 0, *shape, _whole("timeout_ms", timeout_ms))
    values = (ctypes.c_double * (rows.value * cols.value))()
    _call("obe_lv_get_matrix", handle, b"", values, len(values), *shape)
    return [list(values[row * cols.value : (row + 1) * cols.value]) for row in range(rows.value)]


def open(address: str = "", port: int = 61981) -> int:
    """Create a client of a server, and return its handle for all other functions. An empty address is this computer."""
    handle = ctypes.c_int()
    status = _library.obe_lv_client_new(_string("address", address), _whole("port", port), ctypes.byref(handle))
    if status:
        raise ObeError(status, _text("obe_lv_last_error", 0))
    return handle.value


def close(handle: int) -> None:
    """Free a handle."""
    _call("obe_lv_free", _whole("handle", handle))


def set_option(handle: int, name: str, value: str) -> None:
    """Set an option of the handle; options.md lists them."""
    _call("obe_lv_set_option", _whole("handle", handle), _string("name", name), _string("value", value))


def get_option(handle: int, name: str) -> str:
    """An option or a property of the handle."""
    handle, key = _whole("handle", handle), _string("name", name)
    _call("obe_lv_get_option", handle, key, None, 0, ctypes.byref(ctypes.c_int()))
    return _text("obe_lv_get_option", handle, key)


def wait_ready(handle: int, timeout_ms: int = OWN_TIMEOUT) -> None:
    """Wait until the server answers."""
    _call("obe_lv_wait_ready", _whole("handle", handle), _whole("timeout_ms", timeout_ms))


def newrun(handle: int, fields: str = "", timeout_ms: int = OWN_TIMEOUT) -> None:
    """Begin a run. fields is empty, or a JSON object whose members are sent with the command."""
    _call("obe_lv_newrun", _whole("handle", handle), _string("fields", fields), _whole("timeout_ms", timeout_ms))


def optset(handle: int, timeout_ms: int = OWN_TIMEOUT) -> "list[float]":
    """The setting at which a measurement tells most, one number for each knob."""
    return _list("obe_lv_optset", handle, timeout_ms=timeout_ms)


def goodset(handle: int, pickiness: float, timeout_ms: int = OWN_TIMEOUT) -> "list[float]":
    """A setting at which a measurement tells much, one number for each knob."""
    value = ctypes.c_double(_real("pickiness", pickiness))
    return _list("obe_lv_goodset", handle, value, timeout_ms=timeout_ms)


def goodset_ask(handle: int, pickiness: float, timeout_ms: int = OWN_TIMEOUT) -> None:
    """Ask for a setting, and do not wait for it: the server chooses it while the instrument moves."""
    value = ctypes.c_double(_real("pickiness", pickiness))
    _call("obe_lv_goodset_ask", _whole("handle", handle), value, _whole("timeout_ms", timeout_ms))


def goodset_fetch(handle: int, timeout_ms: int = OWN_TIMEOUT) -> "list[float]":
    """The setting that goodset_ask has asked for."""
    return _list("obe_lv_goodset_fetch", handle, timeout_ms=timeout_ms)


def newdat(
    handle: int,
    x: "float | list[float]",
    y: "float | list[float]",
    s: "float | list[float]",
    timeout_ms: int = OWN_TIMEOUT,
) -> None:
    """Report a measurement: the setting x, the measured y, and its uncertainty s, each a list of numbers."""
    arrays = [_array(name, values) for name, values in (("x", x), ("y", y), ("s", s))]
    arguments = [argument for array in arrays for argument in (array, len(array))]
    _call("obe_lv_newdat", _whole("handle", handle), *arguments, _whole("timeout_ms", timeout_ms))


def getmean(handle: int, timeout_ms: int = OWN_TIMEOUT) -> "list[float]":
    """The mean of each unknown parameter."""
    return _list("obe_lv_getmean", handle, timeout_ms=timeout_ms)


def getstd(handle: int, timeout_ms: int = OWN_TIMEOUT) -> "list[float]":
    """The standard deviation of each unknown parameter."""
    return _list("obe_lv_getstd", handle, timeout_ms=timeout_ms)


def getcov(handle: int, timeout_ms: int = OWN_TIMEOUT) -> "list[list[float]]":
    """The covariance of the unknown parameters, a 2-D array."""
    return _table("obe_lv_getcov", handle, timeout_ms)


def getpar(handle: int, timeout_ms: int = OWN_TIMEOUT) -> "list[list[float]]":
    """The particles, a 2-D array with a row for each parameter."""
    return _table("obe_lv_getpar", handle, timeout_ms)


def getwgt(handle: int, timeout_ms: int = OWN_TIMEOUT) -> "list[float]":
    """The weights of the particles."""
    return _list("obe_lv_getwgt", handle, timeout_ms=timeout_ms)


def getset(handle: int, timeout_ms: int = OWN_TIMEOUT) -> "list[list[float]]":
    """The settings that the server chooses from, a 2-D array with a row for each knob."""
    return _table("obe_lv_getset", handle, timeout_ms)


def getcon(handle: int, timeout_ms: int = OWN_TIMEOUT) -> "list[float]":
    """The constants of the model."""
    return _list("obe_lv_getcon", handle, timeout_ms=timeout_ms)


def done(handle: int, timeout_ms: int = OWN_TIMEOUT) -> None:
    """Tell the server that the run has ended."""
    _call("obe_lv_done", _whole("handle", handle), _whole("timeout_ms", timeout_ms))


def tcmd(handle: int, json: str, timeout_ms: int = OWN_TIMEOUT) -> str:
    """Send a JSON text, and return the reply as a JSON text."""
    handle, size, timeout = _whole("handle", handle), ctypes.c_int(), _whole("timeout_ms", timeout_ms)
    _call("obe_lv_tcmd", handle, _string("json", json), ctypes.byref(size), timeout)
    return _text("obe_lv_get_text", handle)


def version() -> str:
    """The version of the library."""
    parts = [ctypes.c_int() for _ in range(3)]
    _library.obe_lv_version(*map(ctypes.byref, parts))
    return ".".join(str(part.value) for part in parts)
