"""Runs whose numbers have no usual size, and a view that the next program does not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from page import Page
from traces import Trace
from watch import Start

LARGEST = 1.7976931348623157e308
LEAST = 5e-324
INF = float("inf")
NAN = float("nan")

RUNS = {
    "largest": [([LARGEST], [LARGEST], [LARGEST]), ([-LARGEST], [-LARGEST], [1.0]), ([0.0], [0.0], [0.0])],
    "large": [([1e300], [1e300], [1e299]), ([2e300], [1.5e300], [1e299])],
    "small": [([1e-300], [1e-300], [1e-301]), ([2e-300], [-1e-300], [1e-301])],
    "least": [([LEAST], [LEAST], [LEAST]), ([2 * LEAST], [-LEAST], [LEAST])],
    "equal": [([1e15], [1e15], [0.0])] * 3,
    "near": [([1.0], [1e15], [1.0]), ([1.0 + 2e-16], [1e15 + 0.125], [1.0]), ([1.0 + 4e-16], [1e15 + 0.25], [1.0])],
    "none": [([NAN], [NAN], [NAN]), ([INF], [-INF], [INF])],
    "one": [([2.0], [3.0], [0.5])],
    "empty": [([], [], []), ([], [], [])],
}


@pytest.mark.parametrize("kind", RUNS)
def test_numbers_of_any_size(kind: str, tmp_path: Path, start: Start, page: Page) -> None:
    """The page draws them without an error, and answers the reader."""
    trace = Trace(tmp_path / "run.jsonl")
    trace.newrun()
    for x, y, s in RUNS[kind]:
        trace.exchange({"command": "goodset"}, x)
        trace.measure(x, y, s)
        trace.estimate(y, s)
    page.open(start(trace.write()).url)
    page.until_measurements(len(RUNS[kind]))
    for title in page.titles():
        if page.chart(title).is_displayed():
            page.hover(title, 0.5)
    shown = page.browser.execute_script("return document.body.innerText")
    assert "NaN" not in shown
    assert "Infinity" not in shown
    assert "undefined" not in shown


def test_many_of_all(tmp_path: Path, start: Start, page: Page) -> None:
    """As many settings, values and parameters as a run can have."""
    trace = Trace(tmp_path / "run.jsonl")
    trace.newrun()
    for i in range(3):
        trace.exchange({"command": "goodset"}, [float(i)] * 20)
        trace.measure([float(i)] * 20, [float(i)] * 40, [0.1])
        trace.estimate([float(i)] * 30, [0.1 / (i + 1)] * 30)
    page.open(start(trace.write()).url)
    page.until_measurements(3)
    assert len(page.select("#knob").options) == 16
    assert "the first 12 of 24 parameters and the first 12 of 32 measured values" in page.text("#omitted")


def test_small_deviation(tmp_path: Path, start: Start, page: Page) -> None:
    """A deviation that has no digit beside its mean is not shown as zero."""
    trace = Trace(tmp_path / "run.jsonl")
    trace.newrun()
    trace.measure([1.0], [1.0], [0.5])
    trace.estimate([1.0], [2e-20])
    page.open(start(trace.write()).url)
    page.until(lambda: page.facts().get("parameter 1") == "1 ± 2e\u221220", "the deviation")


def test_view_that_is_gone(tmp_path: Path, start: Start, page: Page) -> None:
    """The range of a long run, and then another program with a short one at the same address."""
    page.may_be_lost = True
    trace = Trace(tmp_path / "run.jsonl")
    trace.newrun()
    trace.dip(200)
    first = start(trace.write())
    page.open(first.url)
    page.until_measurements(200)
    page.find("#from").send_keys("150")
    page.find("#range button").click()
    page.until(lambda: page.find("#reset").is_enabled(), "the range")
    first.kill()
    page.until(lambda: page.text("#state-text") == "Connection lost", "the loss")
    short = Trace(tmp_path / "short.jsonl")
    short.newrun()
    short.dip(3)
    start(short.write(), "--page", f":{first.port}")
    page.until_measurements(3)
    page.hover("Against number", 0.5)
    page.find("#reset").click()
    page.until(lambda: "no. " in page.hover("Against number", 0.5), "all measurements")
