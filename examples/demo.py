#!/usr/bin/env python3
"""The demonstration: a C instrument finds a dip with the help of a Python experiment-design server.

Starts examples/python/peak_server.py on a free port and the built instrument against it, and stops both whatever
happens. The exit status is 0 only if the instrument's estimate agrees with the true centre.

    make demo
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0  # seconds for the server to listen, and again for the instrument to finish


def stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def read_port(server: subprocess.Popen[str]) -> int | None:
    """The port from the line that the server prints once it listens; None if it ends without one."""
    assert server.stdout is not None
    alarm = threading.Timer(PATIENCE, server.kill)  # a server that stays silent must not stop the demo
    alarm.start()
    try:
        line = server.stdout.readline()
    finally:
        alarm.cancel()
    print(line, end="", flush=True)
    last = line.split()[-1:]
    return int(last[0]) if last and last[0].isdigit() else None


def run(options: argparse.Namespace) -> int:
    environment = dict(os.environ, OBE_LIBRARY=str(options.library))
    packages = [str(ROOT / "bindings" / "python"), os.environ.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, packages))
    seed = [] if options.seed is None else ["--seed", str(options.seed)]

    server_command = [sys.executable, str(ROOT / "examples" / "python" / "peak_server.py"), "--port", "0", *seed]
    server = subprocess.Popen(
        server_command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        port = read_port(server)
        if port is None:
            print("demo: the server did not start", file=sys.stderr)
            return 1
        instrument_command = [str(options.instrument), "--port", str(port), "--done", *seed]
        instrument = subprocess.Popen(instrument_command, stdin=subprocess.DEVNULL, text=True)
        try:
            started = time.monotonic()
            status = instrument.wait(PATIENCE)
            seconds = time.monotonic() - started
        except subprocess.TimeoutExpired:
            print("demo: the instrument does not come to an end", file=sys.stderr)
            return 1
        finally:
            stop(instrument)
        if status != 0:
            print(f"demo: the instrument failed with status {status}", file=sys.stderr)
            return 1
        print(f"done in {seconds:.1f} s")
        # The instrument has told the server that it is done, so the server ends by itself.
        try:
            status = server.wait(10)
        except subprocess.TimeoutExpired:
            print("demo: the server does not come to an end", file=sys.stderr)
            return 1
        if status != 0:
            print(f"demo: the server failed with status {status}", file=sys.stderr)
            return 1
        return 0
    finally:
        stop(server)


def terminated(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)  # unwinds, so that both programs are stopped


def main() -> int:
    parser = argparse.ArgumentParser(description="A C instrument and a Python experiment-design server find a dip.")
    parser.add_argument("--library", type=Path, default=ROOT / "build" / "libobe.so", help="the built library")
    parser.add_argument("--instrument", type=Path, default=ROOT / "build" / "instrument", help="the built instrument")
    parser.add_argument("--seed", type=int, help="repeats the run of that seed; without it every run differs")
    options = parser.parse_args()
    options.library = options.library.absolute()
    options.instrument = options.instrument.absolute()
    for built in (options.library, options.instrument):
        if not built.is_file():
            print(f"demo: {built} is missing; run make first", file=sys.stderr)
            return 1
    signal.signal(signal.SIGTERM, terminated)
    try:
        return run(options)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
