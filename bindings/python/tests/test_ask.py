"""python -m libobe ready and call, with the arguments and the exit statuses of the tool obe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

import peer
from conftest import ROOT

pytestmark = pytest.mark.slow  # each test starts Python


def start(*arguments: str | bytes) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python"), "PYTHONIOENCODING": "utf-8"}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-m", "libobe", *arguments], env=env, stdin=pipe, stdout=pipe, stderr=pipe)


def ask(*arguments: str | bytes, stdin: str = "") -> tuple[int, str, str]:
    """The exit status and what was printed."""
    process = start(*arguments)
    out, err = process.communicate(stdin.encode(), timeout=peer.HANGS)
    return process.returncode, out.decode(), err.decode()


def at(server: peer.Server) -> str:
    return f"127.0.0.1:{server.port}"


def unused() -> str:
    with peer.Server(answer=lambda body: body) as server:
        return at(server)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["goodset"], '{"command": "goodset"}'),
        (["newdat", "x=[2.5]", "s=0.1", "note=dip"], '{"command": "newdat", "x": [2.5], "s": 0.1, "note": "dip"}'),
        (
            ["c", "a=25", "b=25.0", "c=1e400", "d=NaN", "e=01", "f=", 'g="4"', "ä=ü=:"],
            '{"command": "c", "a": 25, "b": 25.0, "c": 1e400, "d": NaN, "e": "01", "f": "", "g": "4", "ä": "ü=:"}',
        ),
        (['{"command": "x:y=z"}'], '{"command": "x:y=z"}'),
        (["[1, {}]"], "[1, {}]"),
    ],
)
def test_call(echo: peer.Server, arguments: list[str], message: str) -> None:
    assert ask("call", at(echo), *arguments) == (0, message + "\n", "")


def test_call_from_stdin(echo: peer.Server) -> None:
    assert ask("call", at(echo), "-", "--timeout", "20s", stdin='{"command":\n "a\\nb"}\n') == (
        0,
        '{"command":  "a\\nb"}\n',
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "line", "caret"),
    [
        (["goodset", "pickiness"], "pickiness", 9),
        (["goodset", "=4"], "=4", 0),
        (["pickiness=4"], "pickiness=4", 0),
        (["goodset", "x=[2.5, y]"], "x=[2.5, y]", 8),
        (["goodset", 'é="a'], 'é="a', 2),
        (["goodset", "日本=[x]"], "日本=[x]", 6),
        (["goodset", "a=1", "a=2"], "a=2", 0),
        (["goodset", "command=2"], "command=2", 0),
        (['{"command": goodset}'], '{"command": goodset}', 12),
        (['{"command": "a"}', "x=1"], "x=1", 0),
        ([b"a\xffb"], "a\\udcffb", 1),
        ([":x", "a"], ":x", 1),
        (["[::1]", "a"], "[::1]", 5),
        (["::1", "a"], "::1", 0),
    ],
)
def test_mistakes(arguments: list[str | bytes], line: str, caret: int) -> None:
    status, out, err = ask("call", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("libobe call: ")
    assert err.endswith(f"\n  {line}\n  {' ' * caret}^\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["call"],
        ["call", ":5"],
        ["call", "a", "--timeout", "x"],
        ["cal", "x"],
        ["ready", "lab 3:5"],
        ["call", "[" * 600 + "]" * 600],
    ],
)
def test_usage(arguments: list[str]) -> None:
    status, out, err = ask(*arguments)
    assert (status, out) == (2, "")
    assert "libobe" in err
    assert "Traceback" not in err


def test_help() -> None:
    for arguments in (["-h"], ["ready", "--help"], ["call", "--help"]):
        status, out, err = ask(*arguments)
        assert (status, err) == (0, "")
        assert out.startswith("usage: python -m libobe ")


def test_place_in_several_lines() -> None:
    status, _, err = ask("call", "-", stdin='{"command":\n "a", }\n')
    assert status == 2
    assert '(line 2)\n   "a", }\n        ^\n' in err


def test_error_reply() -> None:
    with peer.Server(answer=lambda body: b'{"error": "no such\\nsetting"}') as server:
        assert ask("call", at(server), "c") == (
            1,
            '{"error": "no such\\nsetting"}\n',
            "libobe call: the server answered with an error: no such\\nsetting\n",
        )


def test_ready(echo: peer.Server) -> None:
    for arguments in (["ready", at(echo)], ["ready", "--wait", "20", at(echo)]):
        assert ask(*arguments) == (0, "", "")


def test_no_answer(mute: peer.Server) -> None:
    for arguments, why in (
        (["ready", unused()], "no server is listening there; ready --wait 30s waits for one that is starting"),
        (["ready", unused(), "--wait", "0.1"], "no server answered within 100 ms"),
        (["call", unused(), "c"], "no server is listening there"),
        (["call", at(mute), "c", "--timeout", "100ms"], "no reply within 100 ms"),
    ):
        status, out, err = ask(*arguments)
        assert (status, out) == (3, "")
        assert why in err
        assert "Traceback" not in err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals(number: signal.Signals, status: int) -> None:
    with peer.Server(answer=lambda body: None) as server:
        process = start("call", at(server), "c")
        assert server.got_request.acquire(timeout=peer.TIMEOUT)
        process.send_signal(number)
        out, err = process.communicate(timeout=peer.HANGS)
        assert (process.returncode, out, err) == (status, b"", b"")


def test_closed_output(echo: peer.Server) -> None:
    process = start("call", at(echo), "-")
    assert process.stdout
    assert process.stdin
    assert process.stderr
    process.stdout.close()
    process.stdin.write(b"1")
    process.stdin.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(peer.HANGS) == 141


BIG = "9" * 5000  # int() refuses so many digits


def test_big_integers(echo: peer.Server) -> None:
    message = f'{{"command": "c", "a": {BIG}, "b": [-{BIG}]}}'
    assert ask("call", at(echo), "c", f"a={BIG}", f"b=[-{BIG}]") == (0, message + "\n", "")
    assert ask("call", at(echo), message) == (0, message + "\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize(
    ("redirection", "status", "line"),
    [
        (">&-", 0, ""),
        (">&- 2>&-", 0, ""),
        (">/dev/full", 1, "libobe call: cannot write the result: No space left on device"),
        ("- <&-", 2, "libobe call: invalid JSON: Expecting value"),
        ("- 0>/dev/null", 2, "libobe call: cannot read the standard input: Bad file descriptor"),
    ],
)
def test_streams(echo: peer.Server, redirection: str, status: int, line: str) -> None:
    if "/dev/full" in redirection and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    message = "" if redirection.startswith("-") else "c"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")}
    script = f'exec "$0" -m libobe call "$1" {message} {redirection}'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, at(echo)], env=env, capture_output=True, text=True, timeout=peer.HANGS
    )
    assert done.returncode == status, done.stderr
    assert done.stderr.split("\n")[0] == line


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_no_answer_without_a_standard_error(redirection: str) -> None:
    """The status tells, and the sentence does not go to the standard output."""
    if "/dev/full" in redirection and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    env = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")}
    script = f'exec "$0" -m libobe ready "$1" {redirection}'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, unused()], env=env, capture_output=True, text=True, timeout=peer.HANGS
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


@pytest.mark.parametrize("arguments", [[], ["--help"]], ids=str)
def test_report_and_help_into_a_closed_pipe(arguments: list[str | bytes]) -> None:
    process = start(*arguments)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stdin.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(peer.HANGS) == 141
