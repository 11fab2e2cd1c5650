"""The part of the benchmark about obe design: rounds of goodset and newdat, beside those of optbayesexpt."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cases import MODES, Plan, at_most, measure
from compile import BENCH, BUILD, OUT, TOP
from report import Limit, Measure, Row, Section
from workers import Answer, Run, Worker, rounds, workers

EXPERIMENT = TOP / "examples" / "experiments" / "lorentzian.toml"
ROUNDS = 200  # of a run
ONE_CORE = {"GOMAXPROCS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Designer(Worker):
    """obe design, which says at which port it listens."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.name = "obe design"
        self.process = subprocess.Popen(
            [*command, BUILD / "obe", "design", EXPERIMENT, "127.0.0.1:0"],
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        Worker.alive.append(self)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        if "listening on" not in line:
            self.stop()
            raise RuntimeError(f"obe design says {line!r}")
        self.port_number = int(line.rsplit(":", 1)[1])

    def peak(self) -> float:
        """The largest memory that it has had, in MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise RuntimeError("/proc has no VmHWM")


@contextlib.contextmanager
def designer(*command: str, **environment: str) -> Iterator[Designer]:
    running = Designer(*command, **environment)
    try:
        yield running
    finally:
        running.stop()


def runs(instrument: Worker, server: Worker, port: int, mode: str, count: int, particles: int, steps: int) -> Run:
    """Runs of an instrument, each time with other true values. Times are in ms, and so is the CPU time of a round."""
    seed = iter(range(1, 1_000_000, 1000))

    def once() -> Answer:
        began = server.cpu_seconds()
        answer = instrument.ask("runs", port, mode, count, ROUNDS, particles, steps, next(seed))
        cpu = (server.cpu_seconds() - began) * 1e3 / answer["count"]
        return {**{key: answer[key] / 1e3 for key in ("p50", "p99", "max")}, "cpu": cpu}

    return once


def absolute(name: str, unit: str, key: str, answers: list[Answer], limit: float | None) -> Measure:
    """The median over the rounds of the benchmark, which has no baseline, and their quartiles as the spread."""
    values = [answer[key] for answer in answers]
    spread = None
    if len(values) > 1:
        low, _, high = statistics.quantiles(values, n=4)
        spread = low, high
    return Measure(name, unit, statistics.median(values), spread=spread, limit=at_most(limit))


def original(make: Any, one_core: list[str]) -> tuple[Worker, Answer] | str:
    """A running server of optbayesexpt, or why there is none."""
    if not os.environ.get("OPTBAYESEXPT"):
        return "not compared with optbayesexpt: OPTBAYESEXPT, the directory of a checkout, is not set"
    python = shlex.split(os.environ.get("OPTBAYESEXPT_PYTHON", sys.executable))
    worker = make(*one_core, *python, BENCH / "optbayesexpt_server.py", EXPERIMENT, PYTHONWARNINGS="ignore", **ONE_CORE)
    try:
        return worker, worker.ask("port")
    except RuntimeError:
        return f"not compared with optbayesexpt: {python[0]} cannot run it; OPTBAYESEXPT_PYTHON is one that has numpy"


def small(plan: Plan) -> Section:
    section = Section(
        f"the designer on one core: rounds of goodset and newdat, {ROUNDS} in a run, 10,000 particles, 200 settings; "
        "the baseline is the server of optbayesexpt"
    )
    one_core = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    with workers() as make, designer(*one_core, **ONE_CORE) as running:
        instrument = make(*one_core, OUT / "instrument")
        ours = {mode: runs(instrument, running, running.port_number, mode, 2, 10_000, 200) for mode in MODES}
        found = original(make, one_core)
        if isinstance(found, str):
            section.notes.append(found)
            pairs = [(ours["kept"], ours["oneshot"])]
        else:
            server, about = found
            theirs = runs(instrument, server, about["port"], "oneshot", 2, 10_000, 200)
            pairs = [(ours["kept"], ours["oneshot"]), (theirs, ours["oneshot"])]
            section.notes.append(f"optbayesexpt {about['version']}, numpy {about['numpy']}")
        answers = rounds(plan.seconds(20, 3), 20, pairs)
    for i, mode in enumerate(("kept", "oneshot")):
        alone = [pair[i] for pair in answers[0]]
        section.rows.append(
            Row(
                MODES[mode],
                [
                    absolute("p50", "ms", "p50", alone, 0.4),
                    absolute("p99", "ms", "p99", alone, 1.5),
                    absolute("CPU time of obe design", "ms", "cpu", alone, None),
                ],
            )
        )
    for compared in answers[1:]:
        measures = [
            measure("p50", "ms", "p50", compared, at_most(0.25)),
            measure("p99", "ms", "p99", compared),
            measure("CPU time of the server", "ms", "cpu", compared),
        ]
        section.rows.append(Row(f"{MODES['oneshot']}, beside optbayesexpt", measures))
    return section


def large(plan: Plan) -> Section:
    section = Section("the designer on all cores: 100,000 particles of 3 parameters, 10,000 settings")
    with workers() as make, designer() as running:
        once = runs(make(OUT / "instrument"), running, running.port_number, "kept", 1, 100_000, 10_000)
        answers = [once() for _ in range(1 if plan.quick else 3)]
    measures = [absolute("p50", "ms", "p50", answers, 10), absolute("CPU time", "ms", "cpu", answers, None)]
    section.rows.append(Row("a round of goodset and newdat", measures))
    with workers() as make, designer() as running:
        runs(make(OUT / "instrument"), running, running.port_number, "kept", 1, 100_000, 200)()
        peak = running.peak()
    section.rows.append(
        Row(
            "largest memory, with 200 settings",
            [Measure("resident", "MB", peak, limit=Limit(60))],
        )
    )
    return section


def first_answer() -> float:
    """The time from the start of the process to its first answer, in ms."""
    began = time.perf_counter()
    with (
        designer() as running,
        socket.create_connection(("127.0.0.1", running.port_number)) as conn,
    ):
        body = json.dumps({"command": "goodset"}).encode()
        conn.sendall(b"%010d" % len(body) + body)
        conn.recv(64)
        return (time.perf_counter() - began) * 1e3


def startup(plan: Plan) -> Section:
    found = [{"ms": first_answer()} for _ in range(5 if plan.quick else 20)]
    return Section(
        "the designer: its start",
        [
            Row(
                "until the first answer, a setting",
                [absolute("time", "ms", "ms", found, 50)],
            )
        ],
    )


def designers(plan: Plan) -> Iterator[Section]:
    if not (BUILD / "obe").exists():
        yield Section(
            "the designer",
            notes=[f"{BUILD / 'obe'} does not exist: make obe builds it"],
        )
        return
    for part in (small, large, startup):
        yield part(plan)
