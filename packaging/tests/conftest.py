"""Fixtures and helpers of the package tests: the output of "make dist", built once, and programs that use it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test"))
sys.path.append(str(ROOT / "test" / "documents"))  # for pages
sys.path.append(str(ROOT / "bindings" / "labview" / "tests"))  # for recipe

from tools import missing  # noqa: E402
from tools import path as tool  # noqa: E402

BUILD = ROOT / os.environ.get("BUILD", "build")
CONSUMER = Path(__file__).parent / "consumer"
PROJECT = Path(__file__).parent / "project"
OFFLINE = {"GOPROXY": "off"}  # the modules have to be in Go's cache
DIST_TOOLS = [  # what packaging/dist requires
    *(f"{machine}-w64-mingw32-{name}" for machine in ("x86_64", "i686") for name in ("gcc", "dlltool", "windres")),
    *("llvm-dlltool", "zip", "npm", "dpkg-buildpackage", "dh", "dh_python3"),
]
HANGS = 1800  # seconds after which a program hangs, also on a busy machine
ANSWER = "[2.87]"  # what the consumers print before the version

header = (ROOT / "include" / "obe.h").read_text()
VERSION = re.findall(r'^#define OBE_VERSION "(.*)"', header, re.M)[0]
# Every installed header declares functions.
FUNCTIONS = sorted(
    {
        name
        for path in (ROOT / "include").glob("*.h")
        for name in re.findall(
            r"^\w[\w *]*?\b(obe_\w+)\(", re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S), re.M
        )
    }
)


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a program that has to succeed, and return what it prints."""
    # A user's environment does not have the variables of make and of the test runner.
    clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "OBE_LIBRARY", "PYTHONPATH")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANGS,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def namespace() -> list[str]:
    """What runs a command with mounts that end with it."""
    command = [tool("unshare"), "--mount"]
    if subprocess.run([*command, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        missing("this system does not permit unshare --mount")
    return command


def make(*arguments: str | Path, cwd: Path = ROOT) -> str:
    return run(tool("make"), "-s", f"PYTHON={sys.executable}", *arguments, cwd=cwd)


def tree(directory: Path) -> set[str]:
    """All files and directories below a directory, and where links lead."""
    paths = {path.relative_to(directory): path for path in directory.rglob("*")}
    return {f"{name} -> {path.readlink()}" if path.is_symlink() else str(name) for name, path in paths.items()}


class Dist:
    """The output of "make dist"."""

    def __init__(self, build: Path, printed: str) -> None:
        self.directory = build / "dist"
        self.printed = printed

    def file(self, pattern: str) -> Path:
        """The one file whose name matches the pattern."""
        (found,) = self.directory.glob(pattern)
        return found

    def unpack(self, pattern: str, target: Path) -> Path:
        """Unpack an archive to a directory. Returns the directory that the archive contains."""
        archive = self.file(pattern)
        shutil.unpack_archive(archive, target)
        (unpacked,) = target.iterdir()
        assert archive.name.startswith(unpacked.name)
        return unpacked


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Dist:
    tool(*DIST_TOOLS)
    build = tmp_path_factory.mktemp("build")
    return Dist(build, make("dist", f"BUILD={build}"))


@pytest.fixture(scope="session")
def source_tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source tarball, which takes no time to make."""
    directory = tmp_path_factory.mktemp("source")
    (directory / "stage").mkdir()
    settings = {"VERSION": VERSION, "STAGE": str(directory / "stage"), "DIST": str(directory), "SOURCE_DATE_EPOCH": "1"}
    run(ROOT / "packaging" / "source.sh", cwd=ROOT, env=settings)
    return directory / f"libobe-{VERSION}.tar.gz"


@pytest.fixture(scope="session")
def source(source_tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source, in a directory with a space in its name. Tests do not change it."""
    directory = tmp_path_factory.mktemp("unpacked") / "with a space"
    shutil.unpack_archive(source_tarball, directory)
    return directory / f"libobe-{VERSION}"


def pkg_config(libdir: Path, *arguments: str) -> list[str]:
    """The output of pkg-config for the library that is installed in libdir, as words."""
    path = {"PKG_CONFIG_PATH": str(libdir / "pkgconfig"), "PKG_CONFIG_LIBDIR": ""}
    return run(tool("pkg-config"), *arguments, "libobe", env=path).split()


def build_with_pkg_config(directory: Path, libdir: Path, compiler: Sequence[str]) -> Path:
    """Build the consumer with pkg-config, as a user does."""
    directory.mkdir()
    flags = pkg_config(libdir, "--cflags", "--libs")
    run(*compiler, "-o", directory / "consumer", CONSUMER / "consumer.c", *flags)
    (program,) = directory.iterdir()  # consumer.exe for Windows
    return program


def build_with_cmake(directory: Path, *arguments: str) -> tuple[Path, Path]:
    """Build the consumers, C and C++, with CMake, as a user does."""
    cmake = tool("cmake")
    configured = run(cmake, "-S", CONSUMER, "-B", directory, *arguments)
    assert f"found libobe {VERSION}" in configured
    run(cmake, "--build", directory)
    (c,) = (path for path in directory.glob("consumer*") if path.stem == "consumer")
    (cpp,) = (path for path in directory.glob("consumer*") if path.stem == "consumer_cpp")
    return c, cpp


def configure(build: Path, by: str, *arguments: str, source: Path | None = None) -> str:
    """Configure the project, which gets the library by find_package, add_subdirectory or FetchContent."""
    options = [f"-DOBE_BY={by}", f"-DCONSUMER={CONSUMER}", f"-DOBE_SOURCE={source or ''}"]
    return run(tool("cmake"), "-S", PROJECT, "-B", build, *options, *arguments, env=OFFLINE)


def build_and_install(build: Path, prefix: Path) -> None:
    run(tool("cmake"), "--build", build, "-j", "8", env=OFFLINE)
    run(tool("cmake"), "--install", build, "--prefix", prefix)


def check_consumer(program: Path, *launcher: str, libdir: Path | None = None) -> None:
    """Run a consumer, which finds the library in libdir or by itself."""
    env = {"LD_LIBRARY_PATH": str(libdir)} if libdir else {}
    assert run(*launcher, program, env=env) == f"{ANSWER} {VERSION}\n"


@pytest.fixture(scope="module")
def wine() -> Iterator[Mapping[str, str]]:
    """The environment of a separate Wine prefix."""
    BUILD.mkdir(exist_ok=True)
    prefix = tempfile.mkdtemp(prefix="wine-", dir=BUILD)
    keeper = subprocess.Popen([ROOT / "test" / "end_wine", prefix], stdin=subprocess.PIPE, start_new_session=True)
    tool("wine")
    try:
        settings = run(ROOT / "test" / "start_wine", prefix)
        yield dict(line.split("=", 1) for line in settings.splitlines())
    finally:
        assert keeper.stdin is not None
        keeper.stdin.close()
        assert keeper.wait(60) == 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The mark dist is on each test that needs the output of "make dist", which compiles for every system."""
    for item in items:
        if isinstance(item, pytest.Function) and "dist" in item.fixturenames:
            item.add_marker("dist")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "dist: needs the output of make dist")
