"""The protocol's schema: the examples of its specification, the messages of libobe, and messages that are wrong."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / os.environ.get("BUILD", "build")
EXPLAIN = ROOT / "docs" / "explain"
PAGE = (EXPLAIN / "protocol.md").read_text("utf-8")
SCHEMA = json.loads((EXPLAIN / "protocol.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
# The commands of the library, and the replies that they expect.
COMMANDS: dict[str, str] = {
    name: "OK" if reply == '"OK"' else "Rows" if "rows" in reply else "Numbers"
    for name, reply in re.findall(
        r"^\| \[`(\w+)`\]\(#\w+\) \|.*?\| `([^`]*)` \|", (ROOT / "docs/reference/commands.md").read_text("utf-8"), re.M
    )
}
# The optional command, which the library has no function for.
PROTOCOL = COMMANDS.keys() | {"describe"}
KINDS = {"OK": {"ok"}, "Numbers": {"numbers", "setting"}, "Rows": {"rows"}}

RIGHT = {
    "ok": ("newdat", '"OK"'),
    "setting": ("optset", "[2.5, 1]"),
    "numbers": ("getmean", "[1.0, NaN, -Infinity]"),
    "rows": ("getcov", "[[1, 0.5], [0.5, 2]]"),
}


def problems(command: Any, reply: Any) -> list[str]:
    """What the schema says is wrong with an exchange."""
    return [error.message for error in VALIDATOR.iter_errors({"command": command, "reply": reply})]


def examples() -> list[list[Any]]:
    blocks = re.findall(r"^```json\n(.*?)^```$", PAGE, re.M | re.S)
    return [[json.loads(line) for line in block.splitlines()] for block in blocks]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for reference in re.findall(r'"\$ref": "#/\$defs/([^"]*)"', json.dumps(SCHEMA)):
        assert reference in SCHEMA["$defs"]


def test_the_schema_has_the_commands_of_the_library() -> None:
    assert len(COMMANDS) == 13
    definitions = SCHEMA["$defs"]
    assert {name.removesuffix("-command") for name in definitions if name.endswith("-command")} == PROTOCOL
    assert {reference["$ref"].removeprefix("#/$defs/") for reference in SCHEMA["allOf"]} == PROTOCOL
    for command, kind in COMMANDS.items():
        assert definitions[f"{command}-reply"]["$ref"].removeprefix("#/$defs/") in KINDS[kind], command


def test_the_page_has_the_commands_of_the_library() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.M)) == PROTOCOL


def test_examples() -> None:
    answered = set()
    for command, reply in examples():
        assert problems(command, reply) == [], command
        if "error" not in reply:
            answered.add(command["command"])
    assert answered == PROTOCOL


def test_examples_of_frames() -> None:
    frames = re.findall(r"^(\d{10})(.+)$", PAGE, re.M)
    assert frames
    for header, body in frames:
        assert int(header) == len(body.encode())
        json.loads(body)


def recorded(tmp_path: Path, *client: Path) -> list[tuple[Any, Any]]:
    """The exchanges of a client of the library, from its trace."""
    trace = tmp_path / "trace.jsonl"
    environment = {
        "PYTHONPATH": str(ROOT / "bindings" / "python"),
        "OBE_LIBRARY": str(BUILD / "libobe.so"),
        "LD_LIBRARY_PATH": str(BUILD),
        "OBE_TRACE": str(trace),
    }
    done = subprocess.run(
        [sys.executable, HERE / "every_command.py", *client],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    first, *messages = [json.loads(line) for line in trace.read_text("utf-8").splitlines()]
    assert (first["trace"], first["version"]) == ("obe", 1)
    found = {}
    for role, first, second in ("client", "sent", "received"), ("server", "received", "sent"):
        own = [message for message in messages if message["role"] == role]
        assert [message["direction"] for message in own] == [first, second] * (len(own) // 2)
        bodies = [message["body"] for message in own]
        found[role] = list(zip(bodies[::2], bodies[1::2]))
    assert repr(found["client"]) == repr(found["server"])  # NaN is not equal to itself
    return found["client"]


def check_recorded(exchanges: list[tuple[Any, Any]]) -> None:
    for command, reply in exchanges:
        assert problems(command, reply) == [], command
        assert "error" not in reply, command
    assert {command["command"] for command, _ in exchanges} == COMMANDS.keys()


def test_messages_of_the_client_in_python(tmp_path: Path) -> None:
    check_recorded(recorded(tmp_path))


def test_messages_of_the_client_in_c(tmp_path: Path) -> None:
    program = tmp_path / "every_command"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    source = HERE / "every_command.c"
    subprocess.run(
        [*compiler, "-std=c99", source, f"-I{ROOT}/include", f"-L{BUILD}", "-lobe", "-o", program], check=True
    )
    check_recorded(recorded(tmp_path, program))


# A command and its reply, of which one is wrong.
WRONG = [
    ("no object", '["ready"]', '"OK"'),
    ("no object", '"ready"', '"OK"'),
    ("no command", "{}", '"OK"'),
    ("no name", '{"command": null}', '"OK"'),
    ("no name", '{"command": ["ready"]}', '"OK"'),
    ("x is no list", '{"command": "newdat", "x": 1.5, "y": [1], "s": [1]}', '"OK"'),
    ("x is empty", '{"command": "newdat", "x": [], "y": [1], "s": [1]}', '"OK"'),
    ("x has a text", '{"command": "newdat", "x": ["1"], "y": [1], "s": [1]}', '"OK"'),
    ("no x", '{"command": "newdat", "y": [1], "s": [1]}', '"OK"'),
    ("no y", '{"command": "newdat", "x": [1], "s": [1]}', '"OK"'),
    ("y is null", '{"command": "newdat", "x": [1], "y": null, "s": [1]}', '"OK"'),
    ("no s", '{"command": "newdat", "x": [1], "y": [1]}', '"OK"'),
    ("s is a text", '{"command": "newdat", "x": [1], "y": [1], "s": "1"}', '"OK"'),
    ("a text", '{"command": "goodset", "pickiness": "4"}', "[1]"),
    ("a list", '{"command": "goodset", "pickiness": [4]}', "[1]"),
    ("negative", '{"command": "goodset", "pickiness": -1}', "[1]"),
    ("no setting", '{"command": "goodset"}', "[]"),
    ("an error that is no text", '{"command": "optset"}', '{"error": 3}'),
    ("an object without an error", '{"command": "optset"}', '{"command": "optset"}'),
    *[
        (f"{other} instead of {kind}", f'{{"command": "{command}", "x": [1], "y": [1], "s": [1]}}', reply)
        for kind, (command, _) in RIGHT.items()
        for other, reply in [
            *[
                (other, reply)
                for other, (_, reply) in RIGHT.items()
                if kind != other and {kind, other} != {"numbers", "setting"}
            ],
            ("null", "null"),
            ("another text", '"ok"'),
            ("a number", "1"),
            ("true", "[true]"),
            ("null", "[null]"),
        ]
    ],
]


@pytest.mark.parametrize("kind", RIGHT)
def test_right_exchanges(kind: str) -> None:
    command, reply = RIGHT[kind]
    assert problems({"command": command, "x": [1], "y": 1, "s": [1, 2]}, json.loads(reply)) == []


@pytest.mark.parametrize(("what", "command", "reply"), WRONG)
def test_wrong_exchanges(what: str, command: str, reply: str) -> None:
    assert problems(json.loads(command), json.loads(reply)), what


@pytest.mark.parametrize("command", COMMANDS.keys())
def test_a_reply_of_every_command_is_checked(command: str) -> None:
    members = {"command": command, "x": [1], "y": [1], "s": [1]}
    assert problems(members, {"error": "it failed"}) == []
    assert problems(members, {"mistake": "it failed"})


def test_names_and_units() -> None:
    for reply in (
        {},
        {"error": "no"},
        {"trusted": False, "warnings": ["Why."]},
        {"title": "NV", "colour": 1, "settings": [{"name": "f", "range": [1, 2]}, {}]},
    ):
        assert problems({"command": "describe"}, reply) == []
    for wrong in (
        "OK",
        [],
        {"title": 1},
        {"settings": ["f"]},
        {"parameters": [{"unit": 1}]},
        {"error": 3},
        {"trusted": 1},
        {"warnings": [1]},
    ):
        assert problems({"command": "describe"}, wrong), wrong


def test_a_command_that_the_protocol_does_not_have() -> None:
    assert problems({"command": "scan", "from": 1}, {"spectrum": [1, 2]}) == []
