"""The package that pip builds: it contains the library and needs nothing else."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from libobe import _abi, _library
from tools import missing


def version(package: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in importlib.metadata.version(package).split(".")[:2])
    except importlib.metadata.PackageNotFoundError:
        return ()


@pytest.mark.slow
def test_wheel(tmp_path: Path) -> None:
    if not version("pip") or version("setuptools") < (77, 0):
        missing("pip with setuptools 77.0.3 or later is not installed")
    source = tmp_path / "source"
    shutil.copytree(
        ROOT / "bindings" / "python", source, ignore=shutil.ignore_patterns("build", "*.egg-info", "*.so", "tests")
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("OBE_LIBRARY", "PYTHONPATH")}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)]

    without = subprocess.run(build, env={**environment, "OBE_LIBRARY": "nowhere"}, capture_output=True, text=True)
    assert without.returncode
    assert "nowhere is missing" in without.stdout + without.stderr

    library = os.environ["OBE_LIBRARY"]
    subprocess.run(build, env={**environment, "OBE_LIBRARY": library}, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith("libobe-")
    assert "-py3-none-" in wheel.name
    assert not wheel.name.endswith("-any.whl")

    target = tmp_path / "installed"
    install = [*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    subprocess.run(install, env=environment, capture_output=True, check=True)
    assert (target / "libobe" / "py.typed").exists()
    code = "import libobe; print(libobe.Socket('server', port=0).port > 0, libobe.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=target, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"True {target / 'libobe' / '__init__.py'}\n"


def test_the_signatures_of_all_functions_that_the_package_calls() -> None:
    """The generator of _abi.py writes only those that the binding needs."""
    package = ROOT / "bindings" / "python" / "libobe"
    sources = "".join(path.read_text(encoding="utf-8") for path in package.glob("*.py") if path.name != "_abi.py")
    called = {f"obe_{name}" for name in re.findall(r"\b_?lib\.(?:obe|untyped)_(\w+)", sources)}
    assert "obe_client_new" in called
    assert called == set(_abi.FUNCTIONS)
    assert set(_library.UNTYPED) <= called
