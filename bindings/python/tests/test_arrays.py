"""Arrays of all kinds: what they become does not depend on their size, and what cannot be sent is named."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

import libobe
import peer
from libobe._message import MIN_NATIVE_SIZE, json_text

np = pytest.importorskip("numpy")

SIZES = [1, MIN_NATIVE_SIZE - 1, MIN_NATIVE_SIZE, 300]


@pytest.fixture
def instrument() -> Iterator[tuple[libobe.Client, peer.Server]]:
    with peer.Server(answer=lambda body: b'"OK"') as server, libobe.Client(port=server.port) as client:
        yield client, server


@pytest.mark.parametrize("size", SIZES)
def test_masked_numbers_are_null(size: int, instrument: tuple[libobe.Client, peer.Server]) -> None:
    client, server = instrument
    for dtype in (float, int):
        values = np.ma.array(np.arange(size, dtype=dtype) + 1, mask=[i == 0 for i in range(size)])
        client.newdat(1, values, np.ma.masked)
        sent = json.loads(server.requests[-1])
        assert sent["y"] == [None, *range(2, size + 1)]
        assert sent["s"] == [None]
        assert json.loads(json_text(np.ma.array(np.ones(size)))) == [1] * size


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("size", SIZES)
def test_subclasses_keep_their_meaning(size: int, tmp_path: Any) -> None:
    class Doubled(np.ndarray):  # type: ignore[misc,name-defined,unused-ignore]
        def tolist(self) -> Any:
            return [2 * number for number in super().tolist()]

    assert json.loads(json_text(np.matrix(np.ones(size)))) == [[1.0] * size]
    assert json.loads(json_text(np.ones(size).view(Doubled))) == [2.0] * size
    assert json.loads(json_text(np.ones(size).view(np.recarray))) == [1.0] * size
    assert json.loads(json_text(np.memmap(tmp_path / "map", dtype=float, mode="w+", shape=(size,)))) == [0.0] * size


class Magnitude:
    """Shaped as pint's quantities are: a class with units that converts only element by element."""

    def __init__(self, magnitude: Any) -> None:
        self._magnitude = magnitude

    @property
    def units(self) -> str:
        return "metre"

    @property
    def magnitude(self) -> Any:
        return self._magnitude

    def tolist(self) -> Any:
        return [Magnitude(number) for number in self._magnitude]


class UnitArray(np.ndarray):  # type: ignore[misc,name-defined,unused-ignore]
    """Shaped as unyt's arrays are: a subclass of numpy's with the unit in an attribute."""

    def __new__(cls, values: Any) -> UnitArray:
        array = np.asarray(values, dtype=float).view(cls)
        array.units = "metre"
        return array


class UnitProperty(np.ndarray):  # type: ignore[misc,name-defined,unused-ignore]
    """Shaped as astropy's quantities are."""

    unit = property(lambda self: "metre")
    value = property(lambda self: self.view(np.ndarray))

    def tolist(self) -> Any:
        raise NotImplementedError("cannot make a list of quantities")


def quantities(size: int) -> list[tuple[Any, str]]:
    name = __name__.partition(".")[0]
    return [
        (Magnitude(1.5), rf"{name} Magnitude carries units; send its \.magnitude"),
        (Magnitude(np.ones(size)), rf"{name} Magnitude carries units; send its \.magnitude"),
        (UnitArray(np.ones(size)), rf"{name} UnitArray carries units; send its magnitude"),
        (np.ones(size).view(UnitProperty), rf"{name} UnitProperty carries units; send its \.value"),
    ]


@pytest.mark.parametrize("size", SIZES)
def test_quantities_with_units_are_refused(size: int, instrument: tuple[libobe.Client, peer.Server]) -> None:
    client, server = instrument
    for value, text in quantities(size):
        with pytest.raises(TypeError, match=f"^newdat: y: {text}"):
            client.newdat(1, value, 3)
        with pytest.raises(TypeError, match=rf"^newdat: y\[1\]: {text}"):
            client.newdat(1, [2, value], 3)
        with pytest.raises(TypeError, match=rf"^goodset: runs\[0\]\.x: {text}"):
            client.tcmd({"command": "goodset", "runs": [{"a": 1, "x": value}]})
        with pytest.raises(TypeError, match=f"^{text}"):
            client.send(value)
    assert server.requests == []


def real_quantities(package: str) -> list[Any]:
    module = importlib.import_module(package)
    if package == "pint":
        registry = module.UnitRegistry()
        return [3 * registry.m, np.ones(100) * registry.m, registry.Quantity(1.0)]
    if package == "unyt":
        return [3 * module.m, np.ones(100) * module.m, module.unyt_quantity(1.0, "m")]
    units = importlib.import_module("astropy.units")
    return [3 * units.m, np.ones(100) * units.m, 1.0 * units.mag]


