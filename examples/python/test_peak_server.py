"""The peak server's statistics without a client, its replies, and the programs over a socket."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peak_server import CENTRES, DEPTH, HILIM, LOLIM, NOISE, STEPS, WIDTH, PeakServer, dip

from libobe import Socket

HANGS = 600  # seconds after which a program hangs, also on a busy machine


def ask(server: PeakServer, command: str, **fields: object) -> Any:
    """A call of the method that answers a command, with the reply as JSON."""
    reply = getattr(server, command)(**fields)
    return json.loads(json.dumps("OK" if reply is None else reply))


@contextlib.contextmanager
def serving(server: PeakServer) -> Iterator[Socket]:
    """A client of a server that runs on a thread."""
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Socket("client", port=server.port, timeout=60)
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


def run(seed: int, rounds: int = 200, choice: str = "goodset") -> tuple[float, float, float]:
    """A whole experiment with a simulated instrument: (true centre, estimate, uncertainty)."""
    noise = random.Random(1000000 + seed)  # other draws than the server's
    server = PeakServer(seed)
    assert ask(server, "newrun") == "OK"
    truth = noise.uniform(LOLIM, HILIM)
    for i in range(rounds):
        if choice == "even":
            f = LOLIM + (HILIM - LOLIM) * (i + 0.5) / rounds
        else:
            (f,) = ask(server, choice)
        y = 1.0 - dip(f - truth) + noise.gauss(0.0, NOISE)
        assert ask(server, "newdat", x=[f], y=y, s=NOISE) == "OK"
    return truth, ask(server, "getmean")[0], ask(server, "getstd")[0]


@pytest.mark.parametrize(("choice", "runs"), [("goodset", 20), ("optset", 10)])
def test_the_estimate_and_its_uncertainty(choice: str, runs: int) -> None:
    pulls = []
    for seed in range(runs):
        truth, mean, std = run(seed, choice=choice)
        assert 0.0 < std < WIDTH / 10.0
        pulls.append((mean - truth) / std)
    assert max(map(abs, pulls)) < 4.0
    scatter = math.sqrt(sum(pull * pull for pull in pulls) / len(pulls))
    assert 0.6 < scatter < 1.4  # neither too small nor too large an uncertainty


def test_goodset_beats_evenly_spaced_settings() -> None:
    def typical_error(choice: str) -> float:
        results = [run(seed, 100, choice) for seed in range(20)]
        return math.sqrt(sum((mean - truth) ** 2 for truth, mean, _ in results) / len(results))

    assert typical_error("goodset") < 0.6 * typical_error("even")


def test_the_uncertainty_after_many_rounds() -> None:
    truth, mean, std = run(1, rounds=3000)  # finer than the grid
    assert abs(mean - truth) < 4.0 * std


def test_reply_shapes() -> None:
    server = PeakServer(1)
    assert ask(server, "ready") == "OK"
    assert ask(server, "getcon") == [DEPTH, WIDTH]
    (settings,) = ask(server, "getset")
    assert len(settings) == STEPS
    assert settings[0] == LOLIM
    assert settings[-1] == HILIM
    (centres,) = ask(server, "getpar")
    weights = ask(server, "getwgt")
    assert len(centres) == len(weights) == CENTRES
    assert math.isclose(sum(weights), 1.0)
    (setting,) = ask(server, "optset")
    assert setting in settings
    (setting,) = ask(server, "goodset", pickiness=15)
    assert setting in settings
    assert ask(server, "newdat", x=[setting], y=1, s=NOISE) == "OK"
    (mean,) = ask(server, "getmean")
    (std,) = ask(server, "getstd")
    ((variance,),) = ask(server, "getcov")
    assert LOLIM < mean < HILIM
    assert math.isclose(variance, std * std)


def test_numbers_with_or_without_a_list() -> None:
    replies = []
    for x, y, s in [([2870.0], 0.97, NOISE), ([2870.0], [0.97], [NOISE]), (2870.0, 0.97, NOISE)]:
        with serving(PeakServer(1)) as client:
            assert client.tcmd({"command": "newdat", "x": x, "y": y, "s": s}) == "OK"
            replies.append(client.tcmd({"command": "getwgt"}))
    assert replies[0] == replies[1] == replies[2]


def test_newrun_discards_data_and_changes_the_settings() -> None:
    server = PeakServer(1)
    fresh = ask(server, "getstd")
    ask(server, "newdat", x=[2870.0], y=0.97, s=NOISE)
    assert ask(server, "getstd") != fresh
    assert ask(server, "newrun") == "OK"
    assert ask(server, "getstd") == fresh
    assert ask(server, "newrun", lolim=2860, hilim=2880, steps=25) == "OK"
    assert ask(server, "getset")[0] == pytest.approx([2860 + 20 * i / 24 for i in range(25)])
    assert ask(server, "getmean") == pytest.approx([2870.0])


BAD_REQUESTS: list[object] = [
    None,
    [],
    {},
    "ready",
    7,
    math.nan,
    {"command": None},
    {"command": 3},
    {"command": ["ready"]},
    {"command": {}},
    {"command": ""},
    {"command": "READY"},
    {"command": "getset ready"},
    {"command": "__init__"},
    {"command": "getpdf"},
    {"command": "\ud800"},
    {"command": "newrun", "lolim": "a"},
    {"command": "newrun", "lolim": None},
    {"command": "newrun", "lolim": 2900.0, "hilim": 2840.0},
    {"command": "newrun", "lolim": 2870.0, "hilim": 2870.0},
    {"command": "newrun", "lolim": -1e308, "hilim": 1e308},
    {"command": "newrun", "lolim": 0, "hilim": 10**400},
    {"command": "newrun", "lolim": 0.0},
    {"command": "newrun", "hilim": math.inf},
    {"command": "newrun", "steps": 25.5},
    {"command": "newrun", "steps": 1},
    {"command": "newrun", "steps": -3},
    {"command": "newrun", "steps": 10**9},
    {"command": "newrun", "steps": math.nan},
    {"command": "newrun", "steps": True},
    {"command": "newrun", "steps": "25"},
    {"command": "goodset", "pickines": 4},
    {"command": "goodset", "pickiness": "a"},
    {"command": "goodset", "pickiness": -1},
    {"command": "goodset", "pickiness": None},
    {"command": "goodset", "pickiness": math.inf},
    {"command": "newdat"},
    {"command": "newdat", "x": [2870.0], "y": 1.0},
    {"command": "newdat", "x": [2870.0], "s": 0.1},
    {"command": "newdat", "x": "2870.0", "y": 1.0, "s": 0.1},
    {"command": "newdat", "x": [], "y": 1.0, "s": 0.1},
    {"command": "newdat", "x": [1.0, 2.0], "y": 1.0, "s": 0.1},
    {"command": "newdat", "x": ["a"], "y": 1.0, "s": 0.1},
    {"command": "newdat", "x": [[1.0]], "y": 1.0, "s": 0.1},
    {"command": "newdat", "x": [math.nan], "y": 1.0, "s": 0.1},
    {"command": "newdat", "x": [2870.0], "y": math.nan, "s": 0.1},
    {"command": "newdat", "x": [2870.0], "y": [1.0, 1.0], "s": 0.1},
    {"command": "newdat", "x": [2870.0], "y": [], "s": 0.1},
    {"command": "newdat", "x": [2870.0], "y": [[1.0]], "s": 0.1},
    {"command": "newdat", "x": [2870.0], "y": 1.0, "s": 0.0},
    {"command": "newdat", "x": [2870.0], "y": 1.0, "s": -0.1},
    {"command": "newdat", "x": [2870.0], "y": 1.0, "s": 10**400},
    {"command": "newdat", "x": [2870.0], "y": 1e99, "s": 5e-324},
    {"command": "newdat", "x": [2870.0], "y": 1e308, "s": 0.1},
]


def test_a_bad_request_gets_an_error_and_changes_nothing() -> None:
    server = PeakServer(1)
    ask(server, "newdat", x=[2870.0], y=0.97, s=NOISE)
    commands = ("getset", "getwgt", "getmean", "getstd")
    before = [ask(server, command) for command in commands]
    with serving(server) as client:
        for message in BAD_REQUESTS:
            reply = client.tcmd(message)
            assert list(reply) == ["error", "command"], message
            assert reply["error"]
            assert [ask(server, command) for command in commands] == before, message


@pytest.mark.parametrize(
    "data",
    [
        {"x": [2870.0], "y": 0.97, "s": 1e-100},  # shrinks the posterior to a single candidate
        {"x": [2870.0], "y": 1e50, "s": 1.0},
        {"x": [-1e100], "y": 1, "s": 1},
        {"x": [2870], "y": -1e100, "s": 1e100},
    ],
)
def test_extreme_data_leave_the_server_working(data: Any) -> None:
    server = PeakServer(1)
    for _ in range(3):
        assert ask(server, "newdat", **data) == "OK"
        (settings,) = ask(server, "getset")
        assert ask(server, "optset")[0] in settings
        for pickiness in (0, 1, 15.0, 1e100):
            assert ask(server, "goodset", pickiness=pickiness)[0] in settings
        (mean,), (std,) = ask(server, "getmean"), ask(server, "getstd")
        assert LOLIM <= mean <= HILIM
        assert 0.0 < std < HILIM - LOLIM


def test_over_the_socket() -> None:
    """The program itself: good and bad requests, and done, which ends it."""
    program = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("peak_server.py")), "--port", "0", "--seed", "1"],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    try:
        assert program.stdout is not None
        client = Socket("client", port=int(program.stdout.readline().split()[-1]))
        assert client.tcpcmd({"command": "ready"}) == "OK"
        assert client.tcpcmd({"command": "newrun", "steps": 25.0}) == "OK"
        for message in BAD_REQUESTS:
            assert "error" in client.tcpcmd(message)
        client.send({"command": "getset"})  # does not wait for the reply
        client.close()
        assert client.tcpcmd({"command": "newdat", "x": [2870.0], "y": 0.97, "s": NOISE}) == "OK"
        assert len(client.tcpcmd({"command": "getset"})[0]) == 25
        assert client.tcpcmd({"command": "done"}) == "OK"
        assert program.wait(10) == 0
        assert program.stdout.read() == ""
    finally:
        program.kill()
        program.wait()
        if program.stdout is not None:
            program.stdout.close()


@pytest.fixture(scope="module")
def c_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the built instrument and server of examples/c."""
    directory, root, library = (
        tmp_path_factory.mktemp("c"),
        Path(__file__).resolve().parents[2],
        Path(os.environ["OBE_LIBRARY"]),
    )
    for name in ("instrument", "server"):
        command = [os.environ.get("CC", "cc"), "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"]
        command += [root / "include", "-o", directory / name, root / "examples" / "c" / f"{name}.c"]
        command += ["-L", library.parent, "-lobe", "-lm", f"-Wl,-rpath,{library.resolve().parent}"]
        subprocess.run(command, check=True, timeout=HANGS)
    return directory


@pytest.mark.parametrize("language", ["Python", "C"])
def test_the_instrument_in_c(c_programs: Path, language: str) -> None:
    """It finds the dip with either server, and ends the server."""
    servers = {
        "Python": [sys.executable, str(Path(__file__).with_name("peak_server.py")), "--port", "0", "--seed", "1"],
        "C": [str(c_programs / "server"), "--port", "0"],
    }
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    server = subprocess.Popen(servers[language], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().split()[-1]
        command = [c_programs / "instrument", "--port", port, "--seed", "3"]
        got = subprocess.run(command, capture_output=True, text=True, timeout=HANGS)
        assert (got.returncode, got.stderr) == (0, "")
        assert "estimate" in got.stdout
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()
