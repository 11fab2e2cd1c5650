"""The page can be used without a mouse, and without seeing it."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from page import Page
from traces import Trace
from watch import Start

REPORT = """
const done = arguments[0];
axe.run(document, {resultTypes: ["violations"]}).then(
    ({violations}) => done(violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target).join(", ")}`)),
    (error) => done([String(error)]));
"""


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    return Trace(tmp_path / "run.jsonl")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_no_violations(trace: Trace, start: Start, page: Page, axe: str, theme: str, width: int) -> None:
    """Names, roles, contrast: what axe-core finds, before the run, in it, paused and with an error."""
    watch = start(trace.write())
    page.resize(width, 900)
    page.open(watch.url)
    page.select("#theme").select_by_value(theme)
    page.browser.execute_script(axe)
    assert page.browser.execute_async_script(REPORT) == []
    trace.describe()
    trace.newrun()
    trace.dip(20)
    trace.trust(False, "No parameters fit.", "More particles are needed.")
    trace.fail("the setting 2.99 is outside")
    trace.write()
    page.until_measurements(20)
    page.until(lambda: page.find("#trust").is_displayed(), "the warnings")
    page.find("#pause").click()
    page.browser.execute_script("document.getElementById('from').value = 3")
    assert page.browser.execute_async_script(REPORT) == []


def test_keyboard_reaches_everything(trace: Trace, start: Start, page: Page) -> None:
    """Each control has the focus once, in the order of the page, and shows it."""
    trace.describe()
    trace.newrun()
    trace.dip(20)
    page.open(start(trace.write()).url)
    page.until_measurements(20)
    script = """
        const at = document.activeElement;
        const style = getComputedStyle(at);
        const chart = at.closest("figure")?.querySelector("h3").textContent ?? "";
        return [at.id || at.className || at.textContent, chart, style.outlineStyle]"""
    reached = []
    for _ in range(60):
        ActionChains(page.browser).send_keys("\ue004").perform()
        name, chart, outline = page.browser.execute_script(script)
        if page.browser.execute_script("return document.activeElement === document.body"):
            break
        assert outline != "none", f"{name} does not show that it has the focus"
        reached.append((name, chart))
    names = [name for name, _ in reached]
    controls = ["skip", "run", "from", "to", "Show", "pause", "csv", "theme"]
    assert [name for name in names if name in controls] == controls
    for title in page.titles():
        assert ("PNG", title) in reached
        assert ("plot", title) in reached
    assert names[-1] == "licences"
    assert len(set(reached)) == len(reached)


def test_frames_are_not_announced(trace: Trace, start: Start, page: Page) -> None:
    """A screen reader hears of the state and of errors, not of each measurement."""
    trace.newrun()
    trace.dip(3)
    page.open(start(trace.write()).url)
    page.until_measurements(3)
    page.browser.execute_script("""
        window.heard = [];
        const all = {childList: true, characterData: true, subtree: true};
        for (const region of document.querySelectorAll("[aria-live], [role=status], [role=alert]"))
            new MutationObserver(() => window.heard.push(region.textContent)).observe(region, all);""")
    trace.dip(10)
    trace.write()
    page.until_measurements(13)
    assert page.browser.execute_script("return window.heard") == []
    trace.fail("out of range")
    trace.write()
    page.until(lambda: page.facts()["Errors"] == "1", "the error")
    assert page.browser.execute_script("return window.heard") == ["Error: goodset: out of range"]
