"""Names of directories with spaces: that of the source, BUILD and PREFIX; and BUILD from another directory."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from conftest import ANSWER, BUILD, CONSUMER, ROOT, VERSION, make, run, tool

PAGE = "internal/monitor/page/dist"

# With a compiler that does not exist, make succeeds only if it finds everything up to date.
NOTHING_TO_DO = ["GO=/nonexistent", "CC=/nonexistent"]


@pytest.fixture(scope="module")
def checkout(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source in a directory with a space."""
    copy = tmp_path_factory.mktemp("check out") / "a copy"
    shutil.copytree(source, copy)
    make("all", f"{BUILD}/test/libobe.so", f"BUILD={BUILD}")
    return built_in(copy / "build", copy).parent


def built_in(build: Path, checkout: Path) -> Path:
    """What make builds, copied to a directory in which make has to find it, and to make the links.

    The page of obe watch, if it is built, is in the source, newer than the rest. make clean removes it.
    """
    for file in (ROOT / PAGE).iterdir():
        shutil.copy(file, checkout / PAGE)
    (build / "test").mkdir(parents=True)
    (build / "completions").mkdir()
    completions = [f"completions/{shell}" for shell in ("bash", "zsh", "fish")]
    for name in ("page.state", f"libobe.so.{VERSION}", "test/libobe.so", "obe", *completions):
        shutil.copy(BUILD / name, build / name)
    (build / "test" / "libobe.so.0").symlink_to("libobe.so")
    return build


def test_library(checkout: Path) -> None:
    """test_contained builds it in such a directory. Here it is up to date, and make adds the links."""
    make("all", *NOTHING_TO_DO, cwd=checkout)
    for name in ("libobe.so", "libobe.so.0", "obe64.so"):
        assert (checkout / "build" / name).resolve() == checkout / "build" / f"libobe.so.{VERSION}"


@pytest.mark.parametrize("name", ["plain", "with a space", "two  spaces"])
def test_build(checkout: Path, tmp_path: Path, name: str) -> None:
    """BUILD is absolute, or relative to the source; the directory of the caller does not matter."""
    absolute = built_in(tmp_path / name, checkout)
    relative = built_in(checkout / name, checkout)
    for given, build in ((absolute, absolute), (name, relative)):
        run("make", "-s", "-C", checkout, f"BUILD={given}", *NOTHING_TO_DO, cwd=tmp_path)
        assert (build / "obe64.so").resolve() == build / f"libobe.so.{VERSION}"
        run("make", "-s", "-C", checkout, f"BUILD={given}", f"{given}/soak/soak", "GO=/nonexistent", cwd=tmp_path)
        assert "libobe.so.0 => " + str(build) in run("ldd", build / "soak" / "soak")
    make("clean", f"BUILD={name}", cwd=checkout)
    assert not relative.exists()
    assert (checkout / "build" / "libobe.so").exists()


def test_clean_removes_one_directory(checkout: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "a b"):
        (tmp_path / name).mkdir()
    make("clean", f"BUILD={tmp_path}/a b", cwd=checkout)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_headers_in_build_stay(source: Path, tmp_path: Path) -> None:
    """The directory that BUILD names may contain something else. cgo's header is removed, and no other."""
    (tmp_path / "mine.h").touch()
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\nwhile [ $# -gt 1 ]; do [ "$1" = -o ] && touch "$2" "${2%.*}.h"; shift; done\n')
    go.chmod(0o755)
    make("library", f"BUILD={tmp_path}", f"GO={go}", cwd=source)
    assert [path.name for path in tmp_path.glob("*.h")] == ["mine.h"]


def test_windows(source: Path, tmp_path: Path) -> None:
    """The DLLs and their import libraries, with the compilers replaced by programs that only create their output."""
    build, fake = tmp_path / "a build", tmp_path / "fake"
    fake.write_text('#!/bin/sh\nwhile [ $# -gt 1 ]; do [ "$1" = -o ] && touch "$2"; shift; done\n')
    fake.chmod(0o755)
    for name in ("x86_64-w64-mingw32-windres", "i686-w64-mingw32-windres"):
        (tmp_path / name).symlink_to(fake)
    tool("llvm-dlltool", "x86_64-w64-mingw32-dlltool", "i686-w64-mingw32-dlltool")
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    command = [tool("make"), "-s", "-j4", "windows", f"BUILD={build}", f"GO={fake}"]
    run(*command, cwd=source, env=path)
    found = {file.name for file in (build / "windows").iterdir()}
    for bits in (64, 32):
        assert {f"obe{bits}.dll", f"obe{bits}.def", f"obe{bits}.lib", f"libobe{bits}.dll.a"} <= found
    run(*command[:-1], *NOTHING_TO_DO, cwd=source, env={"PATH": "/usr/bin:/bin"})


def test_generate(checkout: Path, source: Path) -> None:
    header = checkout / "include" / "obe.h"
    header.write_text("")
    make("generate", cwd=checkout)
    assert header.read_bytes() == (source / "include" / "obe.h").read_bytes()
    # The Makefile takes the version from it; what is built is not older than it.
    shutil.copystat(source / "include" / "obe.h", header)


def test_install(checkout: Path, tmp_path: Path) -> None:
    prefix, build = tmp_path / "x y", tmp_path / "b c"
    built_in(build, checkout)
    make("install", f"PREFIX={prefix}", f"BUILD={build}", *NOTHING_TO_DO, cwd=checkout)
    build_dir = tmp_path / "program"
    run(tool("cmake"), "-S", CONSUMER, "-B", build_dir, f"-DCMAKE_PREFIX_PATH={prefix}")
    run(tool("cmake"), "--build", build_dir, "--target", "consumer")
    assert run(build_dir / "consumer") == f"{ANSWER} {VERSION}\n"
    make("uninstall", f"PREFIX={prefix}", f"BUILD={build}", *NOTHING_TO_DO, cwd=checkout)
    assert not prefix.exists()


def test_demo(checkout: Path, tmp_path: Path) -> None:
    build = built_in(tmp_path / "a build", checkout)
    printed = make("demo", f"BUILD={build}", "GO=/nonexistent", cwd=checkout)
    assert f"the figure is in {build}/find_peak.png" in printed
    assert (build / "find_peak.csv").exists()


def test_tests(checkout: Path, tmp_path: Path) -> None:
    """test/run starts there, and the tests use the library in BUILD."""
    build = built_in(tmp_path / "a build", checkout)
    env = {"BUILD": str(build), "PYTHON": sys.executable, "CI": "true"}
    assert "1 passed, 0 failed" in run(checkout / "test" / "run", "gofmt", env=env)
    go = [tool("go"), "test", "-count=1", "-run", "^TestHardening$", "./test"]
    run(*go, cwd=checkout, env=env)
    assert (build / "libobe.so").is_symlink()  # made by the test's call of make
