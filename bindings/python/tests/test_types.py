"""Type checks of programs: right ones pass, and a typo fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from tools import missing

pytestmark = pytest.mark.slow

RIGHT = """
from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy
from numpy.typing import NDArray

import libobe
from libobe import Client, Request, Socket, errors

client = Client("127.0.0.1", 61981, timeout=timedelta(seconds=5), fields={"instrument": 3})
client.timeout = timedelta(seconds=5)
client.timeout = 5
client.timeout = None
client.persistent = True
client.fields = {**client.fields, "gain": 2.5}
mean: NDArray[numpy.float64] = client.getmean(timeout=5)
first: float = float(client.getcov()[0, 0])
reply: dict[str, Any] = client.tcmd({"command": "x"}, timeout=1.5)
array = client.tcmd({"command": "getpar"}, arrays="numpy")
array.mean()
array["a"]["b"]
client.newrun(timeout=3, steps=25)
seconds: float | None = client.timeout


class Instrument(Client):
    def __init__(self) -> None:
        super().__init__()
        self.gain = 1.0


def handle(request: Request) -> None:
    peer: str = request.peer
    done: bool = request.reply({"peer": peer, "value": request.value})


try:
    Socket("server", port=0).serve(handle)
except (errors.TimeoutError, libobe.errors.PeerClosedError) as error:
    code: int = error.code
except errors.RefusedError as refused:
    number = refused.errno
"""

WRONG = """
import libobe
from libobe import Client, Socket, errors

client = Client()
Socket("clinet")  # arg-type
Client(61981)  # arg-type
Client(port="61981")  # arg-type
Client(timeout="5")  # arg-type
Client(fields=[1])  # arg-type
errors.TimeuotError  # attr-defined
libobe.errors.make(-8004).cod  # attr-defined
client.tiemout = 5  # attr-defined
client.timeout = "5"  # assignment
client.port = "x"  # assignment
client.tcmd({}, arrays="nmpy")  # arg-type
client.receive(timeuot=5)  # call-arg
client.getmaen()  # attr-defined
client.getmean().shap  # attr-defined
client.getmean(timeuot=5)  # call-arg
client.newdat(1, 2)  # call-arg
client.ready().x  # func-returns-value|attr-defined
client.fields["a"] = 1  # index
Socket("server").receive_request().per  # attr-defined
"""


def check(directory: Path, code: str) -> list[tuple[int, str]]:
    """The line and the code of each error that mypy reports."""
    (directory / "program.py").write_text(code)
    options = ["--strict", "--config-file=", "--cache-dir", str(directory / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "program.py"],
        cwd=directory,
        env={**os.environ, "MYPYPATH": str(ROOT / "bindings" / "python")},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(r"^program\.py:(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.M)
    return [(int(line), kind) for line, kind in found]


def test_types(tmp_path: Path) -> None:
    for module in ("mypy", "numpy"):
        if subprocess.run([sys.executable, "-c", f"import {module}"]).returncode:
            missing(module)
    assert check(tmp_path, RIGHT) == []
    expected = {
        number: kinds.split("|")
        for number, line in enumerate(WRONG.splitlines(), 1)
        for kinds in re.findall(r"# (.*)$", line)
    }
    found = dict(check(tmp_path, WRONG))
    assert set(found) == set(expected)
    for number, kinds in expected.items():
        assert found[number] in kinds, WRONG.splitlines()[number - 1]


def test_types_without_numpy(tmp_path: Path) -> None:
    """They can be used where numpy is not installed; its arrays are then Any."""
    if subprocess.run([sys.executable, "-c", "import mypy"]).returncode:
        missing("mypy is not installed")
    program = tmp_path / "program.py"
    program.write_text("import libobe\nlibobe.Client().getmean().anything\nreveal_type(libobe.Client().getmean())\n")
    options = ["--strict", "--config-file=", "--no-site-packages", "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT / "bindings" / "python")},
        capture_output=True,
        text=True,
    )
    assert "Success" in done.stdout, done.stdout + done.stderr
    assert 'Revealed type is "Any"' in done.stdout


@pytest.mark.parametrize("name", ["TimeuotError", "CODES"])
def test_errors_has_only_its_own_names(name: str) -> None:
    from libobe import errors

    assert not hasattr(errors, name)
