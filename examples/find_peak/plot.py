#!/usr/bin/env python3
"""Draws the log of an instrument: the measurements, their settings, and the uncertainty of the centre after each.

    python3 plot.py find_peak.csv find_peak.png find_peak.svg
    python3 plot.py --live - find_peak.png    # draws a log while it arrives on standard input

`instrument --plot` runs it in this way. instrument.py uses its class Figure. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot

RUNS = {"designed": ("chosen by the server", "C0"), "even": ("evenly spaced", "C1")}
FRAME = 0.2  # seconds between two drawings of a live plot; at least as long as one drawing lasts


def dip(setting: Any, centre: float, depth: float, width: float) -> Any:
    return 1 - depth / (((setting - centre) * 2 / width) ** 2 + 1)


class Figure:
    """A figure that grows with the rows of a log."""

    def __init__(self, live: bool = False) -> None:
        if not live:
            matplotlib.use("agg")  # draws to files, and needs no screen
        matplotlib.rcParams.update({"svg.hashsalt": "find_peak", "font.size": 9, "axes.titlesize": 9})
        self.rows: dict[str, list[dict[str, float]]] = {name: [] for name in RUNS}
        self.truth: dict[str, float] = {}
        self.figure, axes = pyplot.subplots(2, 2, figsize=(9.0, 6.0), layout="constrained")
        axes[0, 1].sharex(axes[0, 0])
        axes[0, 1].sharey(axes[0, 0])
        self.data, (self.settings, self.errors) = dict(zip(RUNS, axes[0])), axes[1]
        # Without a screen matplotlib can only draw to files.
        self.live = live and getattr(self.figure.canvas, "required_interactive_framework", None) is not None
        self.next = 0.0

    def add(self, row: Mapping[str, str | float]) -> None:
        numbers = {name: float(value) for name, value in row.items() if name != "run" and value != ""}
        if row["run"] == "truth":
            self.truth = numbers
        else:
            self.rows[str(row["run"])].append(numbers)
        began = time.monotonic()
        if self.live and began > self.next:
            self.draw()
            pyplot.pause(0.001)  # shows it
            self.next = time.monotonic() + max(FRAME, time.monotonic() - began)

    def column(self, run: str, name: str) -> np.ndarray[Any, Any]:
        return np.array([row[name] for row in self.rows[run]])

    def draw(self) -> None:
        for axes in (*self.data.values(), self.settings, self.errors):
            axes.clear()
        self.errors.set(xscale="log", yscale="log", xlabel="round", ylabel="centre (MHz)")
        least = np.inf
        for run, (label, colour) in RUNS.items():
            if self.rows[run]:
                self.draw_data(run)
                rounds, std = self.column(run, "round"), 1e3 * self.column(run, "centre_std")
                error = 1e3 * np.abs(self.column(run, "centre") - self.truth["centre"])
                self.settings.plot(rounds, self.column(run, "setting"), ".", ms=3, color=colour, label=label)
                self.settings.legend(markerscale=3)
                self.errors.plot(rounds, std, color=colour)
                self.errors.plot(rounds, error, color=colour, lw=0.6, alpha=0.8)
                least = min(least, std.min())
                self.errors.set_ylim(bottom=least / 10)
        if self.truth:
            self.settings.axhline(self.truth["centre"], color="0.5", lw=0.6, zorder=0)
        self.settings.set(title="Where each measurement was made", xlabel="round", ylabel="setting (GHz)")
        self.errors.set_title("Uncertainty (thick) and true error (thin) of the centre")

    def draw_data(self, run: str) -> None:
        label, colour = RUNS[run]
        axes, settings, last = self.data[run], self.column(run, "setting"), self.rows[run][-1]
        shape = [last[name] for name in ("centre", "depth", "width")]
        near = shape[0] + shape[2] * np.linspace(-5, 5, 201)
        curve = np.sort(np.concatenate([np.linspace(settings.min(), settings.max(), 201), near]))
        axes.plot(settings, self.column(run, "signal"), ".", ms=3, color=colour)
        axes.plot(curve, dip(curve, *shape), color="0.2", lw=0.8)
        axes.set(xlabel="setting (GHz)", ylabel="signal")
        found = f"centre {last['centre']:.4f} ± {last['centre_std']:.4f} GHz"
        axes.set_title(f"{len(settings)} settings {label}: {found}", color=colour)

    def save(self, paths: Iterable[str | Path]) -> None:
        self.draw()
        for path in paths:
            # Without the date the same log results in the same file.
            metadata = {"Date": None} if Path(path).suffix == ".svg" else None
            self.figure.savefig(path, dpi=120, metadata=metadata)

    def stay(self) -> None:
        """Keep a live figure on the screen until its window is closed."""
        if self.live:
            pyplot.show()


def main() -> None:
    parser = argparse.ArgumentParser(description="Draws the log of an instrument.")
    parser.add_argument("log", help="a log of the instrument; - is standard input")
    parser.add_argument("figures", nargs="*", help="files to draw to, such as find_peak.png")
    parser.add_argument("--live", action="store_true", help="draws on the screen while the log is read")
    options = parser.parse_args()
    figure = Figure(options.live)
    with sys.stdin if options.log == "-" else open(options.log, encoding="utf-8") as log:
        for row in csv.DictReader(iter(log.readline, "")):  # line by line, as they come
            figure.add(row)
    figure.save(options.figures)
    figure.stay()


if __name__ == "__main__":
    main()
