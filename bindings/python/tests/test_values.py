"""Which values can be sent, their JSON text, and the values received."""

from __future__ import annotations

import array
import ctypes
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import libobe
import peer
from libobe._json import encode
from tools import missing

try:
    import numpy as np
except ImportError:
    np = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "value",
    [
        {"command": "goodset", "pickiness": 4},
        (1, 2.0, 1e16, 1e-7, 5e-324, -0.0, 10**30),
        [math.inf, -math.inf],
        "\u00e9\u20ac\U0001f600\x7f\x00/\ud800",
        {2: "a", None: "b", True: "c", 1.5: "d"},
        [],
        "",
        None,
        True,
    ],
)
def test_text_is_that_of_json_dumps(echo: peer.Server, value: Any) -> None:
    assert encode(value) == json.dumps(value).encode()
    # The library accepts it too.
    assert libobe.Socket("client", port=echo.port).tcmd(value) == json.loads(json.dumps(value))


def test_nan(echo: peer.Server) -> None:
    assert math.isnan(libobe.Socket("client", port=echo.port).tcmd(math.nan))
    assert echo.requests == [b"NaN"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (array.array("d", [1, 2.5]), b"[1.0, 2.5]"),
        (array.array("h", [-1, 2]), b"[-1, 2]"),
        (memoryview(array.array("i", [1, 2])), b"[1, 2]"),
        (memoryview(array.array("d", range(6))).cast("B").cast("d", [2, 3]), b"[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]"),
        (memoryview(array.array("d", range(6)))[::2], b"[0.0, 2.0, 4.0]"),
        ((ctypes.c_double * 2)(1, 2), b"[1.0, 2.0]"),
        (((ctypes.c_int32 * 2) * 2)((ctypes.c_int32 * 2)(1, 2), (ctypes.c_int32 * 2)(3, 4)), b"[[1, 2], [3, 4]]"),
        ({"x": array.array("d", [1])}, b'{"x": [1.0]}'),
    ],
)
def test_buffers(value: Any, text: bytes) -> None:
    assert encode(value) == text


def test_numpy() -> None:
    if np is None:
        missing("numpy is not installed")
    for value, text in [
        (np.array([1.0, 2.5]), b"[1.0, 2.5]"),
        (np.arange(6).reshape(2, 3), b"[[0, 1, 2], [3, 4, 5]]"),
        (np.arange(6).reshape(2, 3).T, b"[[0, 3], [1, 4], [2, 5]]"),
        (np.array([1.5], dtype=">f8"), b"[1.5]"),
        (np.float32(1.5), b"1.5"),
        (np.float64(1.5), b"1.5"),
        (np.longdouble(1.5), b"1.5"),
        (np.array([1.5], dtype=np.longdouble), b"[1.5]"),
        (np.int64(3), b"3"),
        (np.uint8(3), b"3"),
        (np.bool_(True), b"true"),
        (np.array(2), b"2"),
        (np.array([math.nan, math.inf]), b"[NaN, Infinity]"),
        ({"x": (np.float32(1),), "y": np.array([True])}, b'{"x": [1.0], "y": [true]}'),
    ]:
        assert encode(value) == text


def test_numpy_values_that_cannot_be_json() -> None:
    if np is None:
        missing("numpy is not installed")
    for value in (np.array([1j]), np.bytes_(b"x"), np.datetime64("2020-01-01"), np.array([b"x"])):
        with pytest.raises(TypeError, match="not JSON serializable"):
            encode(value)


class Structure(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int),)


@pytest.mark.parametrize(
    "value", [b"x", bytearray(b"x"), [b"x"], {1, 2}, 1j, object(), Structure(), memoryview(b"x").cast("c")]
)
def test_values_that_cannot_be_json(value: Any) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        encode(value)


def test_circular() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ValueError, match="Circular"):
        encode(value)


@pytest.mark.parametrize(
    "text", [b"1e999", b'{"a": 1, "a": 2}', b'"\\ud800"', b"123456789012345678901234567890", b" [ ] "]
)
def test_received_as_json_loads(text: bytes) -> None:
    with peer.Server(answer=lambda body: text) as server:
        assert libobe.Socket("client", port=server.port).tcmd(1) == json.loads(text)


def test_an_integer_too_long_for_python_is_reported_once() -> None:
    """Python refuses integers of more than 4300 digits. The message must not be returned by every receive."""
    limit = getattr(sys, "get_int_max_str_digits", int)()
    if not limit:
        pytest.skip("this Python has no limit")
    with peer.Server(answer=lambda body: b"1" * (limit + 1)) as server:
        client = libobe.Socket("client", port=server.port, timeout=0.2)
        client.send(1)
        with pytest.raises(ValueError, match="digits"):
            client.receive()
        with pytest.raises(TimeoutError):
            client.receive()


@pytest.mark.slow
def test_numpy_is_not_imported() -> None:
    code = "import array, sys, libobe._json; libobe._json.encode(array.array('d', [1])); print('numpy' in sys.modules)"
    package = Path(libobe.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=package, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
