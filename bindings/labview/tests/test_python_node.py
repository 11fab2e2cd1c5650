"""obe_python_node.py as LabVIEW's Python Node calls it: in a Python of its own, loaded by its path, with numbers, texts
and lists only."""

from __future__ import annotations

import ast
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import peer
from conftest import HEADER, LIBRARY, LISTS, REPLIES, ROOT, TABLES

LIBRARY_NAME = f"obe{8 * struct.calcsize('P')}.{'dll' if sys.platform == 'win32' else 'so'}"
MODULE = ROOT / "bindings" / "labview" / "obe_python_node.py"

# What LabVIEW does in a session: it calls a function of a module that it has loaded by its path. Results of any other
# type than LabVIEW's are an error of the test.
SESSION = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("obe_python_node", sys.argv[1])
module = importlib.util.module_from_spec(spec)
def check(value):
    if type(value) is list:
        assert len({type(element) for element in value}) < 2, "LabVIEW's arrays have one type"
        for element in value:
            check(element)
    else:
        assert type(value) in (int, float, str, type(None)), type(value)
    return value
try:
    spec.loader.exec_module(module)
    print(json.dumps({"value": None}), flush=True)
except Exception as error:
    print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
for line in sys.stdin:
    name, arguments = json.loads(line)
    try:
        answer = {"value": check(getattr(module, name)(*arguments))}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
"""


class NodeError(Exception):
    """A Python Node has an error."""


class Session:
    """A Python session of LabVIEW: it has no modules but Python's own."""

    def __init__(self, module: Path, library: str = "") -> None:
        environment = {name: value for name, value in os.environ.items() if name != "OBE_LIBRARY"}
        self._python = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", SESSION, str(module)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**environment, **({"OBE_LIBRARY": library} if library else {})},
        )

    def result(self) -> Any:
        assert self._python.stdout is not None
        answer = json.loads(self._python.stdout.readline())
        if "error" in answer:
            raise NodeError(answer["error"])
        return answer["value"]

    def call(self, name: str, *arguments: Any) -> Any:
        assert self._python.stdin is not None
        print(json.dumps([name, arguments]), file=self._python.stdin, flush=True)
        return self.result()

    def close(self) -> None:
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        self._python.stdin.close()
        assert self._python.wait(peer.HANGS) == 0
        self._python.stdout.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as they are beside each other in a user's folder."""
    folder = tmp_path_factory.mktemp("C OBE")
    shutil.copy(MODULE, folder)
    shutil.copy(LIBRARY, folder / LIBRARY_NAME)
    return folder


@pytest.fixture
def node(folder: Path) -> Iterator[Session]:
    session = Session(folder / MODULE.name)
    assert session.result() is None
    yield session
    session.close()


@pytest.fixture
def handle(node: Session, server: peer.Server) -> int:
    handle = node.call("open", "127.0.0.1", server.port)
    assert isinstance(handle, int)
    return handle


def test_measurement(node: Session, handle: int, server: peer.Server) -> None:
    node.call("wait_ready", handle, 10000)
    assert node.call("newrun", handle, '{"particles": 100}') is None
    setting = node.call("goodset", handle, 4)
    assert setting == REPLIES["goodset"]
    assert node.call("newdat", handle, setting, [0.98], [0.005]) is None
    assert node.call("done", handle) is None
    assert node.call("close", handle) is None
    sent = [json.loads(body) for body in server.requests]
    assert [message["command"] for message in sent] == ["ready", "newrun", "goodset", "newdat", "done"]
    assert sent[1] == {"command": "newrun", "particles": 100}
    assert sent[2]["pickiness"] == 4
    assert sent[3] == {"command": "newdat", "x": [2.5], "y": [0.98], "s": [0.005]}


@pytest.mark.parametrize("command", sorted({*LISTS, *TABLES} | {"optset"}))
def test_every_command(node: Session, handle: int, command: str) -> None:
    assert node.call(command, handle) == REPLIES[command]
    assert node.call(command, handle, 10000.0) == REPLIES[command]


def test_ask_ahead(node: Session, handle: int) -> None:
    assert node.call("goodset_ask", handle, 4) is None
    assert node.call("goodset_fetch", handle) == REPLIES["goodset"]
    with pytest.raises(NodeError, match="ObeError: "):
        node.call("goodset_fetch", handle)


def test_a_number_is_a_list_of_one(node: Session, handle: int, server: peer.Server) -> None:
    node.call("newdat", handle, 2.5, 1, [0.5])
    assert json.loads(server.requests[-1]) == {"command": "newdat", "x": [2.5], "y": [1], "s": [0.5]}


