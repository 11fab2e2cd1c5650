"""Values to JSON text and back."""

from __future__ import annotations

import datetime
import json
import sys
from typing import Any, Callable

_NATIVE = "<" if sys.byteorder == "little" else ">"


# What an array or scalar whose dtype is of this kind contains, and what to send instead.
_REFUSED_KINDS = {
    "c": ("complex numbers are", "send the real and the imaginary parts"),
    "m": ("time differences are", "send a number"),
    "M": ("dates are", "send a text or a number"),
    "S": ("bytes are", "send a text"),
    "V": ("structured arrays are", "send each of their fields"),
}

_TIMES = (datetime.date, datetime.timedelta)  # pandas' subclasses have an attribute unit


def _objection(value: Any) -> str:
    """Why an array or scalar cannot be sent, although it may have a method tolist; '' if it can."""
    cls = type(value)
    # Not hasattr(value): a pandas.Series has its labels as attributes.
    own = getattr(value, "__dict__", ())
    if any(hasattr(cls, name) or name in own for name in ("units", "unit")) and not isinstance(value, _TIMES):
        number = next((f".{name}" for name in ("magnitude", "value") if hasattr(cls, name)), "magnitude")
        return f"{cls.__module__.partition('.')[0]} {cls.__name__} carries units; send its {number}"
    kind = "c" if isinstance(value, complex) else getattr(getattr(value, "dtype", None), "kind", None)
    if kind in _REFUSED_KINDS:
        what, remedy = _REFUSED_KINDS[kind]
        return f"{what} not JSON serializable; {remedy}"
    return ""


def plain(value: Any) -> Any:
    """Convert arrays and scalars to lists and numbers, without importing numpy.

    The masked numbers of a numpy.ma.MaskedArray become None, as in its tolist.
    """
    if not isinstance(value, (bytes, bytearray)):
        objection = _objection(value)
        if objection:
            raise TypeError(objection)
        # numpy's arrays and scalars, array.array, memoryview and most similar types have it.
        tolist = getattr(value, "tolist", None)
        if tolist is not None:
            plain = tolist()
            # numpy.longdouble has no Python counterpart, and its tolist returns itself.
            return float(plain) if type(plain) is type(value) else plain
        try:
            view = memoryview(value)
            if (view.format or "").startswith(_NATIVE):  # ctypes arrays; tolist wants no prefix
                view = view.cast("B").cast(view.format[1:], view.shape)  # type: ignore[call-overload]
            return view.tolist()
        except (TypeError, ValueError, NotImplementedError):
            pass
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_decoder = json.JSONDecoder()
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]


def decode(text: str) -> Any:
    """The value of a JSON text that the library has validated."""
    try:
        # Skips no white space around the value, which halves the time of decode.
        return _scan(text, 0)[0]
    except StopIteration:
        return _decoder.decode(text)  # it begins with white space


def encode(value: Any, default: Callable[[Any], Any] = plain) -> bytes:
    """The JSON text of a value in ASCII, as json.dumps writes it. default converts types that json does not support."""
    try:
        if default is plain and _quick is not None:
            try:
                return "".join(_quick(value, 0)).encode()
            except RecursionError:
                pass  # most likely a circular value, which the encoder below reports
        return json.JSONEncoder(default=default).encode(value).encode("ascii")
    except TypeError as error:
        place = _place(value)
        if not place:
            raise
        raise TypeError(f"{place}: {error}") from None


def _place(message: Any) -> str:
    """Where in a message the first value is that cannot be sent: its command, if it has one, and its member."""
    command = message.get("command") if isinstance(message, dict) else None
    try:
        member = _member(message, "")
    except RecursionError:
        member = ""
    return ": ".join(filter(None, (command if isinstance(command, str) else "", member)))


def _member(value: Any, path: str) -> str:
    """The path of the first value that cannot be sent, such as 'y' or 'runs[2].y', or ''."""
    if isinstance(value, dict):
        items = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
        return next(filter(None, (_member(item, inner) for inner, item in items)), "")
    if isinstance(value, (list, tuple)):
        others = ((i, item) for i, item in enumerate(value) if not isinstance(item, _SCALARS))
        return next(filter(None, (_member(item, f"{path}[{i}]") for i, item in others)), "")
    if isinstance(value, _SCALARS):
        return ""
    try:
        return _member(plain(value), path)
    except TypeError:
        return path


_SCALARS = (str, int, float, type(None))


def quick_encoder(default: Callable[[Any], Any]) -> Callable[[Any, int], tuple[str, ...]] | None:
    """json's C encoder, created once. JSONEncoder creates one per value, which doubles the time of a small value.

    It returns the pieces of a text in ASCII. For a circular value it raises RecursionError.
    """
    try:
        make: Any = json.encoder.c_make_encoder  # type: ignore[attr-defined]
        quick: Callable[[Any, int], tuple[str, ...]] = make(
            None, default, json.encoder.encode_basestring_ascii, None, ": ", ", ", False, False, True
        )
        return quick if "".join(quick({"a": [0.1, "b"]}, 0)) == '{"a": [0.1, "b"]}' else None
    except (AttributeError, TypeError):
        return None  # this Python has no C encoder, or a different one


_quick = quick_encoder(plain)
