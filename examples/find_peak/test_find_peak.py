"""The experiment as users run it: the programs are built, started, and tested over their sockets."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instrument import COLUMNS, HILIM, LOLIM, NOISE, Sample

import peer
from libobe import Client

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIBRARY = Path(os.environ["OBE_LIBRARY"]).resolve()
ENVIRONMENT = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), MPLBACKEND="agg")
URL = "https://github.com/usnistgov/optbayesexpt"
TIMEOUT = peer.HANGS  # for programs that should have ended
PARTICLES = 10000


def build(compiler: list[str], source: Path, program: Path) -> None:
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-I", str(ROOT / "include")]
    link = ["-L", str(LIBRARY.parent), "-lobe", "-lm", f"-Wl,-rpath,{LIBRARY.parent}"]
    subprocess.run([*compiler, *strict, "-o", program, source, *link], check=True, timeout=TIMEOUT)


CXX = [os.environ.get("CXX", "c++"), "-std=c++11", "-O3"]
CC = [os.environ.get("CC", "cc"), "-std=c99", "-O2"]


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the built server and instrument."""
    directory = tmp_path_factory.mktemp("programs")
    build(CXX, HERE / "server.cpp", directory / "find_peak_server")
    build(CC, HERE / "instrument.c", directory / "find_peak_instrument")
    return directory


