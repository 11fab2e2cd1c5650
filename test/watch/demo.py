"""The experiment of make demo: its server in C++ and its instrument in C, with obe watch between them."""

from __future__ import annotations

import os
import re
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tools
from watch import Start, Watch

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
EXAMPLE = ROOT / "examples" / "find_peak"
LIMIT = 60  # seconds
SEED = ("--seed", "5")


def build(directory: Path) -> None:
    """Build both programs with the library of this build."""
    if not (BUILD / "libobe.so").exists():
        tools.missing(f"{BUILD / 'libobe.so'} is not built: make library")
    link = [f"-I{ROOT / 'include'}", f"-L{BUILD}", "-lobe", f"-Wl,-rpath,{BUILD}", "-lm"]
    cc, cxx = os.environ.get("CC") or tools.path("cc"), os.environ.get("CXX") or tools.path("g++")
    for compiler, source in ((cxx, "server.cpp"), (cc, "instrument.c")):
        target = directory / source.split(".")[0]
        command = [*compiler.split(), "-O2", str(EXAMPLE / source), "-o", str(target), *link]
        subprocess.run(command, check=True, timeout=10 * LIMIT)


class Demo:
    """The server, watched, and the port for the instrument."""

    def __init__(self, programs: Path, obe: str, watch: Watch) -> None:
        self.watch = watch
        self._programs = programs
        found = re.search(r":(\d+) ", watch.snapshot()["title"])  # 127.0.0.1:40312 → 127.0.0.1:40313
        assert found
        self._port = found[1]
        # The page learns the names and units from the reply.
        describe = [obe, "call", f":{self._port}", "describe"]
        subprocess.run(describe, check=True, timeout=LIMIT, stdout=subprocess.DEVNULL)

    def measure(self, log: Path, *options: str) -> subprocess.Popen[bytes]:
        """Begin the 200 measurements."""
        command = [self._programs / "instrument", "--port", self._port, *SEED, "--log", log, "--done", *options]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@contextmanager
def demo(programs: Path, obe: str, start: Start) -> Iterator[Demo]:
    server = subprocess.Popen([programs / "server", "--port", "0", *SEED], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        ready, _, _ = select.select([server.stdout], [], [], LIMIT)
        assert ready
        port = int(server.stdout.readline().split()[-1])
        yield Demo(programs, obe, start("--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{port}"))
    finally:
        server.kill()
        server.wait()
        if server.stdout:
            server.stdout.close()
