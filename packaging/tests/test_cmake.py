"""CMake: a project that installs its program together with the library, and one that contains the source of libobe."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ANSWER, VERSION, build_and_install, configure, make, run, tool, tree


def refused(directory: Path, *arguments: str | Path, env: dict[str, str]) -> str:
    """What CMake prints when it refuses to configure, in one line."""
    command = [tool("cmake"), "-B", directory, *arguments]
    done = subprocess.run(command, env={**os.environ, **env}, text=True, capture_output=True)
    assert done.returncode != 0, done.stdout
    return " ".join(done.stderr.split())


@pytest.mark.parametrize("means", ["artifacts", "dependencies"])
def test_installed_program(tmp_path: Path, means: str) -> None:
    """The installed program has the library with it: it runs after the library's own installation is gone."""
    make("install-files", "PREFIX=/opt/obe", f"DESTDIR={tmp_path}")
    library, prefix = tmp_path / "opt", tmp_path / "a prefix"
    configure(tmp_path / "build", "find_package", f"-DOBE_WITH={means}", f"-DCMAKE_PREFIX_PATH={library / 'obe'}")
    build_and_install(tmp_path / "build", prefix)
    shutil.rmtree(library)
    shutil.rmtree(tmp_path / "build")
    assert {path.name for path in (prefix / "lib").iterdir()} == {"libobe.so.0", f"libobe.so.{VERSION}"}
    assert not (prefix / "lib" / f"libobe.so.{VERSION}").is_symlink()
    assert run(prefix / "bin" / "consumer") == f"{ANSWER} {VERSION}\n"


@pytest.mark.parametrize(("by", "generator"), [("add_subdirectory", "Unix Makefiles"), ("FetchContent", "Ninja")])
def test_contained(source: Path, source_tarball: Path, tmp_path: Path, by: str, generator: str) -> None:
    """A project builds libobe itself, in its own directory, and installs it with its program."""
    before = tree(source)
    build, prefix = tmp_path / "a build", tmp_path / "prefix"
    given = source_tarball if by == "FetchContent" else source
    if generator == "Ninja":
        tool("ninja")
    configure(build, by, "-G", generator, "-DOBE_WITH=artifacts", source=given)
    build_and_install(build, prefix)
    assert tree(source) == before
    # The linker has found the version script.
    assert "@OBE_0" in run(tool("readelf"), "-W", "--dyn-syms", prefix / "lib" / "libobe.so.0")
    assert run(build / "consumer") == f"{ANSWER} {VERSION}\n"
    shutil.rmtree(build)
    assert run(prefix / "bin" / "consumer") == f"{ANSWER} {VERSION}\n"


def test_sources_change(source: Path, tmp_path: Path) -> None:
    """The library is built again when one of its sources has changed, and only then."""
    copy, build = tmp_path / "source", tmp_path / "build"
    shutil.copytree(source, copy)
    called = tmp_path / "called"
    go = tmp_path / "go"  # only the calls count
    go.write_text(f"#!/bin/sh\ncase $1 in\nbuild) echo >> '{called}'; touch \"$BUILT\" ;;\nlist) ;;\nesac\n")
    go.chmod(0o755)
    configure(build, "add_subdirectory", f"-DOBE_GO={go}", source=copy)
    library = build / "libobe" / "build" / f"libobe.so.{VERSION}"
    calls = []
    for changed in (False, False, True):
        if changed:
            os.utime(copy / "capi" / "version.go")
        run(tool("cmake"), "--build", build, "--target", "obe_library", env={"BUILT": str(library)})
        calls.append(len(called.read_text().splitlines()))
    assert calls == [1, 1, 2]


def test_version_changes(source: Path, tmp_path: Path) -> None:
    """A newer source in the same directory, as a submodule gets it, is built without a new configuration by hand."""
    copy, build = tmp_path / "source", tmp_path / "build"
    shutil.copytree(source, copy)
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\nwhile [ $# -gt 1 ]; do [ "$1" = -o ] && touch "$2"; shift; done\n')
    go.chmod(0o755)
    configure(build, "add_subdirectory", f"-DOBE_GO={go}", source=copy)
    header = copy / "include" / "obe.h"
    header.write_text(header.read_text().replace(f'OBE_VERSION "{VERSION}"', 'OBE_VERSION "7.8.9"'))
    run(tool("cmake"), "--build", build, "--target", "obe_library")
    library = build / "libobe" / "build" / "libobe.so"
    assert library.resolve().name == "libobe.so.7.8.9"


def test_without_go(source: Path, tmp_path: Path) -> None:
    """If Go is missing or refuses, the error message of CMake has the reason and the address of Go."""
    message = refused(tmp_path / "build", "-S", source, env={"PATH": str(tmp_path)})
    assert "libobe is built with Go, which is not in PATH: install it from https://go.dev/dl/" in message

    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho 'go.mod requires go >= 1.26.8 (running go 1.21.0)' >&2\nexit 1\n")
    old.chmod(0o755)
    message = refused(tmp_path / "old", "-S", source, f"-DOBE_GO={old}", env={})
    assert f"libobe cannot be built with {old}" in message
    assert "https://go.dev/dl/" in message
    assert "go.mod requires go >= 1.26.8 (running go 1.21.0)" in message


def test_in_the_source(source: Path, tmp_path: Path) -> None:
    """CMake would replace the Makefile, so this is refused."""
    copy = tmp_path / "source"
    shutil.copytree(source, copy)
    assert "CMake would overwrite the Makefile" in refused(copy, "-S", copy, env={})
    assert (copy / "Makefile").read_bytes() == (source / "Makefile").read_bytes()
