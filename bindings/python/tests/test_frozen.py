"""Programs frozen by PyInstaller, and python -m libobe."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

import libobe
from conftest import ROOT, python
from libobe import _library

pytestmark = pytest.mark.slow

PACKAGE = ROOT / "bindings" / "python"
HOOK = PACKAGE / "libobe" / "__pyinstaller" / "hook-libobe.py"

EXCHANGE = """
import threading, libobe
server = libobe.Socket("server", port=0, timeout=60)
thread = threading.Thread(target=lambda: server.receive_request().reply([2.5]))
thread.start()
print(libobe.Client(port=server.port, timeout=60).tcmd("x"), libobe._library.library().path)
thread.join()
"""


def test_what_the_hook_collects(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook asks PyInstaller for the libraries in the package, by a pattern that finds ours."""
    asked: list[str] = []

    def collect(package: str) -> list[tuple[str, str]]:
        asked.append(package)
        return [("the library", package)]

    hooks = types.ModuleType("PyInstaller.utils.hooks")
    hooks.collect_dynamic_libs = collect  # type: ignore[attr-defined]
    for name in ("PyInstaller", "PyInstaller.utils"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, hooks.__name__, hooks)
    collected = runpy.run_path(str(HOOK))
    assert collected["binaries"] == [("the library", "libobe")]
    assert asked == ["libobe"]
    assert collected["hiddenimports"] == (["numpy"] if importlib.util.find_spec("numpy") else [])
    # The patterns of collect_dynamic_libs.
    assert any(Path(_library.NAME).match(pattern) for pattern in ("*.dll", "*.dylib", "lib*.so"))


def test_the_entry_point_names_the_directory_of_the_hook() -> None:
    text = (PACKAGE / "pyproject.toml").read_text(encoding="utf-8")
    value = re.findall(r'^\[project\.entry-points\.pyinstaller40\]\nhook-dirs = "(.*)"$', text, re.M)
    (point,) = (importlib.metadata.EntryPoint("hook-dirs", name, "pyinstaller40") for name in value)
    assert [Path(directory) for directory in point.load()()] == [HOOK.parent]
    assert HOOK.exists()


@pytest.mark.parametrize("mode", ["--onedir", "--onefile"])
def test_a_frozen_program_finds_the_library(mode: str, tmp_path: Path) -> None:
    """Where PyInstaller is installed; the tests above need only the package."""
    if not importlib.util.find_spec("PyInstaller"):
        pytest.skip("PyInstaller is not installed")
    shutil.copytree(PACKAGE / "libobe", tmp_path / "libobe", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    shutil.copyfile(Path(os.environ["OBE_LIBRARY"]).resolve(), tmp_path / "libobe" / _library.NAME)
    (tmp_path / "program.py").write_text(EXCHANGE)
    clean = {name: value for name, value in os.environ.items() if name not in ("OBE_LIBRARY", "PYTHONPATH")}
    # The entry point exists only where the package is installed.
    hook = f"--additional-hooks-dir={tmp_path / 'libobe' / '__pyinstaller'}"
    options = ["-y", "--log-level=ERROR", "--exclude-module=numpy", "--distpath=dist", mode, hook, "program.py"]
    subprocess.run([sys.executable, "-m", "PyInstaller", *options], cwd=tmp_path, env=clean, check=True)
    shutil.rmtree(tmp_path / "libobe")
    program = tmp_path / "dist" / ("program" if mode == "--onefile" else "program/program")
    done = subprocess.run([str(program)], cwd=tmp_path, env=clean, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[2.5] ")
    assert done.stdout.rstrip().endswith(os.path.join("libobe", _library.NAME))


def run_module(**environment: str) -> subprocess.CompletedProcess[str]:
    full = {**os.environ, "PYTHONPATH": str(PACKAGE), **environment}
    return subprocess.run([sys.executable, "-m", "libobe"], env=full, capture_output=True, text=True)


def test_the_report() -> None:
    done = run_module()
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    version = re.escape(libobe.__version__)
    for line, pattern in zip(
        lines,
        (
            rf"libobe +{version} in {re.escape(str(PACKAGE / 'libobe'))}",
            rf"library +{version} in {re.escape(os.environ['OBE_LIBRARY'])}",
            rf"OBE_LIBRARY +{re.escape(os.environ['OBE_LIBRARY'])}",
            r"Python +\d+\.\d+\.\d+ \(\w+, .*\)",
            r"packages +numpy .*, optbayesexpt .*",
        ),
    ):
        assert re.fullmatch(pattern, line), line


@pytest.mark.parametrize("path", ["/nowhere/libobe.so", "libm.so.6"])
def test_the_report_without_the_library(path: str) -> None:
    done = run_module(OBE_LIBRARY=path)
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (1, "", 5)
    assert path in done.stdout.splitlines()[1]


def test_importing_the_module_prints_nothing() -> None:
    assert python("import libobe.__main__").stdout == ""
