"""The files for LabVIEW's users agree with the headers."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET

import pytest

from clfn import Terminal
from conftest import EXTRA, HEADER, LISTS, ROOT, TABLES

DIRECTORY = ROOT / "bindings" / "labview"
FUNCTIONS = {**HEADER.functions, **EXTRA.functions}


def test_error_file() -> None:
    text = (DIRECTORY / "obe-errors.txt").read_text("ascii")
    assert text.startswith('<?xml version="1.0" encoding="Windows-1252"?>\n<nidocument>\n<nicomment>\n')
    root = ET.fromstring(text.encode())
    family = root.find("nicomment/nifamily")
    assert family is not None
    assert family.attrib == {"familyname": "libobe", "displayname": "libobe"}
    errors = {int(error.attrib["code"]): (error.text or "").strip() for error in root.findall("nierror")}
    statuses = {code: name for name, code in HEADER.constants.items() if name.startswith("OBE_E_")}
    assert errors.keys() == statuses.keys()
    for code, text_of_code in errors.items():
        assert -8999 <= code <= -8000
        assert text_of_code.startswith(f"{statuses[code]}: ")
        assert "\n" not in text_of_code
    # LabVIEW has its own parser, which is known to support these only.
    assert set(re.findall(r"&\w+;|&#", text)) <= {"&amp;", "&lt;", "&gt;"}


# The settings in a node's configuration dialog, by how the wizard configures the parameter.
SETTINGS = {
    "int": ("in", "Numeric", "Signed 32-bit Integer", "Value"),
    "double": ("in", "Numeric", "8-byte Double", "Value"),
    "int out": ("out", "Numeric", "Signed 32-bit Integer", "Pointer to Value"),
    "double out": ("out", "Numeric", "8-byte Double", "Pointer to Value"),
    "text": ("in", "String", "C String Pointer, Constant", "-"),
    "text out": ("out", "String", "C String Pointer", "-"),
    "doubles in": (
        "in",
        "Array",
        "8-byte Double, 1 dimension, Array Data Pointer",
        "-",
    ),
    "doubles out": (
        "out",
        "Array",
        "8-byte Double, 1 dimension, Array Data Pointer",
        "-",
    ),
    "instance": ("hidden", "Instance Data Pointer", "-", "-"),
}


def settings(name: str, terminal: Terminal) -> tuple[str, ...]:
    if terminal.kind == "labview handle":
        dimensions = "2 dimensions" if "matrix" in name else "1 dimension"
        if terminal.name == "text":
            return "text", "out", "String", "String Handle Pointer", "-", "-"
        return (
            "values",
            "out",
            "Array",
            f"8-byte Double, {dimensions}, Array Handle Pointer",
            "-",
            "-",
        )
    found = SETTINGS[terminal.kind]
    if terminal.kind == "doubles in" and "matrix" in name:
        found = ("in", "Array", "8-byte Double, 2 dimensions, Array Data Pointer", "-")
    return (terminal.name, *found, terminal.size or "-")


def test_node_table() -> None:
    text = (DIRECTORY / "nodes.md").read_text("utf-8")
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
    assert sections.keys() == FUNCTIONS.keys()
    for name, terminals in FUNCTIONS.items():
        rows = [
            tuple(cell.strip() for cell in row.split("|")[1:-1])
            for row in re.findall(r"^\|.*\|$", sections[name], re.M)
        ]
        assert [row[:6] for row in rows[2:]] == [settings(name, t) for t in terminals], name
        assert ("Callbacks" in sections[name]) == name.endswith("_i")
    assert "Run in any thread" in text
    constants = {name: value for name, value in HEADER.constants.items() if not name.startswith(("OBE_E_", "OBE_OK"))}
    types = re.findall(r"^\| (OBE_\w+) \| (\d+) \|$", text, re.MULTILINE)
    assert {name: int(value) for name, value in types} == constants
    header = (ROOT / "include" / "obe_labview.h").read_text("utf-8")
    options = re.findall(r"^ \*   (\w+) ", header[header.index("---- Options") :], re.MULTILINE)
    assert re.findall(r"^\| (\w+) \|", text[text.index("## Options") :], re.MULTILINE) == ["name", *options]


def test_printable_node_table() -> None:
    page = (DIRECTORY / "nodes.html").read_text("utf-8")
    sections = dict(re.findall(r"<h3>(\w+)</h3>(.*?)</section>", page, re.DOTALL))
    assert sections.keys() == FUNCTIONS.keys()
    for name, terminals in FUNCTIONS.items():
        rows = [
            tuple(html.unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", row))
            for row in re.findall(r"<tr>(<td>.*?)</tr>", sections[name])
        ]
        assert [row[:6] for row in rows] == [settings(name, t) for t in terminals], name
    assert "Run in any thread" in page


# The VIs of a user's palette.
VIS = {
    f"OBE {name}"
    for name in [
        *(
            "Client New",
            "Server New",
            "Free",
            "Free All",
            "Cancel",
            "Set Option",
            "Get Option",
            "Wait Ready",
        ),
        *(
            "Tcmd",
            "Get Json",
            "Send",
            "Receive",
            "Notify",
            "Ready",
            "Newdat",
            "Newrun",
            "Done",
        ),
        *("Goodset", "Goodset Ask", "Goodset Fetch"),
        *(name.title() for name in (*LISTS, *TABLES)),
        *("Last Error", "Version"),
    ]
}
PRIVATE_VIS = {"OBE Check", "OBE Get Text"}
EXAMPLES = {"OBE Measure a Peak", "OBE Reply"}


def vi_name(function: str) -> str:
    """The name of the VI of a function."""
    return "OBE " + function.removeprefix("obe_lv_").replace("_", " ").title()


def test_vi_set_has_every_command() -> None:
    text = (DIRECTORY / "vi-set.md").read_text("utf-8")
    rows = re.findall(r"^\| (OBE [\w ]+?) \| `(\w+)`", text, re.MULTILINE)
    vis = {vi for vi, _ in rows}
    assert vis == VIS
    assert len(rows) == len(VIS)
    assert f"{len(VIS)} VIs" in text
    assert [vi for vi, _ in rows] == [vi_name(function) for _, function in rows]
    commands = [name for name, terminals in HEADER.functions.items() if any(t.name == "timeout_ms" for t in terminals)]
    for name in commands:
        assert f"`{name}`" in text or name == "obe_lv_tcmd_message", name
    for vi in re.findall(r"\*(OBE [A-Z][\w ]+?)\*", text):
        assert vi in vis | PRIVATE_VIS | EXAMPLES, vi


@pytest.mark.parametrize("name", ["README.md", "checklist.md", "obe-errors.txt"])
def test_other_files_name_existing_vis(name: str) -> None:
    text = (DIRECTORY / name).read_text("utf-8")
    named = re.findall(r"\b(OBE(?: [A-Z][a-z]+)+)\b", text)
    assert set(named) <= VIS | PRIVATE_VIS | {"OBE Measure"}, named


def test_picture_has_the_values_of_the_table() -> None:
    """The first exchange is in README.md both as a table and as a picture."""
    text = (DIRECTORY / "README.md").read_text("utf-8")
    section = text[text.index("## A first exchange") :].partition("\n### ")[0]
    picture = (DIRECTORY / "pictures" / "first-exchange.svg").read_text("utf-8")
    drawn = re.findall(r">([^<>\n]+)</text>", picture)
    rows = re.findall(r"^\| \d+ \| `?([\w ]+)`? \| (.*) \|$", section, re.M)
    assert rows
    for function, cells in rows:
        assert function in drawn
        for value in re.findall(r"`(.+?)`", cells):
            assert value in drawn, (function, value)
