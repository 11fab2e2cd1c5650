"""The programs of the benchmark: where they are, and how they are compiled."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BENCH = TOP / "bench"
BUILD = TOP / os.environ.get("BUILD", "build")
OUT = BUILD / "bench"
LIBRARY = BUILD / "libobe.so"

CC = shlex.split(os.environ.get("CC", "cc"))
CXX = shlex.split(os.environ.get("CXX", "c++"))


def has(compiler: list[str], language: str, header: str) -> bool:
    """Whether this compiler is installed and finds this header."""
    try:
        command = [*compiler, "-E", "-o", os.devnull, "-x", language, "-"]
        given = f"#include <{header}>\n"
        return subprocess.run(command, input=given, text=True, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


class Build:
    """Compiles the programs that are out of date. `skipped` lists what is left out, and what to install."""

    def __init__(self) -> None:
        OUT.mkdir(parents=True, exist_ok=True)
        self.skipped: list[str] = []
        warn = ["-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{TOP}/include", "-pthread"]
        c = [*CC, "-std=c99", "-D_GNU_SOURCE", *warn]
        common, obe = f"{OUT}/common.o", [f"-L{LIBRARY.parent}", "-lobe", f"-Wl,-rpath,{LIBRARY.parent}"]
        self.make("common.o", [*c, "-fPIC", "-c", f"{BENCH}/common.c"])
        self.make("baseline.so", [*c, "-shared", common])
        for name, libraries in {"exchange": obe, "transfer": obe, "load": [], "footprint": ["-ldl"]}.items():
            self.make(name, [*c, f"{BENCH}/{name}.c", common, *libraries])

        self.make("instrument", [*c, f"{BENCH}/instrument.c", common, "-lm"])

        self.tls = self.needs("TLS", has(CC, "c", "openssl/ssl.h"), "libssl-dev") and self.needs(
            "TLS", shutil.which("openssl") is not None, "openssl"
        )
        if self.tls:
            parts = ["-DHAVE_OPENSSL", f"{BENCH}/exchange.c", f"{BENCH}/tls.c", common, *obe, "-lssl", "-lcrypto"]
            self.make("exchange-tls", [*c, *parts])

        headers = {"zmq": ("zmq.h", "libzmq3-dev"), "nng": ("nng/nng.h", "libnng-dev")}
        self.queues = [
            kind for kind, (header, package) in headers.items() if self.needs(kind, has(CC, "c", header), package)
        ]
        parts = [part for kind in self.queues for part in (f"-DHAVE_{kind.upper()}", f"-l{kind}")]
        if self.queues:
            self.make("queues", [*c, f"{BENCH}/queues.c", common, *parts])

        self.documents = self.needs("documents", has(CXX, "c++", "charconv"), "g++")
        self.simdjson = self.documents and self.needs("simdjson", has(CXX, "c++", "simdjson.h"), "libsimdjson-dev")
        if self.documents:
            parts = [*obe, *(["-DHAVE_SIMDJSON", "-lsimdjson"] if self.simdjson else [])]
            self.make("documents", [*CXX, "-std=c++17", *warn, f"{BENCH}/documents.cpp", common, *parts])

    def needs(self, part: str, found: bool, package: str) -> bool:
        """Whether something was found that a part of the benchmark needs."""
        if not found:
            self.skipped.append(f"{part}: {package} is not installed: apt-get install -y {package}")
        return found

    @staticmethod
    def make(name: str, command: list[str]) -> None:
        target, stamp = OUT / name, OUT / f"{name}.command"
        inputs = [*BENCH.glob("*.[ch]"), *BENCH.glob("*.cpp"), TOP / "include" / "obe.h"]
        made = target.stat().st_mtime if target.exists() else 0
        if stamp.exists() and stamp.read_text() == str(command) and made > max(file.stat().st_mtime for file in inputs):
            return
        subprocess.run([*command, "-o", str(target)], check=True)
        stamp.write_text(str(command))
