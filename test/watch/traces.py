"""Traces of runs, and what a page has to show of them."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

DESCRIPTION = {
    "title": "NV centre 3",
    "settings": [{"name": "frequency", "unit": "GHz"}],
    "channels": [{"name": "signal", "unit": "V"}],
    "parameters": [{"name": "centre", "unit": "GHz"}, {"name": "depth"}, {"name": "width", "unit": "GHz"}],
}


@dataclass
class Run:
    """What is measured and estimated in a run, measurement by measurement."""

    x: list[list[float]] = field(default_factory=list)
    y: list[list[float]] = field(default_factory=list)
    s: list[list[float]] = field(default_factory=list)
    mean: list[list[float]] = field(default_factory=list)
    std: list[list[float]] = field(default_factory=list)


class Trace:
    """A trace that grows by exchanges of a command and its reply, each on its own connection."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._time = datetime.now(timezone.utc) - timedelta(seconds=60)
        self._port = 20000
        self._lines: list[str] = []
        self.runs: list[Run] = []
        self._line({"trace": "obe", "version": 1, "time": self._stamp(), "pid": 4711})

    def _stamp(self) -> str:
        self._time += timedelta(microseconds=100)
        return self._time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _line(self, members: dict[str, Any]) -> None:
        self._lines.append(json.dumps(members, separators=(",", ":")))

    def write(self) -> Path:
        """Append what is new to the file."""
        if self._lines:
            with self.path.open("a") as file:
                file.write("\n".join(self._lines) + "\n")
            self._lines.clear()
        return self.path

    def exchange(self, command: dict[str, Any], reply: object) -> None:
        self._port = 20000 + (self._port - 19999) % 40000
        ends = {"peer": "127.0.0.1:61981", "local": f"127.0.0.1:{self._port}"}
        for direction, body in (("sent", command), ("received", reply)):
            head = {"time": self._stamp(), "pid": 4711, "role": "client", "direction": direction}
            self._line({**head, **ends, "size": len(json.dumps(body)), "duration_ms": 0.1, "body": body})

    def describe(self, description: dict[str, Any] = DESCRIPTION) -> None:
        self.exchange({"command": "describe"}, description)

    def trust(self, trusted: bool, *warnings: str) -> None:
        self.describe({**DESCRIPTION, "trusted": trusted, "warnings": list(warnings)})

    def newrun(self) -> None:
        self.runs.append(Run())
        self.exchange({"command": "newrun"}, "OK")

    def measure(self, x: list[float], y: list[float], s: list[float]) -> None:
        run = self.runs[-1]
        run.x.append(x)
        run.y.append(y)
        run.s.append(s)
        self.exchange({"command": "newdat", "x": x, "y": y, "s": s}, "OK")

    def estimate(self, mean: list[float], std: list[float]) -> None:
        self.runs[-1].mean.append(mean)
        self.runs[-1].std.append(std)
        self.exchange({"command": "getmean"}, mean)
        self.exchange({"command": "getstd"}, std)

    def fail(self, text: str) -> None:
        self.exchange({"command": "goodset", "pickiness": 9}, {"error": text, "command": "goodset"})

    def dip(self, measurements: int, seed: int = 1, knobs: int = 1) -> Run:
        """Measurements at a dip, each with its chosen setting and the estimates after it."""
        random_ = random.Random(seed)
        run = self.runs[-1]
        for _ in range(measurements):
            n = len(run.x) + 1
            x = [random_.uniform(2.8, 2.95), *(random_.uniform(-5, 5) for _ in range(knobs - 1))]
            self.exchange({"command": "goodset", "pickiness": 4}, x)
            y = 1 - 0.05 / (((x[0] - 2.87) / 0.01) ** 2 + 1) + random_.gauss(0, 0.005)
            self.measure(x, [y], [0.005])
            std = [0.05 / math.sqrt(n), 0.02 / math.sqrt(n), 0.01 / math.sqrt(n)]
            mean = [random_.gauss(m, s / 3) for m, s in zip((2.87, 0.05, 0.01), std)]
            self.estimate(mean, std)
        return run
