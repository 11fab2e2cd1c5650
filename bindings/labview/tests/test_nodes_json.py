"""nodes.json, from which a program makes nodes, agrees with the headers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clfn import Terminal
from conftest import EXTRA, HEADER, ROOT

FILE = json.loads((ROOT / "bindings" / "labview" / "nodes.json").read_text("utf-8"))
NODES: dict[str, dict[str, Any]] = {node["name"]: node for node in FILE["functions"]}
HEADERS = {"obe_labview.h": HEADER.functions, "obe_labview_extra.h": EXTRA.functions}
PROTOTYPES = (ROOT / "test" / "labview_prototypes.txt").read_text("ascii").splitlines()

# What configures a terminal: direction, type, data type, pass or format, dimensions.
SETTINGS = {
    "int": ("in", "Numeric", "Signed 32-bit Integer", "Value", 0),
    "double": ("in", "Numeric", "8-byte Double", "Value", 0),
    "int out": ("out", "Numeric", "Signed 32-bit Integer", "Pointer to Value", 0),
    "double out": ("out", "Numeric", "8-byte Double", "Pointer to Value", 0),
    "text": ("in", "String", "C String Pointer, Constant", "", 0),
    "text out": ("out", "String", "C String Pointer", "", 0),
    "doubles in": ("in", "Array", "8-byte Double", "Array Data Pointer", 1),
    "doubles out": ("out", "Array", "8-byte Double", "Array Data Pointer", 1),
    "instance": ("hidden", "Instance Data Pointer", "", "", 0),
}


def settings(function: str, terminal: Terminal) -> tuple[object, ...]:
    rows = 2 if "matrix" in function else 1
    if terminal.kind == "labview handle" and terminal.name == "values":
        return ("out", "Array", "8-byte Double", "Array Handle Pointer", rows)
    if terminal.kind == "labview handle":
        return ("out", "String", "String Handle Pointer", "", 0)
    found = SETTINGS[terminal.kind]
    return (*found[:-1], rows) if terminal.kind == "doubles in" else found


def test_has_every_function() -> None:
    assert {name: node["header"] for name, node in NODES.items()} == {
        name: header for header, functions in HEADERS.items() for name in functions
    }
    assert len(FILE["functions"]) == len(NODES)


@pytest.mark.parametrize("name", NODES)
def test_node(name: str) -> None:
    node = NODES[name]
    terminals = HEADERS[node["header"]][name]
    assert node["prototype"] in PROTOTYPES
    assert [p["name"] for p in node["parameters"]] == [t.name for t in terminals]
    for parameter, terminal in zip(node["parameters"], terminals):
        found = tuple(parameter[member] for member in ("direction", "type", "data", "pass", "dimensions"))
        assert found == settings(name, terminal), terminal
        assert parameter["size"] == terminal.size
    assert (node["thread"], node["convention"], node["returns"]) == ("any", "C", "Signed 32-bit Integer")
    callbacks = (node["reserve"], node["unreserve"], node["abort"])
    with_instance = any(t.kind == "instance" for t in terminals)
    assert callbacks == (("obe_lv_reserve", "obe_lv_unreserve", "obe_lv_abort") if name.endswith("_i") else ("",) * 3)
    assert with_instance == (name.endswith("_i") or name in ("obe_lv_reserve", "obe_lv_unreserve", "obe_lv_abort"))


@pytest.mark.parametrize("name", NODES)
def test_variant(name: str) -> None:
    """A node becomes one that an abort ends by another name and one more parameter."""
    variant = NODES[name]["variant"]
    assert variant == (f"{name}_i" if f"{name}_i" in NODES else "")
    if variant:
        own, more = NODES[name]["parameters"], NODES[variant]["parameters"]
        assert more[:-1] == own
        assert more[-1]["type"] == "Instance Data Pointer"


def test_defaults() -> None:
    """An unwired timeout would be 0, which does not wait."""
    for name, node in NODES.items():
        for parameter in node["parameters"]:
            wanted = {"port": 61981, "timeout_ms": 100 if name.startswith("obe_lv_receive") else -2}.get(
                parameter["name"]
            )
            expected = wanted if parameter["direction"] == "in" and wanted else 0
            assert parameter["default"] == expected, (name, parameter)


def test_every_object_of_a_list_has_the_same_members() -> None:
    """The elements of an array in LabVIEW have one type."""

    def shape(value: object) -> object:
        return {key: type(member) for key, member in value.items()} if isinstance(value, dict) else None

    assert len({str(shape(node)) for node in FILE["functions"]}) == 1
    assert len({str(shape(p)) for node in FILE["functions"] for p in node["parameters"]}) == 1
