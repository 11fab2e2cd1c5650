#!/usr/bin/env python3
"""The demonstration: an experiment-design server in C++ and an instrument in C find a dip, and plot.py draws it.

Starts the built server of examples/find_peak on a free port, and the built instrument with it. Then plot.py draws the
instrument's log. All programs are stopped whatever happens. The exit status is 0 only if the instrument's
estimate agrees with the true centre.

    make demo
    make demo WATCH=1    # with a live page in the browser, by the tool obe

The server writes a trace, with which obe watch shows the run afterwards.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

EXAMPLE = Path(__file__).resolve().parent / "find_peak"
BUILD = EXAMPLE.parent.parent / "build"
TIMEOUT = 60.0  # seconds for the server to listen, and again for the instrument to finish
WATCHED = "25"  # milliseconds for each measurement, so that a viewer can follow


def stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


@contextmanager
def watching(options: argparse.Namespace, port: int, trace: Path) -> Iterator[int | None]:
    """The port of `obe watch`, which forwards to the server and serves the page, or None if it does not start.

    It prints the address of the page, and tells on its standard error where it listens.
    """
    command = [options.programs / "obe", "watch", "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{port}"]
    command += ["--out", trace]
    command += ["--no-open"] if options.no_open else []
    obe = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert obe.stdout is not None
    assert obe.stderr is not None
    alarm = threading.Timer(TIMEOUT, obe.kill)
    alarm.start()
    rest: threading.Thread | None = None
    try:
        listening = None
        for line in obe.stderr:
            print(line, end="", file=sys.stderr, flush=True)
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", line)
            if found:
                listening = int(found[1])
                break
        page = obe.stdout.readline().strip() if listening else ""
        alarm.cancel()
        if page:
            print(f"watch the run: {page}", flush=True)
        rest = threading.Thread(target=sys.stderr.writelines, args=(obe.stderr,), daemon=True)
        rest.start()
        yield listening if page else None
    finally:
        alarm.cancel()
        stop(obe)
        if rest is not None:
            rest.join(TIMEOUT)
        obe.stdout.close()
        obe.stderr.close()


@contextmanager
def watched(options: argparse.Namespace, port: int, trace: Path) -> Iterator[int | None]:
    """The port for the instrument."""
    if not options.watch:
        yield port
        return
    with watching(options, port, trace) as proxy:
        yield proxy


def wait_for_viewer() -> None:
    """Keeps the page until the user has seen enough."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        print("the page stays until you press Enter or Ctrl-C", flush=True)
        try:
            sys.stdin.readline()
        except KeyboardInterrupt:
            print()


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


def describe(port: int) -> None:
    """Asks the server for names and units, which obe watch takes from the reply."""
    command = b'{"command": "describe"}'
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection, connection.makefile("rb") as reply:
        connection.sendall(b"%010d" % len(command) + command)
        reply.read(int(reply.read(10)))


def fail(problem: str) -> int:
    print(f"demo: {problem}", file=sys.stderr)
    return 1


def run(options: argparse.Namespace) -> int:
    seed, log, trace = (
        ["--seed", str(options.seed)],
        options.output / "find_peak.csv",
        options.output / "find_peak.jsonl",
    )
    trace.unlink(missing_ok=True)
    server_command = [options.programs / "find_peak_server", "--port", "0", *seed]
    environment = dict(os.environ)
    if not options.watch:
        environment["OBE_TRACE"] = str(trace.resolve())
    server = subprocess.Popen(
        server_command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        port = read_port(server)
        if port is None:
            return fail("the server did not start")
        with watched(options, port, trace) as instrument_port:
            if instrument_port is None:
                return fail("obe watch did not start")
            describe(instrument_port)
            problem = measure(options, server, instrument_port, [*seed, "--compare", "--log", str(log), "--done"])
            if problem is not None:
                return fail(problem)
            status = draw(log, [options.output / "find_peak.png", options.output / "find_peak.svg"])
            if options.watch:
                wait_for_viewer()
            offer_page(options, trace)
            return status
    finally:
        stop(server)
        if server.stdout is not None:
            server.stdout.close()


def measure(options: argparse.Namespace, server: subprocess.Popen[str], port: int, arguments: list[str]) -> str | None:
    """Runs the instrument, until the server has ended, too. Returns what went wrong."""
    command = [str(options.programs / "find_peak_instrument"), "--port", str(port), *arguments]
    if options.watch:
        command += ["--dwell", WATCHED]
    elif sys.stdout.isatty():
        command += ["--dwell", "5"]  # so that a viewer can follow
    instrument = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True)
    try:
        started = time.monotonic()
        status = instrument.wait(TIMEOUT)
        seconds = time.monotonic() - started
    except subprocess.TimeoutExpired:
        return "the instrument did not end in time"
    finally:
        stop(instrument)
    if status != 0:
        return f"the instrument failed with status {status}"
    print(f"done in {seconds:.1f} s", flush=True)
    # The instrument has sent done, so the server ends by itself.
    try:
        status = server.wait(10)
    except subprocess.TimeoutExpired:
        return "the server did not end in time"
    return f"the server failed with status {status}" if status != 0 else None


def offer_page(options: argparse.Namespace, trace: Path) -> None:
    """Prints the command that shows the run in the browser."""
    obe = options.programs / "obe"
    command = shlex.join([shown(obe), "watch", shown(trace)])
    if not obe.exists():
        command = f"make obe && {command}"
    print(f"to see the run in the browser:     {command}")
    if not options.watch:
        print("to watch it while it is measured:  make demo WATCH=1")
    print("your own experiment, as a formula:  obe design FILE, see docs/how-to/design-an-experiment.md")
    print("a model that is code:              examples/find_peak/server.cpp")


def shown(path: Path) -> str:
    """A path for the user's shell, relative if it is below the current directory."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


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
    sys.exit(128 + number)  # unwinds, so that all programs are stopped


def main() -> int:
    parser = argparse.ArgumentParser(description="A server in C++ and an instrument in C find a dip.")
    parser.add_argument("--programs", type=Path, default=BUILD, help="where both are (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=BUILD, help="for log and figures (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=5, help="seed of the dip and the noise (default: %(default)s)")
    parser.add_argument("--watch", action="store_true", help="show the run in the browser while it is measured")
    parser.add_argument("--no-open", action="store_true", help="with --watch: only print the address of the page")
    options = parser.parse_args()
    for name in ["find_peak_server", "find_peak_instrument"] + ["obe"] * options.watch:
        if not (options.programs / name).is_file():
            return fail(f"{options.programs / name} is missing; run make demo{' WATCH=1' * options.watch}")
    signal.signal(signal.SIGTERM, terminated)
    try:
        return run(options)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
