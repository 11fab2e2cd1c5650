"""The library in a process that uses multiprocessing or faulthandler, and the trace."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import libobe
import peer
from conftest import ROOT

pytestmark = pytest.mark.slow

WORKERS = """
import multiprocessing, sys, libobe

def work(number):
    try:
        with libobe.Socket("client", port=int(sys.argv[1]), timeout=60) as client:
            return client.tcmd({"n": number})["n"]
    except libobe.errors.ForkedError as error:
        return str(error)

if __name__ == "__main__":
    client = libobe.Socket("client", port=int(sys.argv[1]), timeout=60)
    server = libobe.Socket("server", port=0)
    assert client.tcmd(0) == 0
    with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
        for result in pool.map(work, range(6), chunksize=1):
            print(result)
    assert client.tcmd(1) == 1
"""


def script(
    directory: Path, code: str, *arguments: object, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run code as a program with a file, because spawn imports the main module again."""
    path = directory / "program.py"
    path.write_text(code)
    full = {**os.environ, "PYTHONPATH": str(ROOT / "bindings" / "python")}
    command = [sys.executable, "-W", "ignore", *options, str(path), *map(str, arguments)]
    return subprocess.run(command, env=full, capture_output=True, text=True, timeout=peer.HANGS)


def test_multiprocessing_by_spawn(echo: peer.Server, tmp_path: Path) -> None:
    done = script(tmp_path, WORKERS, echo.port, "spawn")
    assert (done.stdout.split(), done.stderr, done.returncode) == (list("012345"), "", 0)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_multiprocessing_by_fork_is_refused(echo: peer.Server, tmp_path: Path) -> None:
    done = script(tmp_path, WORKERS, echo.port, "fork")
    outcomes = done.stdout.splitlines()
    assert (len(outcomes), done.stderr, done.returncode) == (6, "", 0)
    for outcome in outcomes:
        assert "OBE_E_FORKED" in outcome
        assert "spawn" in outcome


@pytest.mark.skipif(not hasattr(signal, "SIGSEGV") or sys.platform == "win32", reason="needs signals")
def test_a_crash_is_left_to_faulthandler(echo: peer.Server, tmp_path: Path) -> None:
    """A crash is reported by faulthandler if it is enabled, and ends the program by the same signal as always."""
    code = (
        "import faulthandler, sys, libobe\n"
        "assert libobe.Socket('client', port=int(sys.argv[1]), timeout=60).tcmd(1) == 1\n"
        "faulthandler._sigsegv()\n"
    )
    for options in ((), ("-X", "faulthandler")):
        done = script(tmp_path, code, echo.port, options=options)
        assert done.returncode == -signal.SIGSEGV
        assert ("Fatal Python error: Segmentation fault" in done.stderr) == bool(options)
        assert "goroutine" not in done.stderr
        assert "SIGSEGV" not in done.stderr


def test_trace(echo: peer.Server, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    with libobe.Socket("client", port=echo.port, timeout=peer.TIMEOUT) as client:
        client.set_option("trace", str(path))
        values = [{"a": [1.5, "ü\n"]}, float("inf"), "x" * 2_000_000]
        for value in values:
            assert client.tcmd(value) == value
        assert client.stats()["trace_failed"] == 0
        missing = tmp_path / "missing" / "trace.jsonl"
        with pytest.raises(OSError, match=re.escape(str(missing))):
            client.set_option("trace", str(missing))
        other = tmp_path / "data.csv"
        other.write_text("x,y\n1,2\n", encoding="utf-8")
        with pytest.raises(ValueError, match=r"data\.csv: this is not a trace.*choose another file"):
            client.set_option("trace", str(other))
        shared = tmp_path / "shared.jsonl"
        shared.touch()
        if os.name == "posix":
            shared.chmod(0o666)
            with pytest.raises(PermissionError, match="other users can write to it"):
                client.set_option("trace", str(shared))
        assert client.get_option("trace") == str(path)
        missing.parent.mkdir()
        client.set_option("trace", str(missing))
        shutil.rmtree(missing.parent)
        assert client.tcmd(1) == 1
        assert client.stats()["trace_failed"] == 2
        assert str(missing) in str(client.get_option("trace_error"))
    first, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert (first["trace"], first["version"]) == ("obe", 1)
    assert [line["direction"] for line in lines] == ["sent", "received"] * 3
    assert {line["peer"] for line in lines} == {f"127.0.0.1:{echo.port}"}
    for line, value in zip(lines, [value for value in values for _ in range(2)]):
        if line.get("cut"):
            assert line["size"] == 2_000_002
            assert line["body"] == '"' + "x" * ((1 << 20) - 1)
        else:
            assert line["body"] == value
