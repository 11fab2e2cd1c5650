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


decode = json.JSONDecoder().decode


def encode(value: Any, default: Callable[[Any], Any] = plain) -> bytes:
    """The JSON text of a value as ASCII bytes, spelled as json.dumps spells it; default makes what json cannot."""
    encoder = _plain if default is plain else json.JSONEncoder(default=default)
    return encoder.encode(value).encode("ascii")


_plain = json.JSONEncoder(default=plain)