@contextmanager
def serving(programs: Path, seed: int = 1, particles: int = PARTICLES) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A running server and its port. Only a server that received `done` may have ended by itself."""
    options = ["--port", "0", "--seed", str(seed), "--particles", str(particles)]
    server = subprocess.Popen([programs / "find_peak_server", *options], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server, int(server.stdout.readline().split()[-1])
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()


@pytest.fixture
def port(programs: Path) -> Iterator[int]:
    with serving(programs) as (server, number):
        yield number
        assert server.poll() is None, "the server has died"


def ask(port: int, command: str, **fields: Any) -> Any:
    """One command on a new connection, as optbayesexpt does, on bare sockets."""
    return json.loads(peer.exchange(port, json.dumps({"command": command, **fields}).encode()))


def model(setting: float, centre: Any, depth: Any, width: Any) -> Any:
    return 1 - depth / (((setting - centre) * 2 / width) ** 2 + 1)


# -- the conversation --------------------------------------------------------------------------------------------------


def test_every_command_has_its_reply(port: int) -> None:
    assert ask(port, "ready") == "OK"
    assert ask(port, "getcon") == []
    (settings,) = ask(port, "getset")
    assert settings == pytest.approx([1.5 + 2 * i / 199 for i in range(200)])
    for command in ("optset", "goodset"):
        (setting,) = ask(port, command)
        assert setting in settings
    assert ask(port, "goodset", pickiness=4)[0] in settings
    assert ask(port, "newdat", x=[2.5], y=0.99, s=0.01) == "OK"
    description = ask(port, "describe")
    assert [entry["unit"] for entry in description["settings"]] == ["GHz"]
    assert [entry["name"] for entry in description["parameters"]] == ["centre", "depth", "width"]
    parameters, weights = ask(port, "getpar"), ask(port, "getwgt")
    assert [len(row) for row in parameters] == [PARTICLES] * 3
    assert ask(port, "getpdf") == parameters
    assert len(weights) == PARTICLES
    assert sum(weights) == pytest.approx(1)
    mean, cov = moments(parameters, weights)
    assert ask(port, "getmean") == pytest.approx(mean)
    assert np.array(ask(port, "getcov")) == pytest.approx(cov, abs=1e-12)
    assert ask(port, "getstd") == pytest.approx(np.sqrt(np.diag(cov)))


def moments(parameters: Any, weights: Any) -> tuple[Any, Any]:
    return np.average(parameters, axis=1, weights=weights), np.cov(parameters, aweights=weights, ddof=0)


def test_a_new_run_takes_its_settings_and_forgets_the_data(port: int) -> None:
    ask(port, "newdat", x=[2.5], y=0.95, s=NOISE)
    assert max(ask(port, "getstd")) < 0.5
    ask(port, "newdat", x=[2.5], y=0.95, s=1)  # so weak that the particles are not resampled
    assert len(set(ask(port, "getwgt"))) > 1
    for steps in (25, 25.0):
        assert ask(port, "newrun", lolim=2, hilim=3, steps=steps) == "OK"
        assert ask(port, "getset")[0] == pytest.approx([2 + i / 24 for i in range(25)])
    assert ask(port, "getwgt") == [1 / PARTICLES] * PARTICLES
    # The prior again: uniform over 1.5 to 3.5, 0.02 to 0.1 and 0.01 to 0.05.
    assert ask(port, "getmean") == pytest.approx([2.5, 0.06, 0.03], rel=0.05)
    assert ask(port, "getstd") == pytest.approx([size / math.sqrt(12) for size in (2, 0.08, 0.04)], rel=0.05)


def test_numbers_with_and_without_a_list(programs: Path) -> None:
    replies = []
    for y, s, x in [(0.97, NOISE, [2.5]), ([0.97], [NOISE], [2.5]), (0.97, NOISE, 2.5)]:
        with serving(programs, seed=3) as (_, port):
            assert ask(port, "newdat", x=x, y=y, s=s) == "OK"
            replies.append(ask(port, "getmean"))
    assert replies[0] == replies[1] == replies[2]


BAD_REQUESTS = [
    "null",
    "[]",
    "{}",
    '"ready"',
    "7",
    "NaN",
    '{"command": null}',
    '{"command": 3}',
    '{"command": ["ready"]}',
    '{"command": {"command": "ready"}}',
    '{"command": ""}',
    '{"command": "READY"}',
    '{"command": "ready "}',
    '{"command": "getset ready"}',
    '{"command": "scan"}',
    '{"command": "\\ud800"}',
    '{"command": "ready\\u0000"}',
    '{"command": "newrun", "lolim": "a"}',
    '{"command": "newrun", "lolim": null}',
    '{"command": "newrun", "lolim": 3, "hilim": 2}',
    '{"command": "newrun", "lolim": 2, "hilim": 2}',
    '{"command": "newrun", "lolim": -1e308, "hilim": 1e308}',
    '{"command": "newrun", "lolim": 0, "hilim": 1' + 400 * "0" + "}",
    '{"command": "newrun", "hilim": Infinity}',
    '{"command": "newrun", "lolim": 2840, "hilim": 2900}',
    '{"command": "newrun", "lolim": -2, "hilim": 1.4}',
    '{"command": "newrun", "lolim": 2, "hilim": 3, "step": 25}',
    '{"command": "newrun", "": 1}',
    '{"command": "newrun", "steps": 25.5}',
    '{"command": "newrun", "steps": 1}',
    '{"command": "newrun", "steps": -3}',
    '{"command": "newrun", "steps": 1000000000}',
    '{"command": "newrun", "steps": NaN}',
    '{"command": "newrun", "steps": true}',
    '{"command": "newrun", "steps": "25"}',
    '{"command": "goodset", "pickiness": "a"}',
    '{"command": "goodset", "pickiness": -1}',
    '{"command": "goodset", "pickiness": null}',
    '{"command": "goodset", "pickiness": [4, 4]}',
    '{"command": "goodset", "pickiness": Infinity}',
    '{"command": "newdat"}',
    '{"command": "newdat", "x": [2.5], "y": 1.0}',
    '{"command": "newdat", "x": [2.5], "s": 0.1}',
    '{"command": "newdat", "y": 1.0, "s": 0.1}',
    '{"command": "newdat", "x": [], "y": 1.0, "s": 0.1}',
    '{"command": "newdat", "x": [1.0, 2.0], "y": 1.0, "s": 0.1}',
    '{"command": "newdat", "x": ["a"], "y": 1.0, "s": 0.1}',
    '{"command": "newdat", "x": [[1.0]], "y": 1.0, "s": 0.1}',
    '{"command": "newdat", "x": {"0": 2.5}, "y": 1.0, "s": 0.1}',
    '{"command": "newdat", "x": [NaN], "y": 1.0, "s": 0.1}',
    '{"command": "newdat", "x": [2.5], "y": NaN, "s": 0.1}',
    '{"command": "newdat", "x": [2.5], "y": 1.0, "s": 0.0}',
    '{"command": "newdat", "x": [2.5], "y": 1.0, "s": -0.1}',
    '{"command": "newdat", "x": [2.5], "y": 1.0, "s": 5e-324}',
    '{"command": "newdat", "x": [2.5], "y": 1e99, "s": 1e-100}',
    '{"command": "newdat", "x": [2.5], "y": 1e308, "s": 0.1}',
]


def test_a_bad_request_gets_an_error_and_changes_nothing(port: int) -> None:
    refused(port, BAD_REQUESTS)


def refused(port: int, requests: list[str]) -> None:
    """Each request gets an error, with the name of the command, and changes nothing."""

    def state() -> list[Any]:
        return [ask(port, command) for command in ("getset", "getwgt", "getmean", "getstd")]

    ask(port, "newdat", x=[2.5], y=0.99, s=0.01)
    before = state()
    for request in requests:
        reply = json.loads(peer.exchange(port, request.encode()))
        assert list(reply) == ["error", "command"], request
        assert len(reply["error"]) > 10, request
        assert reply["command"] == command_in(request), request
    assert state() == before


def command_in(request: str) -> str | None:
    """The name of a command; None if it has none."""
    value = json.loads(request)
    name = value.get("command") if isinstance(value, dict) else None
    if not name or not isinstance(name, str):
        return None
    return name.replace("\ud800", "\ufffd")  # half a character, which no UTF-8 can have


def test_data_that_no_guess_explains_are_not_trusted(port: int) -> None:
    """The standard deviations are then those of the prior, until another run begins."""
    localise(port)
    described = ask(port, "describe")
    assert (described["trusted"], described["warnings"]) == (True, [])
    assert ask(port, "getstd")[0] < 0.01
    ask(port, "newdat", x=[2.5], y=0.8, s=NOISE)
    described = ask(port, "describe")
    assert not described["trusted"]
    assert "too far away from every guess" in described["warnings"][0]
    assert ask(port, "getstd")[0] > 0.5
    assert ask(port, "getcov")[0][0] == pytest.approx(ask(port, "getstd")[0] ** 2)
    assert ask(port, "newrun") == "OK"
    assert ask(port, "describe")["trusted"]


def test_a_value_beyond_the_prior_is_not_trusted(port: int) -> None:
    localise(port, depth=0.105, width=0.03)
    described = ask(port, "describe")
    assert not described["trusted"]
    assert "Parameter 2 is at a bound of its prior, or beyond." in described["warnings"]
    assert ask(port, "getstd")[1] > 0.02  # that of the prior


def test_the_error_of_an_unknown_command(port: int) -> None:
    assert "unknown command" in ask(port, "maxpdf")["error"]
    assert "goodset" in ask(port, "maxpdf")["error"]  # it lists the commands


def test_the_errors_of_newrun_name_what_is_wrong(port: int) -> None:
    assert 'unknown member "low"' in ask(port, "newrun", low=2)["error"]
    assert "range of this experiment, 1.5 to 3.5" in ask(port, "newrun", lolim=2840, hilim=2900)["error"]


@pytest.mark.parametrize("mode", [*peer.WRONG, *peer.LEAVING], ids=lambda mode: mode.__name__)
def test_a_client_that_sends_wrongly_does_not_disturb_others(port: int, mode: peer.SendMode) -> None:
    with peer.connect(port) as conn:
        mode(conn, b'{"command": "ready"}')
        assert ask(port, "ready") == "OK"


def test_a_client_that_does_not_read_its_reply_does_not_block_others(port: int) -> None:
    with peer.connect(port) as conn:
        peer.whole(conn, b'{"command": "getpar"}')
        assert ask(port, "ready") == "OK"


def test_many_commands_on_one_connection(port: int) -> None:
    with peer.connect(port) as conn:
        for _ in range(20):
            for request in ('{"command": "goodset"}', '{"command": "newdat", "x": [2.5], "y": 1, "s": 0.1}', "[]"):
                peer.whole(conn, request.encode())
                assert peer.read_message(conn)


@pytest.mark.parametrize(
    "data",
    [
        {"x": [2.5], "y": 0.97, "s": 1e-100},  # leaves a single particle
        {"x": [2.5], "y": 0.5, "s": 0.001},  # 400 s away from any value of the model
        {"x": [2.5], "y": 1e50, "s": 1.0},
        {"x": [-1e100], "y": 1, "s": 1},
        {"x": [2.5], "y": -1e100, "s": 1e100},
    ],
)
def test_extreme_data_leave_the_server_working(port: int, data: dict[str, Any]) -> None:
    (settings,) = ask(port, "getset")
    for _ in range(3):
        assert ask(port, "newdat", **data) == "OK"
        assert ask(port, "optset")[0] in settings
        for pickiness in (0, 1, 15.0, 1e100):
            assert ask(port, "goodset", pickiness=pickiness)[0] in settings
        mean, std = ask(port, "getmean"), ask(port, "getstd")
        assert 1.5 <= mean[0] <= 3.5
        assert all(0 <= value < 2 for value in std)


def converse(server: subprocess.Popen[str], port: int) -> None:
    """Three runs on bare sockets, a connection for each command: the conversation of optbayesexpt's own example."""
    noise = random.Random(7)
    for low, high, steps in [(2, 3, 25), (2, 3, 200), (1, 4, 200)]:
        truth = noise.uniform(2.1, 2.9)
        assert ask(port, "newrun", lolim=low, hilim=high, steps=steps) == "OK"
        allowed = [low + (high - low) * i / (steps - 1) for i in range(steps)]
        for _ in range(200):
            (setting,) = ask(port, "goodset", pickiness=6)
            assert min(abs(setting - value) for value in allowed) < 1e-9
            y = model(setting, truth, 0.02, 0.04) + noise.gauss(0, 0.005)
            assert ask(port, "newdat", x=[setting], y=y, s=0.005) == "OK"
            mean, std = ask(port, "getmean"), ask(port, "getstd")
            assert len(mean) == len(std) == 3
        assert abs(mean[0] - truth) < 4 * std[0] < 0.02
    assert ask(port, "done") == "OK"
    assert server.wait(TIMEOUT) == 0


