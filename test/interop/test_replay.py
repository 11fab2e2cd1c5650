"""obe record and obe replay as processes, with the bare-socket peer, libobe's binding and the example of a designer."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import libobe
import peer

ROOT = Path(__file__).resolve().parents[2]
OK = b'"OK"'


@contextmanager
def started(*command: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A program that is killed at the end."""
    program = subprocess.Popen(
        [str(word) for word in command],
        env={**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python"), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        try:
            yield program
        finally:
            program.kill()


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=peer.HANGS)


def port_of(line: str) -> int:
    """The port in the first line of a server."""
    found = re.search(r"listening on (?:port |127\.0\.0\.1:)(\d+)", line)
    assert found, line
    return int(found[1])


@contextmanager
def designer(**environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The example of a designer, and its port. Its posterior depends on nothing but newrun and newdat."""
    with started(sys.executable, ROOT / "examples/python/peak_server.py", "--port", 0, **environment) as program:
        assert program.stdout
        yield program, port_of(program.stdout.readline())


@contextmanager
def proxy(obe: str, to: int, out: Path) -> Iterator[int]:
    """A proxy that records, and its port. It is ended as Ctrl-C ends it."""
    with started(obe, "record", "--listen", ":0", "--to", f":{to}", "--out", out) as program:
        assert program.stderr
        yield port_of(program.stderr.readline())
        program.send_signal(signal.SIGINT)
        assert program.wait(peer.TIMEOUT) == 130


def knowledge(port: int) -> list[bytes]:
    return [peer.exchange(port, b'{"command": "%s"}' % command) for command in (b"getmean", b"getstd")]


# -- after a crash -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recorder", ["server", "client", "proxy"])
def test_the_posterior_is_back_after_a_crash(obe: str, recorder: str, tmp_path: Path) -> None:
    trace = tmp_path / "run.jsonl"
    noise = random.Random(7)

    def measure(port: int) -> None:
        with libobe.Client(port=port, timeout=peer.TIMEOUT) as client:
            if recorder == "client":
                client.set_option("trace", str(trace))
            for run in range(2):
                client.newrun()
                for _ in range(20 + run):
                    (x,) = client.optset()
                    client.newdat([x], noise.gauss(1 - 0.03 / (((x - 2871 - run) * 2 / 5.0) ** 2 + 1), 0.01), 0.01)
                with pytest.raises(libobe.errors.ReplyError):
                    client.newdat([x], 1.0, -1.0)  # refused

    with designer(**({"OBE_TRACE": str(trace)} if recorder == "server" else {})) as (server, port):
        if recorder == "proxy":
            with proxy(obe, port, trace) as between:
                measure(between)
        else:
            measure(port)
        before = knowledge(port)
        server.send_signal(signal.SIGKILL)
        server.wait(peer.TIMEOUT)

    listed = run(obe, "replay", trace, "--list")
    runs = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [(run["run"], run["newrun"], run["newdat"], run["refused"]) for run in runs] == [
        (1, True, 21, 1),
        (2, True, 22, 1),
    ]

    with designer() as (_, port):
        assert knowledge(port) != before
        for again in range(2):  # newrun makes it fresh
            replayed = run(obe, "replay", trace, "--to", f":{port}", *["--persistent"] * again)
            assert (replayed.returncode, replayed.stdout) == (0, ""), replayed.stderr
            assert "1 command that the recorded server refused is left out" in replayed.stderr
            assert "22 commands to 127.0.0.1" in replayed.stderr
            assert knowledge(port) == before


def test_a_crash_while_a_measurement_is_sent(obe: str, tmp_path: Path) -> None:
    """What got no reply is replayed once, also if the instrument has sent it again."""
    trace = tmp_path / "run.jsonl"
    with designer() as (server, port), proxy(obe, port, trace) as between:
        peer.exchange(between, b'{"command": "newrun"}')
        server.send_signal(signal.SIGSTOP)
        with peer.connect(between) as conn:
            peer.whole(conn, b'{"command": "newdat", "x": [2870], "y": 0.97, "s": 0.01}')
            # The proxy has passed on the command when it is in the trace.
            assert peer.eventually(lambda: '"newdat"' in trace.read_text())
            server.send_signal(signal.SIGKILL)
            server.wait(peer.TIMEOUT)
            assert peer.ended(conn)
    with designer() as (_, port):
        assert run(obe, "replay", trace, "--to", f":{port}").returncode == 0
        expected = knowledge(port)
    with open(trace, "a") as more:
        more.write(next(line for line in trace.read_text().splitlines() if '"newdat"' in line) + "\n")
    with designer() as (_, port):
        replayed = run(obe, "replay", trace, "--to", f":{port}")
        assert (replayed.returncode, knowledge(port)) == (0, expected)
        assert "1 command without a reply, which the client sent again, is left out" in replayed.stderr


# -- with the bare-socket peer -----------------------------------------------------------------------------------------

EXCHANGES = [
    (b'{"command": "ready"}', OK),
    (b' {"command": "newrun",\t"steps": 1e1} ', b' "OK"'),
    (b'{"command": "goodset", "pickiness": 4}', b"[2.50, NaN]"),
    (b'{"command": "goodset", "pickiness": 4}', b"[-Infinity]"),
    ('{"command": "newdat", "x": [1.0], "y": NaN, "s": 1e999, "note": "\u00e9\\u00e9\\ud800"}'.encode(), OK),
    (b'{"command": "goodset", "pickiness": 5}', b'{"error": "no", "command": "goodset"}'),
    (b'{"command": "newdat", "y": [' + b"1.5, " * 100_000 + b"0]}", OK),
    (b'{"command": "newdat", "y": 123456789012345678901234567890}', OK),
    (b'{"command": "done"}', OK),
]
MEASUREMENTS = [EXCHANGES[i][0] for i in (1, 4, 6, 7)]


@pytest.fixture
def recording(obe: str, tmp_path: Path) -> Path:
    """A trace of EXCHANGES between two bare-socket peers."""
    trace = tmp_path / "run.jsonl"
    replies = dict(EXCHANGES)
    later = iter([reply for body, reply in EXCHANGES if body == EXCHANGES[2][0]])
    with peer.Server(lambda body: next(later) if body == EXCHANGES[2][0] else replies[body]) as server:
        with proxy(obe, server.port, trace) as port:
            for body, reply in EXCHANGES:
                assert peer.exchange(port, body) == reply
        assert server.deaths == []
    return trace


def test_to_a_server_that_reads_one_message_per_connection(obe: str, recording: Path) -> None:
    for arguments, expected in ([], MEASUREMENTS), (["--all"], [body for body, _ in EXCHANGES]):
        with peer.Server(dict(EXCHANGES).__getitem__) as server:
            replayed = run(obe, "replay", recording, "--to", f"127.0.0.1:{server.port}", *arguments)
            assert (replayed.returncode, replayed.stdout) == (0, ""), replayed.stderr
            first = expected.index(MEASUREMENTS[0])  # the run begins with newrun
            assert (server.requests, server.connections, server.deaths) == (expected[first:], len(expected[first:]), [])
        shown = subprocess.run([obe, "replay", recording, "--dry-run", *arguments], capture_output=True)
        assert shown.returncode == 0
        assert shown.stdout.splitlines() == expected[first:]


def test_as_the_recorded_server(obe: str, recording: Path) -> None:
    with started(obe, "replay", recording, "--as-server", "--listen", ":0") as program:
        assert program.stderr
        port = port_of(program.stderr.readline())
        for body, reply in EXCHANGES[:-1]:
            assert peer.exchange(port, body.replace(b" ", b"") if b"note" not in body else body) == reply
        assert peer.exchange(port, b'{"pickiness": 4, "command": "goodset"}') == b"[-Infinity]"
        assert peer.exchange(port, b'{"command": "newdat", "y": 0}') == OK
        assert peer.exchange(port, b'{"command": "ready"}') == OK
        unknown = json.loads(peer.exchange(port, b'{"command": "getcov"}'))
        assert unknown == {"error": "the trace has no such command", "command": "getcov"}
        assert peer.exchange(port, b'{"command": "done"}') == OK
        assert program.wait(peer.TIMEOUT) == 0
        told = program.stderr.read()
        for sentence in (
            "goodset comes more often",
            "newdat has other members",
            "getcov was not recorded",
            "13 commands answered",
        ):
            assert sentence in told


def test_a_recorded_crash_as_the_server(obe: str, tmp_path: Path) -> None:
    """A command without a recorded reply gets none: the client sees the end of the connection."""
    trace = tmp_path / "run.jsonl"
    line = '{"role":"client","direction":"%s","peer":"a","local":"b","body":%s}\n'
    trace.write_text(
        line % ("sent", '{"command": "newrun"}')
        + line % ("received", '"OK"')
        + line % ("sent", '{"command": "optset"}')
    )
    with started(obe, "replay", trace, "--as-server", "--listen", ":0", "--run", 1) as program:
        assert program.stderr
        port = port_of(program.stderr.readline())
        with peer.connect(port) as conn:
            peer.whole(conn, b'{"command": "optset"}')
            assert "optset got no reply" in program.stderr.readline()
            assert peer.exchange(port, b'{"command": "newrun"}') == OK
            assert peer.ended(conn)
        program.send_signal(signal.SIGTERM)
        assert program.wait(peer.TIMEOUT) == 143


@pytest.mark.parametrize("width", [80, 30])
def test_progress_is_shown_at_a_terminal(obe: str, recording: Path, width: int) -> None:
    """The bar is cleared at the end. Elsewhere there is none; see the tests above."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    answer = threading.Semaphore(0)

    def slowly(body: bytes) -> bytes:
        assert answer.acquire(timeout=peer.TIMEOUT)
        return OK

    with (
        peer.Server(slowly) as server,
        subprocess.Popen(
            [obe, "replay", recording, "--to", f":{server.port}"], stdout=subprocess.PIPE, stderr=theirs
        ) as program,
    ):
        os.close(theirs)
        shown = b""
        for _ in MEASUREMENTS:
            answer.release()
            assert server.got_request.acquire(timeout=peer.TIMEOUT)
        while True:
            try:
                shown += os.read(ours, 1 << 16)
            except OSError:
                break
        assert program.wait(peer.TIMEOUT) == 0
        assert program.stdout
        assert program.stdout.read() == b""
    os.close(ours)
    assert b"/4" in shown
    assert b"%" in shown
    assert shown.rstrip(b"\r\n").split(b"\r")[-1].startswith(b"obe replay: 4 commands to ")


# -- what fails --------------------------------------------------------------------------------------------------------


def test_it_stops_at_the_first_reply_that_is_not_ok(obe: str, recording: Path) -> None:
    for reply, arguments in (b'{"error": "full"}', []), (b"[1]", []), (b'{"error": "full"}', ["--all"]):
        replies = {**dict(EXCHANGES), MEASUREMENTS[2]: reply}
        with peer.Server(replies.__getitem__) as server:
            replayed = run(obe, "replay", recording, "--to", f":{server.port}", *arguments)
            assert server.requests[-1] == MEASUREMENTS[2]
        place = "command 6 of 8" if arguments else "command 3 of 4"
        assert (replayed.returncode, replayed.stdout) == (1, "")
        assert f"stopped at {place}, newdat ({recording}, line " in replayed.stderr
        assert reply.decode() in replayed.stderr


def test_no_server_and_no_answer(obe: str, recording: Path) -> None:
    with peer.Server(lambda body: None) as server:
        silent = run(obe, "replay", recording, "--to", f":{server.port}", "--timeout", "200ms")
        assert server.requests == MEASUREMENTS[:1]
    gone = run(obe, "replay", recording, "--to", f":{server.port}")
    for replayed in silent, gone:
        assert (replayed.returncode, replayed.stdout) == (3, "")
        assert "stopped at command 1 of 4, newrun" in replayed.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it(obe: str, recording: Path, number: signal.Signals, status: int) -> None:
    with (
        peer.Server(lambda body: None) as server,
        started(obe, "replay", recording, "--to", f":{server.port}") as program,
    ):
        assert server.got_request.acquire(timeout=peer.TIMEOUT)
        program.send_signal(number)
        assert program.wait(peer.TIMEOUT) == status
        assert program.stderr
        assert "stopped at command 1 of 4" in program.stderr.read()


def test_a_closed_output_ends_it(obe: str, recording: Path) -> None:
    output, closed = os.pipe()
    os.close(output)
    shown = subprocess.run([obe, "replay", recording, "--dry-run"], stdout=closed, stderr=subprocess.PIPE)
    os.close(closed)
    assert shown.returncode == 141


def test_the_port_is_taken(obe: str, recording: Path) -> None:
    with peer.Server() as server:
        refused = run(obe, "replay", recording, "--as-server", "--listen", f":{server.port}")
    assert refused.returncode == 2
    assert str(server.port) in refused.stderr
    assert ":0" in refused.stderr


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        (None, ["--list"], "no such file"),
        ("", ["--list"], "has no commands"),
        ("1 2\n", ["--list"], "is not a trace"),
        ('{"trace":"obe","version":2}\n', ["--list"], "another version"),
        ("RUN", [], "--to ADDRESS"),
        ("RUN", ["--to", "here"], "--to: an address has a port"),
        ("RUN", ["--to", ":1", "--as-server"], "to"),
        ("RUN", ["--to", ":1", "--listen", ":2"], "--listen is for --as-server"),
        ("RUN", ["--as-server", "--all"], "--all and --as-server exclude each other"),
        ("RUN", ["--run", "2", "--dry-run"], "--run 2: FILE has 1 run; --list prints them"),
        ("RUN", ["--run", "0", "--as-server"], "--run 0"),
        ("RUN", ["--as-server", "--listen", ":0", "--tls-cert", "missing.pem"], "--tls-cert"),
        ('{"role":"client","direction":"sent","body":{"command":"ready"}}\n', ["--dry-run"], "FILE has no run"),
        (
            '{"role":"client","direction":"sent","cut":true,"body":"{\\"command\\": \\"newdat\\""}\n',
            ["--dry-run"],
            "FILE, line 1",
        ),
    ],
)
def test_wrong_command_lines_and_files(
    obe: str, recording: Path, tmp_path: Path, text: str | None, arguments: list[str], sentence: str
) -> None:
    path = recording
    if text != "RUN":
        path = tmp_path / "other.jsonl"
        if text is not None:
            path.write_text(text)
    refused = run(obe, "replay", path, *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert sentence.replace("FILE", str(path)) in refused.stderr
    assert refused.stderr.startswith("obe replay: ")


def test_a_damaged_trace_is_replayed_and_told(obe: str, recording: Path) -> None:
    lines = recording.read_text().splitlines(keepends=True)
    recording.write_text("".join([*lines[:3], lines[3][:40] + lines[4], *lines[5:]]) + '{"time":')
    shown = run(obe, "replay", recording, "--dry-run")
    assert shown.returncode == 0
    assert f"2 lines in {recording} are not complete, and skipped" in shown.stderr
