"""Fixtures of the browser tests: the tool, a browser, and a page that no test leaves with an error."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "test"))

import tools  # noqa: E402
from page import Page  # noqa: E402
from watch import Start, Watch  # noqa: E402

BUILD = ROOT / os.environ.get("BUILD", "build")
HANGS = 600  # seconds after which a program that builds something hangs
DEADLINE = 120  # seconds for a test; those of the long tier add their own time


def ended(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)  # unwinds, so that the browser is closed


signal.signal(signal.SIGTERM, ended)


def out_of_time(number: int, frame: FrameType | None) -> None:
    raise TimeoutError("the test has not ended in time")


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """Each test ends, whatever the browser does."""
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(DEADLINE + int(os.environ.get("WATCH_SECONDS", "0")))
    yield
    signal.alarm(0)


def packages_of(directory: Path, into: Path) -> Path:
    """What npm installs for the package.json of a directory."""
    npm = tools.path("npm")
    into.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(directory / name, into)
    command = [npm, "ci", "--ignore-scripts", "--prefer-offline"]
    done = subprocess.run(command, cwd=into, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=HANGS)
    if done.returncode != 0:
        tools.missing(f"npm could not get the packages of {directory.relative_to(ROOT)}: {done.stderr[-300:]}")
    return into / "node_modules"


@pytest.fixture(scope="session")
def obe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tool, built from the sources, with the page."""
    build_page = str(ROOT / "packaging" / "page")
    if subprocess.run([build_page, "--ready"]).returncode != 0:
        tools.path("npm")
    environment = {**os.environ, "BUILD": str(BUILD)}
    done = subprocess.run([build_page], env=environment, capture_output=True, text=True, timeout=HANGS)
    if done.returncode != 0:
        tools.missing(done.stderr.strip())
    program = tmp_path_factory.mktemp("obe") / "obe"
    command = [os.environ.get("GO") or "go", "build", "-buildvcs=false", "-o", str(program), "./cmd/obe"]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "CGO_ENABLED": "0"}, timeout=HANGS)
    return str(program)


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which checks a page for accessibility."""
    return (packages_of(Path(__file__).parent, BUILD / "test-watch") / "axe-core" / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Chromium with a profile of its own, and no traffic but that of the page."""
    chromium, driver = tools.path("chromium"), tools.path("chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
        "--disable-default-apps",
        "--no-proxy-server",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    try:
        opened.set_page_load_timeout(30)
        opened.set_script_timeout(60)
        yield opened
    finally:
        opened.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Page]:
    """A page without errors in its console, that asks only the server it came from."""
    browser.switch_to.new_window("tab")
    opened = Page(browser, tmp_path / "downloads")
    yield opened
    logged, requests = browser.get_log("browser"), browser.get_log("performance")
    browser.close()
    browser.switch_to.window(browser.window_handles[0])
    # The browser logs each request that fails.
    expected = "Failed to load resource" if opened.may_be_lost else "\0"
    faults = [entry["message"] for entry in logged if expected not in entry["message"]]
    assert not faults, f"the console has {faults}"
    assert hosts(requests) <= {"127.0.0.1"}


def hosts(log: list[dict[str, str]]) -> set[str]:
    """The hosts that a page has asked."""
    asked = set()
    for entry in log:
        message = json.loads(entry["message"])["message"]
        if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            params = message["params"]
            url = urllib.parse.urlsplit(params["request"]["url"] if "request" in params else params["url"])
            if url.scheme not in ("data", "blob", "chrome", "about", "devtools"):
                asked.add(url.hostname or "")
    return asked


@pytest.fixture
def watching(obe: str, tmp_path: Path) -> Iterator[list[Watch]]:
    """The programs that a test has started, which end with it."""
    started: list[Watch] = []
    yield started
    for program in started:
        program.kill()


@pytest.fixture
def start(obe: str, watching: list[Watch]) -> Start:
    """Starts obe watch with these arguments."""

    def begin(*arguments: str | Path) -> Watch:
        program = Watch(obe, *arguments)
        watching.append(program)
        return program

    return begin