def test_a_program_for_the_server_of_optbayesexpt_works(programs: Path) -> None:
    with serving(programs) as (server, port):
        converse(server, port)


def test_a_seed_repeats_every_draw(programs: Path) -> None:
    def draws(seed: int) -> list[Any]:
        with serving(programs, seed) as (_, port):
            replies = []
            for _ in range(30):
                (setting,) = ask(port, "goodset")
                ask(port, "newdat", x=[setting], y=model(setting, 2.2, 0.05, 0.05), s=NOISE)
                replies.append((setting, ask(port, "getmean")))
            return replies

    assert draws(5) == draws(5)
    assert draws(5) != draws(6)


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--port", "x"], 2, '--port: "x" is not a whole number from 0 to 65535\n'),
        (["--port", "65536"], 2, '--port: "65536" is not a whole number from 0 to 65535\n'),
        (["--particles", "5"], 2, '--particles: "5" is not a whole number from 100 to 1000000\n'),
        (["--seed"], 2, "--seed needs a value\nusage: "),
        (["--speed", "9"], 2, "--speed is not an option\nusage: "),
    ],
)
def test_a_wrong_option_is_explained(programs: Path, options: list[str], status: int, said: str) -> None:
    got = subprocess.run([programs / "find_peak_server", *options], capture_output=True, text=True, timeout=TIMEOUT)
    assert (got.returncode, got.stdout) == (status, "")
    assert got.stderr.startswith(f"{programs / 'find_peak_server'}: {said}")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "x"], '--port needs a whole number from 1 to 65535, not "x"\n'),
        (["--port", "0"], '--port needs a whole number from 1 to 65535, not "0"\n'),
        (["--rounds"], "--rounds needs a value\nusage: "),
        (["--speed"], "--speed is not an option\nusage: "),
    ],
)
def test_a_wrong_option_of_the_instrument_is_explained(programs: Path, options: list[str], said: str) -> None:
    program = programs / "find_peak_instrument"
    got = subprocess.run([program, *options], capture_output=True, text=True, timeout=TIMEOUT)
    assert (got.returncode, got.stdout) == (2, "")
    assert got.stderr.startswith(f"{program}: {said}")


