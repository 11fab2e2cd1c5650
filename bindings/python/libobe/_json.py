"""Values to JSON text and back."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable

_NATIVE = "<" if sys.byteorder == "little" else ">"


def plain(value: Any) -> Any:
    """Arrays and scalars become lists and numbers, without numpy being imported for it."""
    if not isinstance(value, (bytes, bytearray)):
        # numpy's arrays and scalars, array.array, memoryview and most that look like them have it.
        tolist = getattr(value, "tolist", None)
        if tolist is not None:
            plain = tolist()
            # numpy.longdouble has no Python counterpart and gives itself.
            return float(plain) if type(plain) is type(value) else plain
        try:
            view = memoryview(value)
            if (view.format or "").startswith(_NATIVE):  # ctypes arrays; tolist knows native formats without the mark
                view = view.cast("B").cast(view.format[1:], view.shape)  # type: ignore[call-overload]
            return view.tolist()
        except (TypeError, ValueError, NotImplementedError):
            pass
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_decoder = json.JSONDecoder()
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]


def decode(text: str) -> Any:
    """The value of a text that the library has checked."""
    try:
        # Without looking for white space around the value: half the time of decode.
        return _scan(text, 0)[0]
    except StopIteration:
        return _decoder.decode(text)  # it begins with white space


def encode(value: Any, default: Callable[[Any], Any] = plain) -> bytes:
    """The JSON text of a value as ASCII bytes, spelled as json.dumps spells it; default makes what json cannot."""
    if default is plain and _quick is not None:
        try:
            return "".join(_quick(value, 0)).encode("ascii")
        except RecursionError:
            pass  # most likely a circular value, of which the encoder below says so
    return json.JSONEncoder(default=default).encode(value).encode("ascii")


def _quick_encoder() -> Callable[[Any, int], tuple[str, ...]] | None:
    """json's own encoder, made once; JSONEncoder makes one for each value, which doubles the time of a small value."""
    try:
        make: Any = json.encoder.c_make_encoder  # type: ignore[attr-defined]
        quick: Callable[[Any, int], tuple[str, ...]] = make(
            None, plain, json.encoder.encode_basestring_ascii, None, ": ", ", ", False, False, True
        )
        return quick if "".join(quick({"a": [0.1, "b"]}, 0)) == '{"a": [0.1, "b"]}' else None
    except (AttributeError, TypeError):
        return None  # a Python without it, or with another one


_quick = _quick_encoder()
