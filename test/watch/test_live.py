"""The page follows a run that goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from page import Page, numbers
from traces import Trace
from watch import Start, wait

# The longest time between two animation frames, while the page draws.
LONGEST_GAP = """
const [seconds, done] = [arguments[0], arguments[1]];
const began = performance.now();
let last = began, longest = 0, count = 0;
requestAnimationFrame(function look() {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    count++;
    if (now - began < seconds * 1000) requestAnimationFrame(look);
    else done([longest, count]);
});
"""


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    return Trace(tmp_path / "run.jsonl")


def test_grows(trace: Trace, start: Start, page: Page) -> None:
    """From an empty file to two runs, without a reload."""
    trace.path.touch()
    page.open(start(trace.path).url)
    assert page.text("#state-text") == "Waiting"
    assert "Waiting for the first message" in page.find("#empty").text
    assert not page.find("#charts").is_displayed()
    page.browser.execute_script("window.isSamePage = true")
    trace.newrun()
    trace.dip(5)
    trace.write()
    page.until_measurements(5)
    assert page.text("#state-text") == "Live"
    assert not page.find("#empty").is_displayed()
    assert page.find("#charts").is_displayed()
    trace.dip(7)
    trace.fail("the setting 2.99 is outside of 2.8 to 2.95")
    trace.write()
    page.until_measurements(12)
    page.until(lambda: page.facts()["Errors"] == "1", "the error")
    assert "the setting 2.99 is outside" in page.text("#error-text")
    assert "the setting 2.99 is outside" in page.text("#error-announcer")
    assert numbers(page.hover("Against number", 0.99))[0] == 12
    trace.newrun()
    trace.dip(3)
    trace.write()
    page.until_measurements(3)
    assert page.browser.execute_script("return window.isSamePage")


def test_runs(trace: Trace, start: Start, page: Page) -> None:
    """The latest run is shown until another one is chosen."""
    for count in (4, 6):
        trace.newrun()
        trace.dip(count, seed=count)
    page.open(start(trace.write()).url)
    page.until_measurements(6)
    chooser = page.select("#run")
    assert [option.get_attribute("value") for option in chooser.options] == ["0", "2", "1"]
    chooser.select_by_value("1")
    page.until_measurements(4)
    x, y = trace.runs[0].x[0][0], trace.runs[0].y[0][0]
    shown = numbers(page.hover("Against number", 0.01))
    assert shown[:3] == [1, pytest.approx(x, rel=1e-5), pytest.approx(y, abs=1e-4)]
    trace.newrun()
    trace.dip(9)
    trace.write()
    page.until(lambda: len(page.select("#run").options) == 4, "the third run")
    assert page.measurements() == 4
    page.select("#run").select_by_value("0")
    page.until_measurements(9)


def test_pause(trace: Trace, start: Start, page: Page) -> None:
    trace.newrun()
    trace.dip(4)
    watch = start(trace.write())
    page.open(watch.url)
    page.until_measurements(4)
    page.find("#pause").click()
    assert page.text("#state-text") == "Paused"
    assert page.find("#pause").get_attribute("aria-pressed") == "true"
    trace.dip(4)
    trace.write()
    page.until(lambda: watch.snapshot()["run"]["measurements"] == 8, "the new measurements")
    # A frame that came while it is paused is not drawn, but one that the reader asks for is.
    assert page.measurements() == 4
    page.find("#pause").click()
    page.until_measurements(8)
    assert page.text("#state-text") == "Live"
    page.find("body").send_keys(" ")
    page.until(lambda: page.text("#state-text") == "Paused", "the pause by a key")


def test_lost_server(trace: Trace, start: Start, page: Page) -> None:
    """The page says that the server is gone, and continues when it is back."""
    page.may_be_lost = True
    trace.newrun()
    trace.dip(4)
    watch = start(trace.write())
    page.open(watch.url)
    page.until_measurements(4)
    page.browser.execute_script("window.isSamePage = true")
    watch.kill()
    page.until(lambda: page.text("#state-text") == "Connection lost", "the lost connection")
    assert "The connection to obe is lost" in page.text("#banner")
    assert page.text("#announcer") == "Connection lost"
    assert page.measurements() == 4
    trace.dip(2)
    start("--page", f"127.0.0.1:{watch.port}", trace.write())
    page.until_measurements(6)
    assert page.text("#state-text") == "Live"
    assert not page.find("#banner").is_displayed()
    assert page.browser.execute_script("return window.isSamePage")


def test_lost_server_that_returns_without_the_run(trace: Trace, start: Start, page: Page) -> None:
    """The page shows the latest run then."""
    page.may_be_lost = True
    for count in (4, 6):
        trace.newrun()
        trace.dip(count)
    watch = start(trace.write())
    page.open(watch.url)
    page.until_measurements(6)
    page.select("#run").select_by_value("2")
    watch.kill()
    other = Trace(trace.path.with_name("other.jsonl"))
    other.newrun()
    other.dip(3)
    start("--page", f"127.0.0.1:{watch.port}", other.write())
    page.until_measurements(3)
    assert page.text("#state-text") == "Live"


# Counts the frames that arrive, and those that are drawn.
COUNT_ARRIVALS = """
window.arrived = window.drawn = 0;
window.EventSource = class extends EventSource {
    constructor(...given) {
        super(...given);
        this.addEventListener("message", () => window.arrived++);
    }
};"""
COUNT_DRAWN = """
const all = {childList: true, characterData: true, subtree: true};
new MutationObserver(() => window.drawn++).observe(document.getElementById("facts"), all);
window.arrived = 0;"""


def test_slow_browser(trace: Trace, start: Start, page: Page) -> None:
    """One that needs longer to draw a frame than the next one takes to come leaves frames out."""
    trace.describe({"parameters": [{"name": f"p {i}"} for i in range(24)]})
    trace.newrun()
    page.command("Page.addScriptToEvaluateOnNewDocument", source=COUNT_ARRIVALS)
    page.open(start(trace.write()).url)
    page.browser.execute_script(COUNT_DRAWN)
    page.command("Emulation.setCPUThrottlingRate", rate=20)
    end = time.monotonic() + 6
    while time.monotonic() < end:
        for _ in range(20):
            n = float(len(trace.runs[0].x) + 1)
            trace.measure([n], [n + k for k in range(12)], [1.0] * 12)
            trace.estimate([n] * 24, [1 / n] * 24)
        trace.write()
        wait(0.1, end)
    page.until_measurements(len(trace.runs[0].x))
    arrived, drawn = page.browser.execute_script("return [window.arrived, window.drawn]")
    page.command("Emulation.setCPUThrottlingRate", rate=1)
    print(f"{arrived} frames, {drawn} of them drawn")
    assert 0 < drawn < 0.8 * arrived


def test_thousand_measurements_a_second(trace: Trace, start: Start, page: Page) -> None:
    """For WATCH_SECONDS: the page answers, and the server takes less than a fifth of a core."""
    seconds = float(os.environ.get("WATCH_SECONDS", "6"))
    trace.newrun()
    watch = start(trace.write())
    page.open(watch.url)
    begin, cpu = time.monotonic(), watch.cpu()
    end, sent, rate = begin + seconds, 0, 0.0
    look = f"(function() {{ {LONGEST_GAP} }})({seconds - 1}, done)"
    page.browser.execute_script(f"window.gap = new Promise((done) => {{ {look} }})")
    while time.monotonic() < end:
        due = int((time.monotonic() - begin) * 1000) - sent
        for i in range(sent, sent + due):
            trace.measure([2.8 + i % 150 / 1000], [float(i % 97)], [1.0])
        sent += due
        trace.write()
        if not rate and time.monotonic() > end - 2:
            rate = numbers(page.facts()["Rate"].removesuffix("/s"))[0]
        wait(0.02, end)
    elapsed = time.monotonic() - begin
    share = (watch.cpu() - cpu) / elapsed
    longest, frames = page.browser.execute_script("return window.gap")
    page.until_measurements(sent)
    drawn = f"{frames / (seconds - 1):.0f} animation frames/s, the longest took {longest:.0f} ms"
    print(f"{sent} measurements in {elapsed:.1f} s; the server took {100 * share:.1f} % of a core; {drawn}")
    assert sent > 900 * seconds
    assert share < 0.2
    assert longest < 1000  # ms, on a machine that does other things too
    assert 500 < rate < 1500