@pytest.mark.parametrize("name", ["find_peak_server", "find_peak_instrument"])
def test_help(programs: Path, name: str) -> None:
    got = subprocess.run([programs / name, "--help"], capture_output=True, text=True, timeout=TIMEOUT)
    assert (got.returncode, got.stderr) == (0, "")
    assert got.stdout.startswith(f"usage: {programs / name} [")


# -- the statistics ----------------------------------------------------------------------------------------------------


def localise(port: int, centre: float = 2.5, depth: float = 0.05, width: float = 0.03) -> None:
    """Have the server find a dip, so that what it knows is far from the edges of the prior."""
    noise = random.Random(3)
    for i in range(60):
        setting = centre + width * (i % 20 - 9.5) / 8
        ask(port, "newdat", x=[setting], y=model(setting, centre, depth, width) + noise.gauss(0, NOISE), s=NOISE)


def test_bayes_and_resampling(port: int) -> None:
    """After each measurement the weights are those of Bayes; or, where they are concentrated on less than half of the
    particles, these were resampled, and have the mean and the covariance of those weights."""
    localise(port)
    spread = []  # the variances after a resampling, by those before
    for i in range(24):
        before, weights = np.array(ask(port, "getpar")), np.array(ask(port, "getwgt"))
        x, s = 2.5 + 0.03 * (i % 8 - 3.5) / 5, 0.0015
        y = model(x, 2.5005, 0.0505, 0.0297)
        assert ask(port, "newdat", x=[x], y=y, s=s) == "OK"
        weights *= np.exp(-0.5 * ((y - model(x, *before)) / s) ** 2)
        weights /= weights.sum()
        resampled = not np.array_equal(ask(port, "getpar"), before)
        assert resampled == (1 / np.sum(weights**2) < PARTICLES / 2)
        if not resampled:
            assert ask(port, "getwgt") == pytest.approx(weights)
            continue
        assert ask(port, "getwgt") == [1 / PARTICLES] * PARTICLES
        mean, cov = moments(before, weights)
        std = np.sqrt(np.diag(cov))
        assert np.all(np.abs(ask(port, "getmean") - mean) < 0.05 * std)  # a few standard errors of so many particles
        found = np.array(ask(port, "getcov"))
        assert np.all(np.abs(found - cov) < 0.08 * np.outer(std, std))
        spread.append(np.diag(found) / np.diag(cov))
    assert 2 < len(spread) < 24
    # Displacements without the shrinkage towards the mean would make it 1.04.
    assert abs(np.mean(spread) - 1) < 0.02


def test_resampling_stays_within_the_prior(port: int) -> None:
    fresh = ask(port, "getpar")
    ask(port, "newdat", x=[2.5], y=0.97, s=0.012)
    parameters = ask(port, "getpar")
    assert parameters != fresh
    for values, (low, high) in zip(parameters, [(1.5, 3.5), (0.02, 0.1), (0.01, 0.05)]):
        assert low <= min(values) <= max(values) <= high


def test_settings_are_chosen_by_what_they_tell(port: int) -> None:
    """When the dip is nearly known, its flanks determine its centre, its bottom its depth, and the rest nothing."""
    assert len({ask(port, "optset")[0] for _ in range(20)}) > 5  # the draws decide until something is known
    localise(port, centre=2.5, width=0.05)

    def distance(pickiness: float, count: int = 200) -> float:
        """The mean distance of the settings from the centre, in widths."""
        return float(np.mean([abs(ask(port, "goodset", pickiness=pickiness)[0] - 2.5) / 0.05 for _ in range(count)]))

    assert all(abs(ask(port, "optset")[0] - 2.5) < 0.05 for _ in range(50))
    assert distance(4) < 1 < distance(0.2) < distance(0)
    assert distance(0) > 8  # evenly over 40 widths
    # Data that all particles agree with leave the weights unchanged and set the noise. With much noise the utility is
    # proportional to the variance of the signal, and with little noise to its logarithm.
    ask(port, "newdat", x=[-1e50], y=1, s=1e3)
    much = distance(0.5)
    ask(port, "newdat", x=[-1e50], y=1, s=1e-9)
    assert distance(0.5) > 1.5 * much


def measure(server: Client, sample: Sample, choice: str) -> tuple[list[float], list[float]]:
    """A whole run: the mean and the standard deviation of each parameter afterwards."""
    server.newrun(lolim=LOLIM, hilim=HILIM, steps=200)
    for i in range(200):
        if choice == "even":
            setting = LOLIM + (HILIM - LOLIM) * i / 199
        else:
            setting = float((server.optset() if choice == "optset" else server.goodset(4))[0])
        server.newdat(setting, sample.measure(setting), sample.noise)
    return list(server.getmean()), list(server.getstd())


