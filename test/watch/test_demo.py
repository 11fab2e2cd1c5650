"""The run of make demo, watched while it is measured."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from demo import LIMIT, build, demo
from page import Page, numbers
from watch import Start


def test_demo(obe: str, tmp_path: Path, start: Start, page: Page) -> None:
    """The page's numbers are those of the instrument's log."""
    log = tmp_path / "find_peak.csv"
    build(tmp_path)
    with demo(tmp_path, obe, start) as experiment:
        page.open(experiment.watch.url)
        assert experiment.measure(log).wait(LIMIT) == 0
        with log.open() as file:
            rounds = [row for row in csv.DictReader(file) if row["run"] == "designed"]
        page.until_measurements(len(rounds))
    facts, last = page.facts(), rounds[-1]
    for name in ("centre", "depth", "width"):
        mean, std = numbers(facts[name].removesuffix("GHz"))
        assert std == pytest.approx(float(last[f"{name}_std"]), rel=0.06)
        assert mean == pytest.approx(float(last[name]), abs=0.06 * std)
    for share in (0.02, 0.4, 0.98):
        n, x, y, _ = numbers(page.hover("Against number", share))
        measured = rounds[int(n) - 1]
        assert x == pytest.approx(float(measured["setting"]), rel=1e-5)
        assert y == pytest.approx(float(measured["signal"]), abs=1e-4)
        n, x = numbers(page.hover("Chosen frequency", share))
        assert x == pytest.approx(float(rounds[int(n) - 1]["setting"]), rel=1e-5)
        n, mean, std = numbers(page.hover("centre", share))
        assert std == pytest.approx(float(rounds[int(n) - 1]["centre_std"]), rel=0.06)
    assert facts["Connections"].endswith(" open")
    assert page.text("#subject") == "find_peak"
    assert page.text("#peers").startswith("127.0.0.1")
