"""The page says when the estimates cannot be trusted, and why."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import peer
from page import Page
from traces import Trace
from watch import Start

HEARD = """
window.heard = [];
const region = document.getElementById("trust-announcer");
new MutationObserver(() => window.heard.push(region.textContent)).observe(region, {childList: true});"""

LINE = """
noise = 0.1
[settings.x]
min = 0
max = 1
steps = 11
[parameters.height]
prior = "uniform"
min = 0
max = 1
[model]
y = "height + 0 * x"
"""


def test_warnings(tmp_path: Path, start: Start, page: Page) -> None:
    """They are shown while the server says so, for the run that it says it of, and announced once each."""
    trace = Trace(tmp_path / "run.jsonl")
    trace.newrun()
    trace.dip(3)
    page.open(start(trace.write()).url)
    page.until_measurements(3)
    assert not page.find("#trust").is_displayed()
    page.browser.execute_script(HEARD)

    def shows(heading: str, *warnings: str) -> bool:
        items = page.browser.execute_script(
            "return [...document.querySelectorAll('#trust li')].map((e) => e.textContent)"
        )
        return items == list(warnings) and page.text("#trust strong") == heading and page.find("#trust").is_displayed()

    for measurement, size in [(3, "2.5"), (4, "3.1e+2")]:
        trace.trust(False, f"The noise is {size} times as large.", "More particles are needed.")
        trace.write()
        heading = f"The estimates cannot be trusted. After measurement {measurement}:"
        said = f"The noise is {size} times as large.", "More particles are needed."
        page.until(
            lambda heading=heading, said=said: shows(heading, *said),
            f"the warnings after {measurement}",
        )
        trace.dip(1)
    trace.trust(True, "There are many settings.")
    trace.write()
    page.until(
        lambda: shows("The server says: After measurement 5:", "There are many settings."),
        "the note",
    )
    trace.trust(True)
    trace.write()
    page.until(lambda: not page.find("#trust").is_displayed(), "no warning")
    heard = page.browser.execute_script("return window.heard")
    assert heard == [
        "The estimates cannot be trusted. The noise is 2.5 times as large. More particles are needed.",
        "",
    ]

    trace.trust(False, "Of the first run.")
    trace.newrun()
    trace.dip(2)
    trace.write()
    page.until_measurements(2)
    assert not page.find("#trust").is_displayed()
    page.select("#run").select_by_value("1")
    page.until(
        lambda: shows("The estimates cannot be trusted. After measurement 5:", "Of the first run."),
        "the first run",
    )


def ask(port: int, command: dict[str, Any]) -> Any:
    return json.loads(peer.exchange(port, json.dumps(command).encode()))


def test_what_obe_design_records(obe: str, tmp_path: Path, start: Start, page: Page) -> None:
    """Data that no parameters explain, measured by an instrument that does not ask describe."""
    experiment, trace = tmp_path / "line.toml", tmp_path / "run.jsonl"
    experiment.write_text(LINE, encoding="utf-8")
    command = [obe, "design", experiment, ":0", "--record", trace]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as designer:
        try:
            assert designer.stderr is not None
            port = int(designer.stderr.readline().rpartition(":")[2])
            page.open(start(trace).url)
            for i in range(10):
                assert ask(port, {"command": "newdat", "x": 0.5, "y": 0.5 + i % 2}) == "OK"
                ask(port, {"command": "getmean"})
            page.until_measurements(10)
            page.until(
                lambda: "The estimates cannot be trusted." in page.text("#trust"),
                "the warning",
            )
            assert "No parameters were found that fit the data" in page.text("#trust")
            assert page.facts()["height"]
            assert page.facts()["Connections"].startswith("20")
        finally:
            designer.kill()