def test_the_designer_finds_the_centre(programs: Path) -> None:
    """In at least 85 of 100 runs the truth lies within two standard deviations, and the median error of the centre is
    at least 3 times smaller than with evenly spaced settings."""
    errors: dict[str, list[float]] = {"goodset": [], "optset": [], "even": []}
    pulls: dict[str, list[list[float]]] = {choice: [] for choice in errors}
    with serving(programs) as (_, port), Client(port=port, timeout=TIMEOUT) as client:
        client.set_option("persistent", "1")
        for seed in range(100):
            for choice in errors:
                sample = Sample(seed)
                mean, std = measure(client, sample, choice)
                errors[choice].append(abs(mean[0] - sample.centre))
                truth = (sample.centre, sample.depth, sample.width)
                pulls[choice].append([abs(m - t) / s for m, t, s in zip(mean, truth, std)])
    for choice in ("goodset", "optset"):
        for parameter in zip(*pulls[choice]):
            assert sum(pull <= 2 for pull in parameter) >= 85, choice
            # 68 are expected: the uncertainty is not too large either.
            assert sum(pull <= 1 for pull in parameter) <= 85, choice
        assert max(pull[0] for pull in pulls[choice]) < 5, choice  # never certain of a wrong centre
        assert statistics.median(errors["even"]) > 3 * statistics.median(errors[choice]), choice


def test_the_uncertainty_of_strong_signals(programs: Path) -> None:
    """The first measurement in a dip of a hundred times the noise rules out nearly all of the particles."""
    wrong = 0
    with serving(programs) as (_, port), Client(port=port, timeout=TIMEOUT) as client:
        client.set_option("persistent", "1")
        for seed in range(60):
            sample = Sample(seed, noise=NOISE / 10)
            mean, std = measure(client, sample, "goodset")
            wrong += int(abs(mean[0] - sample.centre) > 5 * std[0])
    assert wrong <= 2


@pytest.mark.parametrize("connection", [[], ["--persistent"]], ids=["one connection each", "a connection that is kept"])
def test_a_round_takes_less_than_a_millisecond(programs: Path, connection: list[str]) -> None:
    """goodset and newdat, transport included, with 10,000 particles and 200 settings: the median over 200 rounds.

    Whatever else the machine does only adds to the time, so the best of several medians counts: on a busy machine many.
    An idle one needs about half of the bound; other tests run at the same time.
    """
    best, seed, deadline = math.inf, 0, time.monotonic() + 120
    with serving(programs) as (_, port):
        while best >= 1 and time.monotonic() < deadline:
            got = run_instrument([programs / "find_peak_instrument"], port, "--seed", str(seed), *connection)
            took = re.search(r"took ([0-9.]+) ms", got.stdout)
            assert took is not None
            best, seed = min(best, float(took[1])), seed + 1
    assert best < 1


