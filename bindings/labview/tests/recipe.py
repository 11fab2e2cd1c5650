"""The first exchange of README.md, read from its table and executed call by call.

A row of the table is a node: its function, its inputs and its outputs. An input is the name of a terminal, to which the
wire of that name leads, `terminal = wire`, or a terminal with a constant in backquotes. The row "your instrument" is
the formula of that section.

As a program it starts the server of "start demo server.cmd" in a network of its own, executes the recipe, once and in a
loop, and prints what was called as JSON:

    unshare --map-root-user --net -- python3 recipe.py LIBRARY OBE
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clfn import KINDS, Diagram, Header

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "bindings" / "labview" / "README.md"
SERVER = ROOT / "packaging" / "start demo server.cmd"
HEADER = Header(ROOT / "include" / "obe_labview.h", KINDS)
INSTRUMENT = "your instrument"
CENTRE = re.compile(r"x \u2212 ([\d.]+)")  # of the dip, in the formula


@dataclass(frozen=True)
class Node:
    function: str
    inputs: dict[str, str]  # terminals, and what is wired to them: a wire, or a constant in backquotes
    outputs: list[str]


class Recipe:
    """The nodes of the table, and the formula that stands for an instrument."""

    def __init__(self, page: Path = PAGE) -> None:
        text = page.read_text("utf-8")
        section = text[text.index("## A first exchange") :]
        rows = re.findall(r"^\| (\d+) \| (.+?) \| (.*?) ?\| (.*?) ?\|$", section[: section.index("\n### ")], re.M)
        assert [int(number) for number, *_ in rows] == list(range(1, len(rows) + 1))
        self.nodes = [
            Node(name.strip("`"), self._inputs(inputs), self._names(outputs)) for _, name, inputs, outputs in rows
        ]
        found = re.search(r"this formula will do:\s+y = (.+)\.\n", section)
        assert found, f"{page} has no formula"
        self.formula = found[1]

    @staticmethod
    def _names(cell: str) -> list[str]:
        return [name.strip() for name in cell.split(",") if name.strip()]

    @classmethod
    def _inputs(cls, cell: str) -> dict[str, str]:
        found = {}
        for part in cls._names(cell):
            pair = re.fullmatch(r"(\w+)(?: = (\w+|`[^`]*`))?", part)
            assert pair, f"an input that the test cannot read: {part}"
            found[pair[1]] = pair[2] or pair[1]
        return found

    def measure(self, x: float) -> float:
        """The formula, with the signs that a page has for those of Python."""
        code = self.formula.translate({0x2212: "-", 0xB7: "*", 0xB2: "**2"})
        return float(eval(code, {"__builtins__": {}}, {"x": x}))

    def run(self, lv: Diagram, rounds: int = 1, at_the_end: Callable[[int], None] = lambda handle: None) -> list[str]:
        """Execute the nodes, those between obe_lv_wait_ready and obe_lv_free as often as rounds. Returns the calls."""
        names = [node.function for node in self.nodes]
        first, last = names.index("obe_lv_wait_ready") + 1, names.index("obe_lv_free")
        wires: dict[str, Any] = {}
        for node in [*self.nodes[:first], *rounds * self.nodes[first:last]]:
            self._execute(lv, node, wires)
        at_the_end(wires["handle"])
        for node in self.nodes[last:]:
            self._execute(lv, node, wires)
        return [name for name, _ in lv.called]

    def _execute(self, lv: Diagram, node: Node, wires: dict[str, Any]) -> None:
        def value(source: str, kind: str = "") -> Any:
            if not source.startswith("`"):
                return wires[source]
            constant = source.strip("`")
            return {"int": int, "double": float}.get(kind, str.encode)(constant)

        if node.function == INSTRUMENT:
            (setting,), (output,) = node.inputs.values(), node.outputs
            wires[output] = self.measure(value(setting))
            return
        kinds = {terminal.name: terminal.kind for terminal in lv.functions[node.function]}
        inputs = {name for name, kind in kinds.items() if not kind.endswith(" out")}
        assert set(node.inputs) == inputs, f"{node.function}: the recipe does not wire {inputs ^ set(node.inputs)}"
        assert not any(kinds[name] in ("text out", "doubles out") for name in kinds), f"{node.function} fills a buffer"
        result = lv.ok(node.function, **{name: value(source, kinds[name]) for name, source in node.inputs.items()})
        wires.update({name: result.outputs[name] for name in node.outputs})


def server_command(obe: Path, experiments: Path) -> list[str]:
    """The command line in "start demo server.cmd", with the files at other places."""
    (line,) = (line for line in SERVER.read_text("ascii").splitlines() if line.startswith('"%~dp0obe.exe"'))
    words = shlex.split(line)
    return [str(obe), *(word.replace("%~dp0", f"{experiments}/") for word in words[1:])]


def exchange(library: Path) -> dict[str, Any]:
    """Execute the recipe once, and with its loop. The server runs already, or starts at the same time."""
    recipe, lv = Recipe(), Diagram(library, HEADER)
    means: list[float] = []

    def mean(handle: int) -> None:
        """What follows the loop: obe_lv_tcmd asks for the mean, and obe_lv_get_double reads its first number."""
        lv.ok("obe_lv_tcmd", handle=handle, json=b'{"command": "getmean"}', timeout_ms=-2)
        means.append(lv.ok("obe_lv_get_double", handle=handle, pointer=b"/0").value)

    once = list(recipe.run(lv))
    lv.called.clear()
    loop = list(recipe.run(lv, 200, mean))
    lv.close()
    return {"once": once, "loop": loop, "mean": means[0]}


def check(found: dict[str, Any]) -> None:
    """Check what an exchange returned: the calls are those of the table, and the loop has found the dip."""
    recipe = Recipe()
    calls = [node.function for node in recipe.nodes if node.function != INSTRUMENT]
    assert found["once"] == calls
    assert found["loop"] == [*calls[:2], *200 * calls[2:-1], "obe_lv_tcmd", "obe_lv_get_double", calls[-1]]
    (centre,) = CENTRE.findall(recipe.formula)
    assert abs(found["mean"] - float(centre)) < 0.005, found["mean"]


def main() -> None:
    library, obe = map(Path, sys.argv[1:])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    server = subprocess.Popen(server_command(obe, ROOT / "examples" / "experiments"), stderr=subprocess.DEVNULL)
    try:
        print(json.dumps(exchange(library)))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
