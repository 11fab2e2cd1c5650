"""Adds the shared library to the package. Everything else is in pyproject.toml."""

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parents[2]


def shared_library() -> Path:
    """The library to include: the one that OBE_LIBRARY names, or the checkout's, which is built if it is missing."""
    named = os.environ.get("OBE_LIBRARY")
    path = Path(named) if named else ROOT / "build" / "libobe.so"
    if not named and not path.exists() and shutil.which("make") and shutil.which("go"):
        subprocess.run(["make", "-C", ROOT], check=True)
    if not path.exists():
        raise SystemExit(f"{path} is missing: run 'make' in a checkout of libobe, or set OBE_LIBRARY to the library")
    return path


class BuildWithLibrary(build_py):
    def run(self) -> None:
        super().run()
        # An editable install runs from the source directory.
        directory = Path("libobe") if self.editable_mode else Path(self.build_lib, "libobe")
        directory.mkdir(parents=True, exist_ok=True)
        library = shared_library()
        name = library.name if library.suffix == ".dll" else "libobe.so"
        shutil.copyfile(library.resolve(), directory / name)


class PlatformWheel(bdist_wheel):
    def get_tag(self) -> tuple[str, str, str]:
        # Any Python can load the library through ctypes, but only on its platform.
        return "py3", "none", super().get_tag()[2]


class PlatformDistribution(Distribution):
    def has_ext_modules(self) -> bool:
        return True


setup(distclass=PlatformDistribution, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