def test_another_model(tmp_path: Path) -> None:
    """The other experiment of README.md, instead of the one at the top of server.cpp."""
    (experiment,) = re.findall(r"```cpp\n(.*?)```", (HERE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    source = (HERE / "server.cpp").read_text(encoding="utf-8")
    begin, end = source.index("// ---- The experiment"), source.index("// ---- The designer")
    (tmp_path / "server.cpp").write_text(source[:begin] + experiment + source[end:], encoding="utf-8")
    build(CXX, tmp_path / "server.cpp", tmp_path / "find_peak_server")
    noise = random.Random(1)
    with serving(tmp_path) as (_, port):
        for _ in range(200):
            (delay,) = ask(port, "goodset")
            assert 0 <= delay <= 10
            y = 1.3 * math.exp(-delay / 3.1) + noise.gauss(0, 0.02)
            ask(port, "newdat", x=[delay], y=y, s=0.02)
        for truth, mean, std in zip((1.3, 3.1), ask(port, "getmean"), ask(port, "getstd")):
            assert abs(mean - truth) < 4 * std < 0.04 * truth


# -- the instruments and the figure ------------------------------------------------------------------------------------


def run_instrument(program: list[Any], port: int, *options: str, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [*program, "--port", str(port), *options]
    more = {"env": ENVIRONMENT, **more}
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, **more)


@pytest.fixture(params=["C", "Python"])
def instrument(request: pytest.FixtureRequest, programs: Path) -> list[Any]:
    return [programs / "find_peak_instrument"] if request.param == "C" else [sys.executable, HERE / "instrument.py"]


def test_an_instrument(programs: Path, instrument: list[Any], tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    with serving(programs) as (server, port):
        got = run_instrument(instrument, port, "--seed", "3", "--compare", "--log", str(log), "--done")
        assert server.wait(TIMEOUT) == 0
    assert (got.returncode, got.stderr) == (0, "")
    lines = got.stdout.splitlines()
    for line, (run, count) in zip(
        lines, [(run, count) for run in ("designed", "even") for count in (50, 100, 150, 200)]
    ):
        assert re.fullmatch(rf"{run} +{count}/200 centre \d\.\d{{4}} \+/- \d\.\d{{4}} GHz", line)

    with log.open(encoding="utf-8", newline="") as file:
        truth, *rows = csv.DictReader(file)
    assert list(truth) == COLUMNS
    assert (truth["run"], truth["setting"]) == ("truth", "")
    assert [row["run"] for row in rows] == ["designed"] * 200 + ["even"] * 200
    last = rows[199]
    assert abs(float(last["centre"]) - float(truth["centre"])) <= 4 * float(last["centre_std"])
    table = {line[:16].strip(): line[16:].split() for line in lines[8:12]}
    assert table["truth"] == [f"{float(truth[name]):.4f}" for name in ("centre", "depth", "width")]
    assert table["estimate"][::3] == [f"{float(last[name]):.4f}" for name in ("centre", "depth", "width")]
    assert table["estimate"][2::3] == [f"{float(last[name]):.4f}" for name in ("centre_std", "depth_std", "width_std")]
    assert [float(row["setting"]) for row in rows[200:]] == pytest.approx([1.5 + 2 * i / 199 for i in range(200)])
    measured = [float(row["signal"]) - model(float(row["setting"]), *sample_of(truth)) for row in rows]
    assert 0.8 * NOISE < statistics.pstdev(measured) < 1.2 * NOISE


def sample_of(truth: dict[str, str]) -> tuple[float, float, float]:
    return float(truth["centre"]), float(truth["depth"]), float(truth["width"])


def test_a_progress_bar_on_a_terminal(programs: Path, instrument: list[Any]) -> None:
    ours, theirs = os.openpty()
    with serving(programs) as (_, port):
        command = [*instrument, "--port", str(port), "--seed", "3", "--rounds", "40"]
        process = subprocess.Popen(command, stdout=theirs, stdin=theirs, env=ENVIRONMENT)
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
        except OSError:
            pass  # how a terminal reports that its last program has ended
        process.wait(TIMEOUT)
    os.close(ours)
    bars = [line for line in shown.decode().split("\r") if line.startswith("designed")]
    assert len(bars) == 40
    assert [bar.count("#") for bar in bars] == [30 * (i + 1) // 40 for i in range(40)]
    assert all(re.search(r"\] centre \d\.\d{4} \+/- \d\.\d{4} GHz", bar) for bar in bars)


def test_errors_of_an_instrument(programs: Path, instrument: list[Any], port: int, tmp_path: Path) -> None:
    for options in (["--rounds", "0"], ["--port", "70000"], ["--seed", "x"], ["--speed"]):
        got = run_instrument(instrument, port, *options)
        assert got.returncode == 2
        assert "usage" in got.stderr
    got = run_instrument(instrument, port, "--log", str(tmp_path / "missing" / "log.csv"))
    assert got.returncode == 1
    assert "log.csv" in got.stderr


@pytest.mark.parametrize(("centre", "std"), [(2.5, 0.1), (0.0, 0.001)], ids=["uncertain", "certain of a wrong centre"])
def test_an_instrument_that_does_not_find_the_dip(instrument: list[Any], centre: float, std: float) -> None:
    replies = {"goodset": [2.5], "getmean": [centre, 0.05, 0.02], "getstd": [std, 0.01, 0.01]}

    def answer(body: bytes) -> bytes:
        return json.dumps(replies.get(json.loads(body)["command"], "OK")).encode()

    with peer.Server(answer) as server:
        got = run_instrument(instrument, server.port, "--rounds", "1")
    assert got.returncode == 3
    assert got.stderr.endswith("instrument: the dip was not found\n")


def test_an_instrument_shows_the_error_of_a_server(instrument: list[Any]) -> None:
    def answer(body: bytes) -> bytes:
        return b'"OK"' if json.loads(body)["command"] in ("ready", "newrun") else b'{"error": "the laser is off"}'

    with peer.Server(answer) as server:
        got = run_instrument(instrument, server.port)
    assert got.returncode == 1
    assert "goodset" in got.stderr
    assert "the laser is off" in got.stderr


def drawn(path: Path) -> bool:
    begin = path.read_bytes()[:200]
    return begin.startswith(b"\x89PNG") if path.suffix == ".png" else b"<?xml" in begin


def test_the_figure(programs: Path, port: int, tmp_path: Path) -> None:
    log, files = tmp_path / "log.csv", [tmp_path / "a.png", tmp_path / "a.svg"]
    run_instrument([programs / "find_peak_instrument"], port, "--seed", "3", "--compare", "--log", str(log))
    plot = [sys.executable, str(HERE / "plot.py")]
    subprocess.run([*plot, log, *files], check=True, timeout=TIMEOUT, env=ENVIRONMENT)
    assert all(map(drawn, files))
    again = tmp_path / "b.svg"
    rows = log.read_bytes()
    subprocess.run([*plot, "--live", "-", again], input=rows, check=True, timeout=TIMEOUT, env=ENVIRONMENT)
    assert drawn(again)
    for run in (b"designed", b"even"):  # one run is enough for a figure, and an empty log is not an error
        rows = b"\n".join(row for row in rows.splitlines() if not row.startswith(run))
        subprocess.run([*plot, "-", again], input=rows, check=True, timeout=TIMEOUT, env=ENVIRONMENT)


@pytest.fixture
def this_python(tmp_path: Path) -> dict[str, str]:
    """An environment in which python3 is the Python that runs the tests."""
    directory = tmp_path / "bin"
    directory.mkdir()
    script = directory / "python3"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    return dict(ENVIRONMENT, PATH=f"{directory}{os.pathsep}{os.environ['PATH']}")


def test_an_instrument_draws(instrument: list[Any], port: int, tmp_path: Path, this_python: dict[str, str]) -> None:
    directory = tmp_path / "here"
    directory.mkdir()
    shutil.copy(HERE / "plot.py", directory)
    got = run_instrument(instrument, port, "--seed", "3", "--compare", "--plot", cwd=directory, env=this_python)
    assert (got.returncode, got.stderr) == (0, "")
    assert "evenly spaced" in got.stdout
    figures = [directory / "find_peak.png", directory / "find_peak.svg"]
    assert sorted(directory.glob("find_peak.*")) == figures
    assert all(map(drawn, figures))


def test_an_instrument_whose_drawing_fails(
    programs: Path, port: int, tmp_path: Path, this_python: dict[str, str]
) -> None:
    """It finishes its measurements, and reports what is missing."""
    program: list[Any] = [programs / "find_peak_instrument"]
    got = run_instrument(program, port, "--seed", "3", "--plot", cwd=tmp_path, env=this_python)
    assert got.returncode == 1
    assert "estimate" in got.stdout
    assert "instrument: --plot: plot.py failed" in got.stderr


def test_a_live_figure_stays() -> None:
    """With a screen its window is shown until it is closed. Without one there is no window."""
    code = """
import plot
shown = []
plot.pyplot.show = lambda: shown.append(True)
figure = plot.Figure(live=True)
figure.stay()
figure.live = True
figure.stay()
print(len(shown))
"""
    environment = dict(ENVIRONMENT, PYTHONPATH=os.pathsep.join([str(HERE), *sys.path]), MPLBACKEND="agg")
    command = [sys.executable, "-c", code]
    got = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, env=environment)
    assert (got.stdout, got.stderr) == ("1\n", "")


@pytest.fixture
def without_matplotlib(tmp_path: Path) -> dict[str, str]:
    """The environment of a Python that does not find matplotlib."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['matplotlib'] = None\n")
    return dict(ENVIRONMENT, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))


def demo(programs: Path, output: Path, *options: str) -> list[str]:
    script = str(ROOT / "examples" / "demo.py")
    return [sys.executable, script, "--programs", str(programs), "--output", str(output), *options]


def run_demo(programs: Path, output: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(demo(programs, output), capture_output=True, text=True, timeout=TIMEOUT, env=environment)


def test_the_demo(programs: Path, tmp_path: Path) -> None:
    got = run_demo(programs, tmp_path, ENVIRONMENT)
    assert (got.returncode, got.stderr) == (0, "")
    assert "estimate" in got.stdout
    assert "truth" in got.stdout
    assert drawn(tmp_path / "find_peak.png")
    assert drawn(tmp_path / "find_peak.svg")
    # The command that it prints names the trace of this run, and no other.
    assert f"make obe && {programs}/obe watch {tmp_path}/find_peak.jsonl\n" in got.stdout
    assert "make demo WATCH=1\n" in got.stdout
    for _ in range(2):
        lines = [json.loads(line) for line in (tmp_path / "find_peak.jsonl").read_text().splitlines()]
        assert lines[0]["trace"] == "obe"
        commands = [line["body"]["command"] for line in lines[1:] if line["direction"] == "received"]
        assert (commands.count("newrun"), commands.count("newdat"), commands[-1]) == (2, 400, "done")
        run_demo(programs, tmp_path, ENVIRONMENT)


@pytest.fixture(scope="session")
def programs_and_obe(programs: Path) -> Iterator[Path]:
    """The directory with the programs and the tool obe."""
    program = programs / "obe"
    build = [os.environ.get("GO") or "go", "build", "-buildvcs=false", "-o", str(program), "./cmd/obe"]
    subprocess.run(build, cwd=ROOT, check=True, env={**os.environ, "CGO_ENABLED": "0"}, timeout=TIMEOUT)
    yield program.parent
    program.unlink()


@contextmanager
def designing(programs: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A running obe design with the experiment of this example, and its port."""
    text = (ROOT / "examples" / "experiments" / "lorentzian.toml").read_text(encoding="utf-8")
    (tmp_path / "dip.toml").write_text("seed = 1\n" + text, encoding="utf-8")
    server = subprocess.Popen(
        [programs / "obe", "design", tmp_path / "dip.toml", ":0"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr is not None
        yield server, int(server.stderr.readline().rpartition(":")[2])
    finally:
        server.kill()
        server.wait()
        if server.stderr is not None:
            server.stderr.close()


def test_obe_design_for_a_program_for_optbayesexpt(programs_and_obe: Path, tmp_path: Path) -> None:
    with designing(programs_and_obe, tmp_path) as (server, port):
        converse(server, port)


def test_obe_design_refuses_what_the_example_refuses(programs_and_obe: Path, tmp_path: Path) -> None:
    """Except a pickiness of null, which is none, and of infinity, which chooses the best setting."""
    accepted = ['{"command": "goodset", "pickiness": null}', '{"command": "goodset", "pickiness": Infinity}']
    with designing(programs_and_obe, tmp_path) as (_, port):
        refused(port, [request for request in BAD_REQUESTS if request not in accepted])
        for request in accepted:
            (setting,) = json.loads(peer.exchange(port, request.encode()))
            assert 1.5 <= setting <= 3.5


def test_obe_design_for_the_instrument_of_optbayesexpt(programs_and_obe: Path, tmp_path: Path) -> None:
    """Its own demo: an instrument that starts server_script.py, and measures three runs. Only the port differs."""
    checkout = os.environ.get("OPTBAYESEXPT")
    if not checkout:
        pytest.skip(f"the demos are not installed: clone {URL} and set OPTBAYESEXPT to the directory")
    shutil.copy(ROOT / "examples" / "experiments" / "lorentzian.toml", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    text = (Path(checkout) / "demos" / "server" / "instrument_controller.py").read_text(encoding="utf-8")
    assert "61981" in text
    (tmp_path / "instrument_controller.py").write_text(text.replace("61981", port), encoding="utf-8")
    command = [str(programs_and_obe / "obe"), "design", "lorentzian.toml", f":{port}"]
    (tmp_path / "server_script.py").write_text(f"import os\nos.execv({command[0]!r}, {command!r})\n", encoding="utf-8")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)  # the instrument starts "python3"
    environment = {**ENVIRONMENT, "PATH": os.pathsep.join([str(programs), os.environ["PATH"]])}
    done = subprocess.run(
        [sys.executable, "instrument_controller.py"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("proceed") == 3
    for run in (1, 2, 3):
        assert f"obe design: run {run}, 200 measurements: centre " in done.stderr
    assert "Traceback" not in done.stderr


def test_obe_design_for_an_instrument(programs_and_obe: Path, instrument: list[Any], tmp_path: Path) -> None:
    with designing(programs_and_obe, tmp_path) as (server, port):
        got = run_instrument(instrument, port, "--seed", "3", "--compare", "--done")
        assert server.wait(TIMEOUT) == 0
        # 0: the estimate agrees with the truth.
        assert (got.returncode, got.stderr) == (0, "")
        assert server.stderr is not None
        said = server.stderr.read()
    # Besides, it tells after which measurements the estimates cannot be trusted, and can be again.
    told = r"(obe design: measurement .*\n)*"
    runs = r"obe design: run 1, 200 measurements: centre .* GHz, depth .*\n", r"obe design: run 2, 200 .*\n"
    assert re.fullmatch(told + runs[0] + told + runs[1], said)


def page_of(run: subprocess.Popen[str]) -> str:
    """The address of the page that the demo prints."""
    assert run.stdout is not None
    for line in run.stdout:
        found = re.fullmatch(r"watch the run: (http://127\.0\.0\.1:\d+/)\n", line)
        if found:
            return found[1]
    assert run.stderr is not None
    problem = run.stderr.read()
    if "built without the page" in problem:
        pytest.skip("this obe was built without the page, which needs npm")
    pytest.fail(f"the demo has shown no page: {problem}")


def is_served(page: str) -> bool:
    try:
        with urllib.request.urlopen(page, timeout=TIMEOUT) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


def test_the_demo_in_the_browser(programs_and_obe: Path, tmp_path: Path) -> None:
    command = demo(programs_and_obe, tmp_path, "--watch", "--no-open")
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as run:
        page = page_of(run)
        assert is_served(page)
        # The page has the run while it is measured: 400 measurements take 10 s.
        deadline = time.monotonic() + TIMEOUT
        trace = tmp_path / "find_peak.jsonl"
        while not trace.exists() or b'"newdat"' not in trace.read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with urllib.request.urlopen(page + "snapshot", timeout=TIMEOUT) as answer:
            assert isinstance(json.load(answer), dict)
        assert run.poll() is None
        said, problem = run.communicate(timeout=TIMEOUT)
    assert run.returncode == 0, problem
    assert "estimate" in said
    assert "press Enter" not in said  # that is for a terminal
    assert re.search(r"obe watch: \d+ messages of \d+ connections", problem)
    assert not is_served(page)


def test_the_demo_in_the_browser_is_interrupted(programs_and_obe: Path, tmp_path: Path) -> None:
    command = demo(programs_and_obe, tmp_path, "--watch", "--no-open")
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as run:
        page = page_of(run)
        run.terminate()
        run.communicate(timeout=TIMEOUT)
    assert run.returncode == 143
    assert not is_served(page)


def test_the_demo_without_a_working_obe(programs: Path, tmp_path: Path) -> None:
    directory = tmp_path / "programs"
    directory.mkdir()
    for program in programs.iterdir():
        if program.name != "obe":
            (directory / program.name).symlink_to(program)
    command = demo(directory, tmp_path, "--watch")
    got = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, env=ENVIRONMENT)
    assert got.returncode == 1
    assert f"{directory}/obe is missing; run make demo WATCH=1" in got.stderr
    (directory / "obe").write_text("#!/bin/sh\necho why it fails >&2; exit 2\n")
    (directory / "obe").chmod(0o755)
    got = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, env=ENVIRONMENT)
    assert got.returncode == 1
    assert "why it fails\n" in got.stderr
    assert "demo: obe watch did not start" in got.stderr


def test_the_demo_without_matplotlib(programs: Path, tmp_path: Path, without_matplotlib: dict[str, str]) -> None:
    got = run_demo(programs, tmp_path, without_matplotlib)
    assert (got.returncode, got.stderr) == (0, "")
    assert "estimate" in got.stdout
    assert "no figure, because matplotlib is not installed" in got.stdout
    assert not (tmp_path / "find_peak.png").exists()


def test_plot_without_matplotlib(port: int, without_matplotlib: dict[str, str]) -> None:
    command = [sys.executable, str(HERE / "instrument.py"), "--port", str(port), "--plot"]
    got = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, env=without_matplotlib)
    assert got.returncode == 1
    assert "pip install matplotlib" in got.stderr
