#!/usr/bin/env python3
"""The demonstration: an experiment-design server in C++ and an instrument in C find a dip, and plot.py draws it.

Starts the built server of examples/find_peak on a free port, and the built instrument with it. Then plot.py draws the
instrument's log. Both programs are stopped whatever happens. The exit status is 0 only if the instrument's
estimate agrees with the true centre.

    make demo
"""

from __future__ import annotations

import argparse
import importlib.util
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

EXAMPLE = Path(__file__).resolve().parent / "find_peak"
BUILD = EXAMPLE.parent.parent / "build"
TIMEOUT = 60.0  # seconds for the server to listen, and again for the instrument to finish


def stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def read_port(server: subprocess.Popen[str]) -> int | None:
    """The port from the line that the server prints once it listens, or None if the server ends before."""
    assert server.stdout is not None
    alarm = threading.Timer(TIMEOUT, server.kill)  # a server that prints nothing must not block the demo
    alarm.start()
    try:
        line = server.stdout.readline()
    finally:
        alarm.cancel()
    print(line, end="", flush=True)
    last = line.split()[-1:]
    return int(last[0]) if last and last[0].isdigit() else None


def fail(problem: str) -> int:
    print(f"demo: {problem}", file=sys.stderr)
    return 1


def run(options: argparse.Namespace) -> int:
    seed, log = ["--seed", str(options.seed)], options.output / "find_peak.csv"
    server_command = [options.programs / "find_peak_server", "--port", "0", *seed]
    server = subprocess.Popen(server_command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        port = read_port(server)
        if port is None:
            return fail("the server did not start")
        instrument_command = [options.programs / "find_peak_instrument", "--port", str(port), *seed]
        instrument_command += ["--compare", "--log", log, "--done"]
        if sys.stdout.isatty():
            instrument_command += ["--dwell", "5"]  # so that a viewer can follow
        instrument = subprocess.Popen(instrument_command, stdin=subprocess.DEVNULL, text=True)
        try:
            started = time.monotonic()
            status = instrument.wait(TIMEOUT)
            seconds = time.monotonic() - started
        except subprocess.TimeoutExpired:
            return fail("the instrument did not end in time")
        finally:
            stop(instrument)
        if status != 0:
            return fail(f"the instrument failed with status {status}")
        print(f"done in {seconds:.1f} s")
        # The instrument has sent done, so the server ends by itself.
        try:
            status = server.wait(10)
        except subprocess.TimeoutExpired:
            return fail("the server did not end in time")
        if status != 0:
            return fail(f"the server failed with status {status}")
    finally:
        stop(server)
        if server.stdout is not None:
            server.stdout.close()
    return draw(log, [options.output / "find_peak.png", options.output / "find_peak.svg"])


def draw(log: Path, figures: list[Path]) -> int:
    if importlib.util.find_spec("matplotlib") is None:
        tried = log.parent / "venv.log"  # of test/venv
        reason = f", and could not be installed ({tried})" if tried.exists() else ""
        print(f"no figure, because matplotlib is not installed{reason}")
        return 0
    if subprocess.run([sys.executable, EXAMPLE / "plot.py", log, *figures], timeout=2 * TIMEOUT).returncode != 0:
        return fail("the figure could not be drawn")
    print("the figure is in " + " and ".join(map(str, figures)))
    return 0


def terminated(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)  # unwinds, so that both programs are stopped


def main() -> int:
    parser = argparse.ArgumentParser(description="A server in C++ and an instrument in C find a dip.")
    parser.add_argument("--programs", type=Path, default=BUILD, help="where both are (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=BUILD, help="for log and figures (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=5, help="seed of the dip and the noise (default: %(default)s)")
    options = parser.parse_args()
    for name in ("find_peak_server", "find_peak_instrument"):
        if not (options.programs / name).is_file():
            return fail(f"{options.programs / name} is missing; run make demo")
    signal.signal(signal.SIGTERM, terminated)
    try:
        return run(options)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