def test_json(node: Session, handle: int) -> None:
    text = '{"command": "\u00b5m \u2713 \U0001f600", "x": [1, null]}'
    assert json.loads(node.call("tcmd", handle, text)) == json.loads(text)


def test_options(node: Session, handle: int) -> None:
    node.call("set_option", handle, "timeout_ms", "1234")
    assert node.call("get_option", handle, "timeout_ms") == "1234"
    header = (ROOT / "include" / "obe.h").read_text("ascii")
    assert f'#define OBE_VERSION "{node.call("version")}"\n' in header


def test_large_list(node: Session) -> None:
    numbers = [0.5 * i for i in range(200_000)]
    with peer.Server(answer=lambda body: json.dumps(numbers).encode()) as server:
        handle = node.call("open", "127.0.0.1", server.port)
        assert node.call("getwgt", handle) == numbers


WRONG = {
    "a closed handle": ("close", [999999], "free: invalid handle: "),
    "a handle that is not a number": ("close", ["x"], "handle is 'x', and has to be a whole number"),
    "a handle with a fraction": ("getmean", [1.5], "handle is 1.5, and has to be a whole number of 32 bits"),
    "a timeout beyond 32 bits": ("getmean", [1, 1 << 40], "timeout_ms is 1099511627776"),
    "a timeout that is infinite": ("getmean", [1, float("inf")], "timeout_ms is inf"),
    "a timeout that is NaN": ("getmean", [1, float("nan")], "timeout_ms is nan"),
    "a negative port": ("open", ["", -5], "port"),
    "an address with NUL": ("open", ["a\0b", 1], "address is 'a\\x00b', and has to be a text without NUL"),
    "an address that is a number": ("open", [5, 1], "address is 5"),
    "half of a character": ("open", ["\ud800", 1], "not one of Unicode"),
    "a list of texts": ("newdat", [1, ["a"], [1], [1]], "x has 'a', and has to have numbers only"),
    "a table": ("newdat", [1, [1], [[1, 2]], [1]], "y has [1, 2]"),
    "a text": ("newdat", [1, "12", [1], "x"], "s has 'x'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_argument(node: Session, what: str) -> None:
    name, arguments, told = WRONG[what]
    with pytest.raises(NodeError) as raised:
        node.call(name, *arguments)
    assert told in str(raised.value)
    assert str(raised.value).startswith("ObeError: ")
    assert " (error -80" in str(raised.value)


def test_empty_list(node: Session, handle: int) -> None:
    with pytest.raises(NodeError, match="newdat: invalid argument: s_count is 0 "):
        node.call("newdat", handle, [1], [1], [])


def test_no_server(node: Session, silent: int) -> None:
    handle = node.call("open", "127.0.0.1", silent)
    with pytest.raises(NodeError, match=r"tcmd 127\.0\.0\.1:\d+: .*\(error -8004\)"):
        node.call("getmean", handle, 10)


def test_code_of_a_wrong_argument() -> None:
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(MODULE.read_text("utf-8")).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.startswith("OBE_")
    }
    assert constants == {name: HEADER.constants[name] for name in constants}
    assert constants


def test_no_library(tmp_path: Path) -> None:
    """The error says which file has to be where."""
    shutil.copy(MODULE, tmp_path)
    session = Session(tmp_path / MODULE.name, str(tmp_path / "none.so"))
    with pytest.raises(NodeError, match=r"ImportError: .*none\.so.* cannot be loaded ") as raised:
        session.result()
    assert f"so put {LIBRARY_NAME} into {tmp_path}" in str(raised.value)
    session.close()


def test_old_python() -> None:
    """Python 3.6 can read it, which is the newest that NI's help for LabVIEW 2020 names. It does not know list[float],
    so such an annotation is a text."""
    tree = ast.parse(MODULE.read_text("utf-8"), feature_version=(3, 6))
    annotations = [
        annotation
        for node in ast.walk(tree)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if annotation is not None
    ]
    assert len(annotations) > 50
    assert {type(annotation) for annotation in annotations} <= {ast.Name, ast.Attribute, ast.Constant}
    assert not any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
    assert "Python 3.6" in (MODULE.parent / "python-node.md").read_text("utf-8")


def test_pages_name_every_function() -> None:
    page = (MODULE.parent / "python-node.md").read_text("utf-8")
    functions = [node for node in ast.parse(MODULE.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)]
    for function in functions:
        if not function.name.startswith("_"):
            names = ", ".join(argument.arg for argument in function.args.args)
            assert f"| `{function.name}` | {names or '-'} |" in page, function.name
