"""The page as a reader sees it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

PATIENCE = 30.0  # seconds until the page has to show something
T = TypeVar("T")


class Page:
    """A tab of the browser."""

    def __init__(self, browser: webdriver.Chrome, downloads: Path) -> None:
        self.browser = browser
        self.downloads = downloads
        self.may_be_lost = False  # the test ends the server
        downloads.mkdir()
        self.command("Page.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
        self.resize(1440, 900)

    def command(self, name: str, **parameters: object) -> dict[str, object]:
        answer: dict[str, object] = self.browser.execute_cdp_cmd(name, parameters)
        return answer

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **size)

    def open(self, url: str) -> None:
        self.browser.get(url)
        self.until(lambda: self.text("#state-text") != "Connecting", "the first frame")

    def until(self, shown: Callable[[], T], what: str, timeout: float = PATIENCE) -> T:
        """Wait until something is true, looking many times a second."""
        end = time.monotonic() + timeout
        while True:
            try:
                value = shown()
            except StaleElementReferenceException:
                value = None  # type: ignore[assignment]
            if value:
                return value
            assert time.monotonic() < end, f"the page does not show {what}: {self.facts()}, {self.text('#state-text')}"
            time.sleep(0.03)

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return str(self.browser.execute_script("return document.querySelector(arguments[0]).textContent", selector))

    def facts(self) -> dict[str, str]:
        """The numbers at the top, with their units."""
        script = """return Object.fromEntries([...document.querySelectorAll("#facts > div")].map(
            (fact) => [fact.children[0].textContent, fact.children[1].textContent]))"""
        return {str(name): str(text) for name, text in self.browser.execute_script(script).items()}

    def measurements(self) -> int:
        return int(re.sub(r"\D", "", self.facts().get("Measurements", "0")))

    def until_measurements(self, count: int, timeout: float = PATIENCE) -> None:
        self.until(lambda: self.measurements() == count, f"{count} measurements", timeout)

    def titles(self) -> list[str]:
        """The titles of the charts."""
        script = 'return [...document.querySelectorAll("figure h3")].map((title) => title.textContent)'
        return list(self.browser.execute_script(script))

    def chart(self, title: str) -> WebElement:
        """The panel of a chart."""
        (found,) = (f for f in self.browser.find_elements(By.TAG_NAME, "figure") if self.title_of(f) == title)
        return found

    def title_of(self, figure: WebElement) -> str:
        return str(self.browser.execute_script("return arguments[0].querySelector('h3').textContent", figure))

    def surface(self, title: str) -> WebElement:
        """Where the data of a chart are."""
        surface = self.chart(title).find_element(By.CSS_SELECTOR, ".u-over")
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", surface)
        return surface

    def hover(self, title: str, share: float) -> str:
        """What the page says of the point at this share of the width of a chart."""
        surface = self.surface(title)
        offset = round((share - 0.5) * (surface.size["width"] - 2))
        ActionChains(self.browser, duration=20).move_to_element_with_offset(surface, offset, 0).perform()
        return self.chart(title).find_element(By.CSS_SELECTOR, ".value").text

    def drag(self, title: str, begin: float, end: float) -> None:
        """Drag across a chart, from one share of its width to another."""
        surface = self.surface(title)
        width = surface.size["width"]
        chain = ActionChains(self.browser, duration=60)
        chain.move_to_element_with_offset(surface, round((begin - 0.5) * width), 0).click_and_hold()
        for _ in range(2):
            chain.move_by_offset(round((end - begin) * width / 2), 3)
        chain.release().perform()

    def select(self, selector: str) -> Select:
        return Select(self.find(selector))

    def download(self, click: WebElement, pattern: str) -> Path:
        """Click, and return the file that is saved."""
        click.click()

        def saved() -> list[Path]:
            return [path for path in self.downloads.glob(pattern) if path.stat().st_size > 0]

        return self.until(saved, f"a file {pattern}")[0]


def numbers(text: str) -> list[float]:
    """The numbers in a text of the page."""
    plain = text.replace("\u2212", "-").replace("\u2009", "")
    return [float(number) for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?", plain)]
