"""Texts from the wire are only texts."""

from __future__ import annotations

from pathlib import Path

from page import Page
from traces import Trace
from watch import Start

SCRIPT = '<img src=x onerror="window.isTaken=1"><script>window.isTaken=1</script>'


def test_hostile_texts(tmp_path: Path, start: Start, page: Page) -> None:
    """In names, units, titles, errors, and the name of the file."""
    trace = Trace(tmp_path / "<b onclick=alert(1)>run.jsonl")
    closing = "</title></select><script>window.isTaken=1</script>"
    texts = [SCRIPT, "A" * 5000, "\u202eright to left\u2066", "שלום עולם", "a\u0000b\nc", closing]
    names = [{"name": text, "unit": other} for text, other in zip(texts, texts[1:] + texts[:1])]
    described = {"title": SCRIPT, "settings": names, "channels": names, "parameters": names}
    trace.newrun()
    trace.describe({**described, "trusted": False, "warnings": texts})
    for i in range(5):
        trace.measure([float(i)] * 6, [float(i)] * 6, [0.1] * 6)
        trace.estimate([1.0] * 6, [0.1] * 6)
    trace.fail(SCRIPT)
    trace.fail(SCRIPT + "x" * 100_000)
    page.open(start(trace.write()).url)
    page.until_measurements(5)
    page.until(lambda: page.facts()["Errors"] == "2", "the errors")
    assert SCRIPT in page.text("#error-text")
    assert SCRIPT in page.text("#trust")
    assert page.text("#title") == trace.path.name
    for share in (0.1, 0.9):
        page.hover("Against number", share)
    for option in page.select("#knob").options:
        option.click()
    script = """return [window.isTaken, document.querySelectorAll("script").length,
        document.querySelectorAll("img, b").length, document.documentElement.scrollWidth <= innerWidth]"""
    assert page.browser.execute_script(script) == [None, 1, 0, True]
    text = page.browser.execute_script("return document.body.innerText")
    assert "\u202e" not in text


def test_strict_policy(tmp_path: Path, start: Start, page: Page) -> None:
    """The browser runs no script that is in the page, should one ever get there."""
    trace = Trace(tmp_path / "run.jsonl")
    page.open(start(trace.write()).url)
    page.browser.execute_script("""
        const script = document.createElement("script");
        script.textContent = "window.isTaken = 1";
        document.body.append(script);""")
    assert page.browser.execute_script("return window.isTaken") is None
    logged = page.browser.get_log("browser")
    assert len(logged) == 1
    assert "Content Security Policy" in logged[0]["message"]
