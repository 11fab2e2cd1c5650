"""The page shows the numbers of a run: those of the trace, and those of the snapshot."""

from __future__ import annotations

from pathlib import Path

import pytest

from page import Page, numbers
from traces import Trace
from watch import Start


def rounded(text: str, *exact: float) -> bool:
    """Whether the numbers of a text are these, to the digits that it has."""
    shown = numbers(text)
    last_digit = 10.0 ** -len(text.replace("\u2009", "").partition(".")[2].split(" ")[0])
    return len(shown) == len(exact) and all(abs(a - b) <= 0.51 * last_digit for a, b in zip(shown, exact))


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    trace = Trace(tmp_path / "run.jsonl")
    trace.describe()
    trace.newrun()
    return trace


def test_run(trace: Trace, start: Start, page: Page) -> None:
    """Facts, names, units and points of 200 measurements, against the trace itself."""
    run = trace.dip(200)
    watch = start(trace.write())
    page.open(watch.url)
    page.until_measurements(200)
    facts = page.facts()
    for k, (name, unit) in enumerate((("centre", "GHz"), ("depth", ""), ("width", "GHz"))):
        assert facts[name].endswith(unit)
        assert rounded(facts[name].removesuffix(unit), run.mean[-1][k], run.std[-1][k]), facts[name]
    assert facts["Errors"] == "0"
    assert page.text("#title") == "run.jsonl"
    along = ["Against frequency", "Against number", "Chosen frequency"]
    assert page.titles() == [*along, "centre", "depth", "width", "Uncertainty"]
    assert page.text("#state-text") == "Live"
    latest = page.chart("Against number").text
    assert rounded(latest.split("last ")[1].split(" V")[0], run.y[-1][0], 0.005), latest

    frame = watch.snapshot()["run"]
    assert frame["points"]["number"] == list(range(1, 201))
    assert frame["points"]["settings"] == [[x[0] for x in run.x]]
    assert frame["points"]["values"] == [[y[0] for y in run.y]]
    assert frame["points"]["sigma"] == [[0.005] * 200]
    assert frame["estimates"]["mean"] == [list(column) for column in zip(*run.mean)]
    assert frame["estimates"]["std"] == [list(column) for column in zip(*run.std)]

    seen = set()
    for share in (0.05, 0.3, 0.5, 0.7, 0.95):
        for title in ("Against number", "Against frequency"):
            text = page.hover(title, share)  # no. 103 · frequency 2.83052 GHz · signal 0.9963 ± 0.0050 V
            n, x, y, s = numbers(text)
            assert x == pytest.approx(run.x[int(n) - 1][0], rel=1e-5), text
            assert y == pytest.approx(run.y[int(n) - 1][0], abs=1e-4), text
            assert s == 0.005, text
            seen.add((title, n))
        n, mean, std = numbers(page.hover("centre", share))
        assert mean == pytest.approx(run.mean[int(n) - 1][0], rel=2e-2)
        assert std == pytest.approx(run.std[int(n) - 1][0], rel=0.05)
        n, *deviations = numbers(page.hover("Uncertainty", share))
        assert deviations == pytest.approx(run.std[int(n) - 1], rel=0.05)
        n, x = numbers(page.hover("Chosen frequency", share))
        assert x == pytest.approx(run.x[int(n) - 1][0], rel=1e-5)
    assert len(seen) == 10


def test_without_names(tmp_path: Path, start: Start, page: Page) -> None:
    trace = Trace(tmp_path / "run.jsonl")
    trace.newrun()
    trace.measure([1.5], [2.5], [])
    page.open(start(trace.write()).url)
    page.until_measurements(1)
    assert page.titles()[:3] == ["Against x", "Against number", "Chosen x"]
    assert not page.find("#estimates-section").is_displayed()
    assert page.hover("Against number", 0.5) == "no. 1 · x 1.5 · y 2.5"


def test_several_settings(tmp_path: Path, start: Start, page: Page) -> None:
    trace = Trace(tmp_path / "run.jsonl")
    settings = [{"name": "frequency", "unit": "GHz"}, {"name": "detuning", "unit": "MHz"}]
    trace.describe({"settings": settings, "channels": [{"name": "a"}, {"name": "b"}]})
    trace.newrun()
    for i in range(30):
        trace.exchange({"command": "optset"}, [2.8 + i / 1000, -i])
        trace.measure([2.8 + i / 1000, -i], [float(i), 10.0 + i], [0.5, 0.25])
    page.open(start(trace.write()).url)
    page.until_measurements(30)
    assert "Against frequency" in page.titles()
    page.select("#knob").select_by_visible_text("detuning")
    assert "Against detuning" in page.titles()
    assert "Chosen detuning" in page.titles()
    legend = page.chart("Against number").find_elements("css selector", ".legend > span")
    assert [entry.text for entry in legend] == ["a", "b"]
    text = page.hover("Against detuning", 0.98)  # the largest detuning is that of the first measurement
    assert text.startswith("no. 1 · detuning 0 MHz · a 0.00 ± 0.50 · b 10.00 ± 0.25"), text


def test_numbers_that_are_not_finite(trace: Trace, start: Start, page: Page) -> None:
    """They leave a gap, and huge or tiny ones do not break the axes."""
    nan, infinity = float("nan"), float("inf")
    for x, y in ((2.8, nan), (2.81, infinity), (nan, 0.5), (2.82, 1e300), (2.83, -1e300), (2.84, 5e-324)):
        trace.measure([x], [y], [infinity])
        trace.estimate([y, 0.0, 1e-300], [nan, 0.0, 1e300])
    page.open(start(trace.write()).url)
    page.until_measurements(6)
    assert page.hover("Against number", 0.02).startswith("no. 1 · frequency 2.8 GHz · signal \u2013")
    assert page.facts()["depth"] == "0"


def test_hundred_thousand_points(trace: Trace, start: Start, page: Page) -> None:
    """They are decimated; a zoom shows each one."""
    for i in range(100_000):
        trace.measure([2.8 + (i * 7919 % 1000) / 1000], [float(i % 1000)], [1.0])
    run, watch = trace.runs[0], start(trace.write())
    page.open(watch.url)
    page.until_measurements(100_000)
    points = watch.snapshot()["run"]["points"]
    assert len(points["number"]) <= 2000
    assert (min(points["values"][0]), max(points["values"][0])) == (0, 999)
    page.find("#from").send_keys("50001")
    page.find("#to").send_keys("50100\n")
    page.until(lambda: 50_001 <= numbers(page.hover("Against number", 0.03))[0] <= 50_100, "the range")
    for share in (0.1, 0.5, 0.9):
        n, x, y, _ = numbers(page.hover("Against number", share))
        assert 50_001 <= n <= 50_100
        assert (x, y) == (pytest.approx(run.x[int(n) - 1][0]), run.y[int(n) - 1][0])
    assert watch.snapshot(**{"from": 50_001, "to": 50_100})["run"]["points"]["number"] == list(range(50_001, 50_101))
    assert page.measurements() == 100_000
