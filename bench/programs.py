"""The benchmark's programs: building them, their commands, and rounds that alternate between two of them."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

TOP = Path(__file__).resolve().parent.parent
BENCH = TOP / "bench"
OUT = TOP / "build" / "bench"
LIBRARY = TOP / "build" / "libobe.so"
TIMEOUT = 60.0  # seconds for one answer of a program

CC = shlex.split(os.environ.get("CC", "cc"))
CXX = shlex.split(os.environ.get("CXX", "c++"))

Answer = dict[str, Any]
Run = Callable[[], Answer]
Pair = tuple[Answer, Answer]  # of the baseline, and of the variant that is compared with it
Maker = Callable[..., "Worker"]


# -- building ----------------------------------------------------------------------------------------------------------


def has(compiler: list[str], language: str, header: str) -> bool:
    """Whether this compiler is installed and finds this header."""
    try:
        command = [*compiler, "-fsyntax-only", "-x", language, "-"]
        given = f"#include <{header}>\n"
        return subprocess.run(command, input=given, text=True, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


class Build:
    """Compiles the programs that are out of date. `notes` lists those that are left out, and why."""

    def __init__(self) -> None:
        OUT.mkdir(parents=True, exist_ok=True)
        self.notes: list[str] = []
        warn = ["-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{TOP}/include", "-pthread"]
        c = [*CC, "-std=c99", "-D_GNU_SOURCE", *warn]
        common, obe = f"{OUT}/common.o", [f"-L{LIBRARY.parent}", "-lobe", f"-Wl,-rpath,{LIBRARY.parent}"]
        self.make("common.o", [*c, "-fPIC", "-c", f"{BENCH}/common.c"])
        self.make("baseline.so", [*c, "-shared", common])
        for name, libraries in {"exchange": obe, "transfer": obe, "load": [], "footprint": ["-ldl"]}.items():
            self.make(name, [*c, f"{BENCH}/{name}.c", common, *libraries])

        headers = {"zmq": ("zmq.h", "libzmq3-dev"), "nng": ("nng/nng.h", "libnng-dev")}
        self.queues = [kind for kind, (header, _) in headers.items() if has(CC, "c", header)]
        self.notes += [f"no {kind}: {headers[kind][1]} is not installed" for kind in headers if kind not in self.queues]
        parts = [part for kind in self.queues for part in (f"-DHAVE_{kind.upper()}", f"-l{kind}")]
        if self.queues:
            self.make("queues", [*c, f"{BENCH}/queues.c", common, *parts])

        self.documents = has(CXX, "c++", "charconv")
        self.simdjson = self.documents and has(CXX, "c++", "simdjson.h")
        if self.documents:
            parts = [*obe, *(["-DHAVE_SIMDJSON", "-lsimdjson"] if self.simdjson else [])]
            self.make("documents", [*CXX, "-std=c++17", *warn, f"{BENCH}/documents.cpp", common, *parts])
        else:
            self.notes.append("no documents: there is no C++ compiler")
        if self.documents and not self.simdjson:
            self.notes.append("no simdjson: libsimdjson-dev is not installed")

    @staticmethod
    def make(name: str, command: list[str]) -> None:
        target, stamp = OUT / name, OUT / f"{name}.command"
        inputs = [*BENCH.glob("*.[ch]"), *BENCH.glob("*.cpp"), TOP / "include" / "obe.h"]
        made = target.stat().st_mtime if target.exists() else 0
        if stamp.exists() and stamp.read_text() == str(command) and made > max(file.stat().st_mtime for file in inputs):
            return
        subprocess.run([*command, "-o", str(target)], check=True)
        stamp.write_text(str(command))


# -- running -----------------------------------------------------------------------------------------------------------


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
