"""Not a test: writes the pictures of the page in docs/images, of the experiment of make demo.

After make: $(test/venv test) -m pytest -p no:cacheprovider test/watch/screenshot.py
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from demo import LIMIT, ROOT, build, demo
from page import Page
from watch import Start

IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1600, 1000
COLOURS = 96
LARGEST = 150_000  # bytes


def test_screenshot(obe: str, tmp_path: Path, start: Start, page: Page) -> None:
    build(tmp_path)
    page.resize(WIDTH, HEIGHT)
    page.command("Emulation.setScrollbarsHidden", hidden=True)
    IMAGES.mkdir(exist_ok=True)
    with demo(tmp_path, obe, start) as experiment:
        page.open(experiment.watch.url)
        instrument = experiment.measure(tmp_path / "find_peak.csv", "--dwell", "60")
        try:
            page.until(lambda: page.measurements() >= 140, "the run", LIMIT)
            for theme, name in (("light", "watch.png"), ("dark", "watch-dark.png")):
                page.select("#theme").select_by_value(theme)
                page.find("body").click()  # so that no control has the focus
                save(page, IMAGES / name)
        finally:
            instrument.kill()
            instrument.wait()


def save(page: Page, path: Path) -> None:
    """The window, with few colours, so that it is small."""
    shown = page.command("Page.captureScreenshot", format="png")
    picture = Image.open(io.BytesIO(base64.b64decode(str(shown["data"])))).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    assert path.stat().st_size < LARGEST
