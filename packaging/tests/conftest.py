"""What the tests of the packages share: everything that "make dist" makes, built once, and programs that use it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONSUMER = Path(__file__).parent / "consumer"
ANSWER = "[2.87]"  # what the consumers print before the version

header = (ROOT / "include" / "obe.h").read_text()
VERSION = re.findall(r'^#define OBE_VERSION "(.*)"', header, re.M)[0]
# Every header that is installed declares functions, and none is in two of them.
FUNCTIONS = sorted(
    name
    for path in (ROOT / "include").glob("*.h")
    for name in re.findall(r"^\w[\w *]*?\b(obe_\w+)\(", re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S), re.M)
)


def tool(name: str, package: str) -> str:
    """The path of a program that a test cannot do without."""
    path = shutil.which(name)
    assert path, f"{name} is not installed: apt-get install {package}"
    return path


def run(
    *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, limit: float = 1800
) -> str:
    """Run a program that has to succeed, and return what it prints."""
    # What make and the test runner have put into the environment is not the user's.
    clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "OBE_LIBRARY", "PYTHONPATH")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=limit,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def make(*arguments: str | Path, cwd: Path = ROOT) -> str:
    return run(tool("make", "make"), "-s", f"PYTHON={sys.executable}", *arguments, cwd=cwd)


class Dist:
    """What "make dist" has made."""

    def __init__(self, build: Path) -> None:
        self.folder = build / "dist"

    def file(self, pattern: str) -> Path:
        """The one file whose name fits the pattern."""
        (found,) = self.folder.glob(pattern)
        return found

    def unpack(self, pattern: str, folder: Path) -> Path:
        """Unpack an archive; the folder that comes out of it."""
        archive = self.file(pattern)
        shutil.unpack_archive(archive, folder)
        (unpacked,) = folder.iterdir()
        assert archive.name.startswith(unpacked.name)
        return unpacked


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Dist:
    build = tmp_path_factory.mktemp("build")
    make("dist", f"BUILD={build}")
    return Dist(build)


def pkg_config(libdir: Path, *arguments: str) -> list[str]:
    """The flags that pkg-config gives for the library that is installed in libdir."""
    path = {"PKG_CONFIG_PATH": str(libdir / "pkgconfig"), "PKG_CONFIG_LIBDIR": ""}
    return run(tool("pkg-config", "pkg-config"), *arguments, "libobe", env=path).split()


def build_with_pkg_config(folder: Path, libdir: Path, compiler: Sequence[str]) -> Path:
    """Build the consumer as a user does who has pkg-config."""
    folder.mkdir()
    flags = pkg_config(libdir, "--cflags", "--libs")
    run(*compiler, "-o", folder / "consumer", CONSUMER / "consumer.c", *flags)
    (program,) = folder.iterdir()  # for Windows it is consumer.exe
    return program


def build_with_cmake(folder: Path, *arguments: str) -> tuple[Path, Path]:
    """Build the consumers, C and C++, as a user does who has CMake."""
    cmake = tool("cmake", "cmake")
    configured = run(cmake, "-S", CONSUMER, "-B", folder, *arguments)
    assert f"found libobe {VERSION}" in configured
    run(cmake, "--build", folder)
    (c,) = (path for path in folder.glob("consumer*") if path.stem == "consumer")
    (cpp,) = (path for path in folder.glob("consumer*") if path.stem == "consumer_cpp")
    return c, cpp


def check_consumer(program: Path, *launcher: str, libdir: Path | None = None) -> None:
    """Run a consumer, which finds the library in libdir or by itself."""
    env = {"LD_LIBRARY_PATH": str(libdir)} if libdir else {}
    assert run(*launcher, program, env=env, limit=120) == f"{ANSWER} {VERSION}\n"
