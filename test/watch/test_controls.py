"""What a reader can do with the page: zoom, save, choose the colours."""

from __future__ import annotations

import csv
import struct
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from selenium.webdriver.common.action_chains import ActionChains

from page import Page, numbers
from traces import Trace
from watch import Start


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    trace = Trace(tmp_path / "run.jsonl")
    trace.describe()
    trace.newrun()
    trace.dip(200)
    trace.write()
    return trace


@pytest.fixture
def shown(trace: Trace, start: Start, page: Page) -> Page:
    page.open(start(trace.path).url)
    page.until_measurements(200)
    return page


def span(page: Page) -> tuple[float, float]:
    """The first and the last number that the charts show."""
    return numbers(page.hover("Against number", 0.01))[0], numbers(page.hover("Against number", 0.99))[0]


def range_of(page: Page) -> tuple[str | None, str | None]:
    return page.find("#from").get_attribute("value"), page.find("#to").get_attribute("value")


def test_zoom_by_drag(shown: Page) -> None:
    assert span(shown) == (1, 200)
    assert not shown.find("#reset").is_enabled()
    shown.drag("centre", 0.25, 0.5)
    first, last = shown.until(lambda: all(range_of(shown)) and range_of(shown), "the range")
    assert first is not None
    assert last is not None
    assert 45 <= int(first) <= 55
    assert 95 <= int(last) <= 105
    shown.until(lambda: span(shown) == (int(first), int(last)), "the measurements of the range")
    assert shown.measurements() == 200
    shown.find("#reset").click()
    shown.until(lambda: span(shown) == (1, 200), "all measurements")
    assert range_of(shown) == ("", "")


def test_double_click_shows_all(shown: Page) -> None:
    shown.drag("Uncertainty", 0.1, 0.3)
    shown.until(lambda: range_of(shown)[0], "the range")
    ActionChains(shown.browser).double_click(shown.surface("Uncertainty")).perform()
    shown.until(lambda: span(shown) == (1, 200), "all measurements")


def test_zoom_along_the_setting(shown: Page, trace: Trace) -> None:
    shown.drag("Against frequency", 0.4, 0.6)
    shown.until(lambda: shown.find("#reset").is_enabled(), "the zoom")
    low, high = (numbers(shown.hover("Against frequency", share))[1] for share in (0.01, 0.99))
    assert 2.85 < low < high < 2.9
    assert range_of(shown) == ("", "")
    shown.find("#reset").click()
    low, high = (numbers(shown.hover("Against frequency", share))[1] for share in (0.01, 0.99))
    frequencies = [x for (x,) in trace.runs[0].x]
    assert [low, high] == pytest.approx([min(frequencies), max(frequencies)], rel=1e-5)


def test_zoom_by_keys(shown: Page) -> None:
    plot = shown.chart("depth").find_element("css selector", ".plot")
    plot.send_keys("+")
    shown.until(lambda: range_of(shown)[0], "the range")
    begin = int(range_of(shown)[0] or 0)
    shown.until(lambda: span(shown)[0] == begin, "the measurements of the range")
    plot.send_keys("\ue014")  # the right arrow
    shown.until(lambda: int(range_of(shown)[0] or 0) > begin, "a later range")
    plot.send_keys("0")
    shown.until(lambda: span(shown) == (1, 200), "all measurements")


def test_zoom_while_paused(shown: Page) -> None:
    shown.find("#pause").click()
    shown.find("#from").send_keys("11")
    shown.find("#to").send_keys("20\n")
    shown.until(lambda: span(shown) == (11, 20), "the range")
    assert shown.text("#state-text") == "Paused"


def test_csv(shown: Page, trace: Trace) -> None:
    saved = shown.download(shown.find("#csv"), "*.csv")
    with saved.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    run = trace.runs[0]
    assert len(rows) == 201
    for row, x, y in zip(rows[1:], run.x, run.y):
        assert {x[0], y[0], 0.005} <= {float(cell) for cell in row if cell.replace(".", "").replace("e-", "").isdigit()}


def test_png(shown: Page) -> None:
    """A picture of the chart, with dots of its colour."""
    saved = shown.download(shown.chart("Against frequency").find_element("tag name", "button"), "*.png")
    content = saved.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    canvas = shown.chart("Against frequency").find_element("tag name", "canvas").size
    assert width > canvas["width"]
    assert height > canvas["height"] + 40  # title and footer
    pixels = np.round(imread(saved)[:, :, :3] * 255)
    blue = np.abs(pixels - (0x0A, 0x5C, 0xB8)).sum(axis=2) < 12
    assert blue.sum() > 1000
    assert (pixels[0, 0] == 255).all()


def background(page: Page) -> str:
    return str(page.browser.execute_script("return getComputedStyle(document.body).backgroundColor"))


def test_dark_and_light(shown: Page) -> None:
    """As the system has it, unless the reader chooses; the choice is kept."""
    light = background(shown)
    shown.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    dark = shown.until(lambda: background(shown) if background(shown) != light else "", "dark colours")
    shown.select("#theme").select_by_value("light")
    assert background(shown) == light
    shown.browser.refresh()
    shown.until_measurements(200)
    assert background(shown) == light
    shown.select("#theme").select_by_value("dark")
    assert background(shown) == dark
    shown.select("#theme").select_by_value("system")
    assert background(shown) == dark


@pytest.mark.parametrize("width", [320, 390, 768, 1440, 3840])
def test_any_width(shown: Page, width: int) -> None:
    """Nothing needs to be scrolled sideways."""
    shown.resize(width, 900)
    fits = "return document.documentElement.scrollWidth <= innerWidth"
    shown.until(lambda: shown.browser.execute_script(fits), "the width")
    script = "const r = arguments[0].getBoundingClientRect(); return r.left >= 0 && r.right <= innerWidth"
    for canvas in shown.browser.find_elements("tag name", "canvas"):
        shown.until(lambda canvas=canvas: shown.browser.execute_script(script, canvas), "the charts in the window")
