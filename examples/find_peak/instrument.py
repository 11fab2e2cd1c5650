#!/usr/bin/env python3
"""An instrument in Python that lets an experiment-design server choose its settings.

The instrument is simulated: somewhere in its range lies a Lorentzian dip, which only `Sample.measure` knows, and each
measurement is noisy. The server (server.cpp, or any server of the OBE protocol with that model) proposes a setting,
the instrument measures there and reports, and after each round it asks for the estimate so far.

    python3 instrument.py --port 61981 --compare --plot

The exit status is 0 if the estimate agrees with the true centre, 1 after a failure, 2 for a wrong option and 3 if the
dip was not found.
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, Union

from libobe import DEFAULT_PORT, Client, Error

if TYPE_CHECKING:
    from plot import Figure

LOLIM, HILIM, STEPS = 1.5, 3.5, 200  # the settings, in GHz
PICKINESS = 4  # how strongly the best settings are preferred
NOISE = 0.005  # standard deviation of one measurement

Row = Mapping[str, Union[str, float]]  # of the log
Output = Callable[[Row], object]
COLUMNS = ["run", "round", "setting", "signal", "centre", "depth", "width", "centre_std", "depth_std", "width_std"]


class Sample:
    """The simulated instrument."""

    def __init__(self, seed: int, noise: float = NOISE) -> None:
        self.random = random.Random(seed)
        self.noise = noise
        self.centre = self.random.uniform(1.6, 3.4)
        self.depth = self.random.uniform(0.02, 0.08)
        self.width = self.random.uniform(0.02, 0.05)

    def measure(self, setting: float) -> float:
        u = (setting - self.centre) * 2 / self.width
        return 1 - self.depth / (u * u + 1) + self.random.gauss(0, self.noise)


class Result(NamedTuple):
    mean: list[float]  # centre, depth and width: the order of the server's model
    std: list[float]
    round_ms: float  # the median time of goodset and newdat together


def show_progress(name: str, count: int, rounds: int, mean: list[float], std: list[float]) -> None:
    """A growing bar on a terminal, occasional lines elsewhere."""
    done = 30 * count // rounds
    estimate = f"centre {mean[0]:.4f} +/- {std[0]:.4f} GHz"
    if sys.stdout.isatty():
        end = "\n" if count == rounds else ""
        print(f"\r{name:<8} {count:4}/{rounds} [{'#' * done:.<30}] {estimate}", end=end, flush=True)
    elif count % 50 == 0 or count == rounds:
        print(f"{name:<8} {count:4}/{rounds} {estimate}", flush=True)


def run(server: Client, sample: Sample, name: str, options: argparse.Namespace, outputs: list[Output]) -> Result:
    """Measure where the server proposes (designed), or at evenly spaced settings (even)."""
    rounds, times = options.rounds, []
    server.newrun(lolim=LOLIM, hilim=HILIM, steps=STEPS)
    for i in range(rounds):
        began = time.perf_counter()
        if name == "designed":
            setting = float(server.goodset(PICKINESS)[0])
        else:
            setting = LOLIM + (HILIM - LOLIM) * i / max(rounds - 1, 1)
        seconds = time.perf_counter() - began

        time.sleep(options.dwell / 1000)
        signal = sample.measure(setting)

        began = time.perf_counter()
        server.newdat(setting, signal, sample.noise)
        times.append(1e3 * (seconds + time.perf_counter() - began))

        mean, std = [float(v) for v in server.getmean()], [float(v) for v in server.getstd()]
        for output in outputs:
            output(dict(zip(COLUMNS, [name, i + 1, setting, signal, *mean, *std])))
        show_progress(name, i + 1, rounds, mean, std)
    return Result(mean, std, statistics.median(times))


def experiment(options: argparse.Namespace, figure: Figure | None) -> bool:
    """Run the whole experiment. Returns whether the dip was found."""
    sample = Sample(options.seed)
    outputs: list[Output] = [] if figure is None else [figure.add]
    with ExitStack() as stack:
        server = stack.enter_context(Client(options.address, options.port, timeout=10))
        if options.persistent:
            server.set_option("persistent", "1")
        if options.log is not None:
            log = csv.DictWriter(stack.enter_context(open(options.log, "w", encoding="utf-8", newline="")), COLUMNS)
            log.writeheader()
            outputs.append(log.writerow)
        for output in outputs:
            output({"run": "truth", "round": 0, "centre": sample.centre, "depth": sample.depth, "width": sample.width})
        server.wait_ready(30)
        designed = run(server, sample, "designed", options, outputs)
        even = run(server, sample, "even", options, outputs) if options.compare else None
        if options.done:
            server.done()
    if figure is not None:
        figure.save(options.plot)

    print(f"{'':16}{'centre (GHz)':19}{'depth':19}width (GHz)")
    print(f"{'truth':16}{sample.centre:<19.4f}{sample.depth:<19.4f}{sample.width:.4f}")
    for name, result in (("estimate", designed), ("evenly spaced", even)):
        if result is not None:
            print(f"{name:16}" + "  ".join(f"{m:.4f} +/- {s:.4f}" for m, s in zip(result.mean, result.std)))
    print(f"seed {options.seed}; a round of goodset and newdat took {designed.round_ms:.3f} ms (median)")
    return abs(designed.mean[0] - sample.centre) <= 4 * designed.std[0] < 4 * sample.width


def whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not from {low} to {high}")
        return value

    return read


def main() -> int:
    parser = argparse.ArgumentParser(description="A simulated instrument that lets a server choose its settings.")
    parser.add_argument("--address", default="", help="where the server runs (default: this computer)")
    parser.add_argument("--port", type=whole(1, 65535), default=DEFAULT_PORT, help="its port (default: %(default)s)")
    parser.add_argument("--rounds", type=whole(1, 1000000), default=200, help="measurements (default: %(default)s)")
    parser.add_argument("--dwell", type=whole(0, 1000000), default=0, help="duration of a measurement in milliseconds")
    parser.add_argument("--seed", type=whole(0, 2147483647), help="seed of the sample and the noise")
    parser.add_argument("--compare", action="store_true", help="measures once more, at evenly spaced settings")
    parser.add_argument("--log", help="writes each round to a file, for plot.py")
    parser.add_argument(
        "--plot", nargs="*", metavar="FILE", help="draws, also to files (default: find_peak.png and find_peak.svg)"
    )
    parser.add_argument("--persistent", action="store_true", help="keeps the connection; not for servers in Python")
    parser.add_argument("--done", action="store_true", help="ends the server afterwards")
    options = parser.parse_args()
    if not 1 <= options.port <= 65535:
        parser.error(f"argument --port: {options.port} is not from 1 to 65535")
    if options.seed is None:
        options.seed = random.randrange(2147483648)
    figure = None
    if options.plot is not None:
        options.plot = options.plot or ["find_peak.png", "find_peak.svg"]
        try:
            from plot import Figure
        except ImportError as missing:
            print(f"instrument: --plot: {missing} (python3 -m pip install matplotlib)", file=sys.stderr)
            return 1
        figure = Figure(live=True)
    try:
        found = experiment(options, figure)
    except (Error, OSError, ImportError) as problem:
        print(f"instrument: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if not found:
        print("instrument: the dip was not found", file=sys.stderr)
    if figure is not None:
        figure.stay()
    return 0 if found else 3


if __name__ == "__main__":
    sys.exit(main())
