"""The program obe watch, as a process."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ANSWER = 20.0  # seconds


class Watch:
    """obe watch, from its first line, which is the address of the page."""

    def __init__(self, obe: str, *arguments: str | Path) -> None:
        command = [obe, "watch", "--no-open", *map(str, arguments)]
        # Its messages have a file, so that it never waits for a reader.
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER)
        assert ready, "obe watch prints no address"
        self.url = self._process.stdout.readline().strip()
        assert self.url.startswith("http://"), f"obe watch ended with {self._process.wait()}"

    @property
    def port(self) -> int:
        found = urllib.parse.urlsplit(self.url).port
        assert found
        return found

    def get(self, path: str) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # without a proxy of the environment
        with opener.open(urllib.parse.urljoin(self.url, path), timeout=ANSWER) as answer:
            content: bytes = answer.read()
        return content

    def snapshot(self, **parameters: int) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self.get("snapshot?" + urllib.parse.urlencode(parameters)))
        return frame

    def cpu(self) -> float:
        """Seconds of processor time that it has taken."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(ANSWER) == 130

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


Start = Callable[..., Watch]  # with the arguments of obe watch


def wait(seconds: float, until: float) -> None:
    """Sleep to keep a rate, never beyond until."""
    time.sleep(max(0.0, min(seconds, until - time.monotonic())))
