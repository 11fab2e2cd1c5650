"""The running programs of the benchmark: their commands, and rounds that alternate between two of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from compile import BENCH, LIBRARY, OUT, TOP

TIMEOUT = 60.0  # seconds for one answer of a program

Answer = dict[str, Any]
Run = Callable[[], Answer]
Pair = tuple[Answer, Answer]  # of the baseline, and of the variant that is compared with it
Maker = Callable[..., "Worker"]


class Worker:
    """A program that answers each line of words with a line of JSON."""

    alive: ClassVar[list[Worker]] = []

    def __init__(self, *command: str | Path, **environment: str) -> None:
        self.name = Path(command[-1]).name
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{TOP}/bindings/python", "OBE_LIBRARY": str(LIBRARY), **environment},
        )
        Worker.alive.append(self)

    def ask(self, *words: object) -> Answer:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        late = threading.Timer(TIMEOUT, self.process.kill)
        late.start()
        try:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            late.cancel()
        if not line:
            raise RuntimeError(f"{self.name} ended at: {' '.join(map(str, words))}")
        answer: Answer = json.loads(line)
        return answer

    def port(self, *words: object) -> int:
        return int(self.ask(*words)["port"])

    def cpu_seconds(self) -> float:
        """The CPU time of all its threads so far."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def resident(self) -> int:
        """Its resident memory in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("/proc has no VmRSS")

    def stop(self) -> None:
        Worker.alive.remove(self)
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def workers() -> Iterator[Maker]:
    """Yields a function that starts workers, which all end with the block."""
    made: list[Worker] = []

    def make(*command: str | Path, **environment: str) -> Worker:
        made.append(Worker(*command, **environment))
        return made[-1]

    try:
        yield make
    finally:
        for worker in made:
            worker.stop()


def python_worker(make: Maker, **environment: str) -> Worker:
    return make(sys.executable, BENCH / "worker.py", OUT / "baseline.so", **environment)


def rounds(seconds: float, most: int, pairs: Sequence[tuple[Run, Run]]) -> list[list[Pair]]:
    """Alternate between the baseline and the variant of each pair until the time is up, for at least three and at most
    `most` rounds. Which of the two is first changes from round to round."""
    end = time.monotonic() + seconds
    found: list[list[Pair]] = [[] for _ in pairs]
    for turn in range(most):
        if turn >= 3 and time.monotonic() > end:
            break
        for answers, (baseline, variant) in zip(found, pairs):
            if turn % 2:
                second = variant()
                answers.append((baseline(), second))
            else:
                first = baseline()
                answers.append((first, variant()))
    return found