@pytest.mark.parametrize("package", ["pint", "unyt", "astropy"])
def test_the_real_quantities_are_refused(package: str) -> None:
    """Runs where these packages are installed; the test above has classes of the same shape."""
    pytest.importorskip(package)
    for value in real_quantities(package):
        for y in (value, [value]):
            with pytest.raises(TypeError, match=rf"newdat: y(\[0\])?: {package} \w+ carries units; send its \.\w+"):
                libobe.Client().newdat(1, y, 3)


STRUCTURED = np.zeros(100, dtype=[("a", float), ("b", int)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1j, "complex numbers are not JSON serializable; send the real and the imaginary parts"),
        (np.complex64(1j), "complex numbers"),
        (np.clongdouble(1j), "complex numbers"),
        (np.ones(1) * 1j, "complex numbers"),
        (np.ones(100) * 1j, "complex numbers"),
        (STRUCTURED, "structured arrays are not JSON serializable; send each of their fields"),
        (STRUCTURED[0], "structured arrays"),
        (STRUCTURED.view(np.recarray), "structured arrays"),
        (np.ma.array(STRUCTURED), "structured arrays"),
        (np.array(["2020-01-01"], dtype="M8[ns]"), "dates are not JSON serializable"),
        (np.timedelta64(1, "s"), "time differences are not JSON serializable"),
        (np.array([b"x"]), "bytes are not JSON serializable"),
        (b"x", "Object of type bytes is not JSON serializable"),
        ({1}, "Object of type set is not JSON serializable"),
        (object(), "Object of type object is not JSON serializable"),
    ],
)
def test_what_cannot_be_sent_is_named_with_its_member(value: Any, text: str) -> None:
    client = libobe.Client()
    with pytest.raises(TypeError, match=f"^newdat: y: {text}"):
        client.newdat(np.ones(200), value, 3)
    with pytest.raises(TypeError, match=rf"^newdat: s\[2\]: {text}"):
        client.newdat(1, 2, [1, 2.0, value])
    with pytest.raises(TypeError, match=rf"^x\.deep\[0\]\[1\]: {text}"):
        client.tcmd({"x": {"deep": [[None, value]]}})
    with pytest.raises(TypeError, match=f"^newrun: gain: {text}"):
        client.newrun(steps=25, gain=value)
    with pytest.raises(TypeError, match=f"^{text}"):
        client.send(value)


def test_an_object_array_names_the_element() -> None:
    with pytest.raises(TypeError, match=r"^newdat: y\[1\]: complex numbers"):
        libobe.Client().newdat(1, np.array([1, 2j], dtype=object), 3)


def test_the_place_is_found_in_values_of_any_shape() -> None:
    """A value too deep for the search, or one that contains itself, still gets its error."""
    deep: Any = object()
    for _ in range(900):
        deep = [deep]
    with pytest.raises((TypeError, RecursionError)):
        json_text(deep)
    circular: list[Any] = [object()]
    circular.append(circular)
    with pytest.raises(TypeError, match=r"^\[0\]: Object of type object"):
        json_text(circular)
    with pytest.raises(TypeError, match=r"^goodset: keys must be str"):
        json_text({"command": "goodset", "a": {(1, 2): 3}})


class Series:
    """Shaped as pandas' Series and torch's tensors are: an object with tolist, whose labels are attributes."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        if name == "units":
            return self._values[0]
        raise AttributeError(name)

    def tolist(self) -> list[Any]:
        return self._values


def test_other_arrays_are_sent_by_their_tolist() -> None:
    assert json_text({"y": Series([1.0, 2])}) == b'{"y": [1.0, 2]}'
    with pytest.raises(TypeError, match=r"^y\[1\]: Object of type object is not JSON serializable"):
        json_text({"y": Series([1.0, object()])})


@pytest.mark.parametrize("numpy", [False, True])
@pytest.mark.parametrize("rows", ["[[1.0, 2.0], [3.0]]", "[[], [1.0]]", "[[1.0], 2.0]"])
def test_a_ragged_covariance_is_an_error(rows: str, numpy: bool) -> None:
    with peer.Server(answer=lambda body: rows.encode()) as server:
        client = libobe.Client(port=server.port)
        client._has_numpy = numpy
        with pytest.raises(libobe.errors.ReplyError, match="getcov") as caught:
            client.getcov()
        assert rows in str(caught.value)
