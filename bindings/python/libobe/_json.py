"""Values to JSON text and back."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable

_NATIVE = "<" if sys.byteorder == "little" else ">"


def plain(value: Any) -> Any:
    """Convert arrays and scalars to lists and numbers, without importing numpy."""
    if not isinstance(value, (bytes, bytearray)):
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
    if default is plain and _quick is not None:
        try:
            return "".join(_quick(value, 0)).encode("ascii")
        except RecursionError:
            pass  # most likely a circular value, which the encoder below reports
    return json.JSONEncoder(default=default).encode(value).encode("ascii")


def _quick_encoder() -> Callable[[Any, int], tuple[str, ...]] | None:
    """json's C encoder, created once. JSONEncoder creates one per value, which doubles the time of a small value."""
    try:
        make: Any = json.encoder.c_make_encoder  # type: ignore[attr-defined]
        quick: Callable[[Any, int], tuple[str, ...]] = make(
            None, plain, json.encoder.encode_basestring_ascii, None, ": ", ", ", False, False, True
        )
        return quick if "".join(quick({"a": [0.1, "b"]}, 0)) == '{"a": [0.1, "b"]}' else None
    except (AttributeError, TypeError):
        return None  # this Python has no C encoder, or a different one


_quick = _quick_encoder()
