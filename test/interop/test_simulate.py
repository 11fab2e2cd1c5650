"""obe simulate with a server as strict as optbayesexpt's, which does not reply to a command that it does not know."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import peer

EXPERIMENT = Path(__file__).resolve().parents[2] / "examples" / "experiments" / "lorentzian.toml"
REPLIES = {"getset": b"[[2.0, 2.5, 3.0]]", "goodset": b"[2.5]", "getmean": b"[2.5, 0.05, 0.02]", "getstd": b"[1, 1, 1]"}


def answer(request: bytes) -> bytes | None:
    command = json.loads(request)["command"]
    return None if command == "describe" else REPLIES.get(command, b'"OK"')


def test_a_server_as_the_original(obe: str) -> None:
    with peer.Server(answer) as server:
        command = [obe, "simulate", str(EXPERIMENT), f":{server.port}", "--measurements", "3", "--compare"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=peer.HANGS)
        assert done.returncode == 0, done.stderr
        assert server.deaths == []
        requests = [json.loads(request) for request in server.requests]
    run = ["newrun", *["newdat"] * 3, "getmean", "getstd"]
    chosen = ["newrun", *["goodset", "newdat"] * 3, "getmean", "getstd"]
    assert [r["command"] for r in requests] == ["ready", "describe", "getset", "getmean", *run, *chosen]
    # What the original's server needs, and no member that it does not know.
    assert all(set(r) == {"command"} for r in requests if r["command"] != "newdat")
    for r in requests:
        if r["command"] == "newdat":
            assert set(r) == {"command", "x", "y", "s"}
            assert [len(r[member]) for member in "xys"] == [1, 1, 1]
    assert "only the numbers of knobs and parameters were compared" in done.stderr
