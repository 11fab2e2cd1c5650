"""make uninstall, and what make install prints."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conftest import ANSWER, CONSUMER, ROOT, VERSION, make, namespace, run, tool, tree


def settings(directory: Path) -> list[str]:
    return ["PREFIX=/opt/my obe", f"DESTDIR={directory}"]


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A system in which other packages are installed, and have left empty directories."""
    directory = tmp_path / "a system"
    for name in ("include/other.h", "lib/libother.so", "share/man/man3/other.3"):
        path = directory / "opt" / "my obe" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (directory / "opt" / "my obe" / "lib" / "pkgconfig").mkdir()
    return directory


def test_uninstall(system: Path) -> None:
    """What was there before is there afterwards, and nothing else, however often libobe was installed."""
    before = tree(system)
    (system / "opt" / "my obe" / "lib").chmod(0o2775)  # as Debian's /usr/local/lib
    make("install", *settings(system))
    installed = tree(system)
    assert {"opt/my obe/include/obe.h", "opt/my obe/lib/libobe.so -> libobe.so.0"} <= installed
    make("install", *settings(system))
    assert tree(system) == installed
    assert (system / "opt" / "my obe" / "lib").stat().st_mode & 0o7777 == 0o2775
    make("uninstall", *settings(system))
    assert tree(system) == before


def test_a_prefix_of_its_own(tmp_path: Path) -> None:
    """With a directory outside of it, a link as a directory, a relative DESTDIR, and a user who hides new files."""
    (tmp_path / "usr" / "share" / "man").mkdir(parents=True)
    (tmp_path / "usr" / "man").symlink_to("share/man")
    before = tree(tmp_path)
    given = ["PREFIX=/opt/obe", "LIBDIR=/usr/lib/some-linux-gnu", "MANDIR=/usr/man"]
    given.append(f"DESTDIR={os.path.relpath(tmp_path, ROOT)}")
    run("sh", "-c", 'umask 077; exec "$@"', "sh", tool("make"), "-s", "install", *given, cwd=ROOT)
    assert (tmp_path / "usr" / "share" / "man" / "man3" / "obe_tcmd.3").exists()
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o644, 0o755}
    make("uninstall", *given)
    assert tree(tmp_path) == before


def test_files_of_others_stay(system: Path) -> None:
    """Also those that a user has put into a directory of libobe, and an older version's that is not in the new one."""
    make("install", *settings(system))
    prefix = system / "opt" / "my obe"
    own = prefix / "share" / "doc" / "libobe" / "notes"
    own.touch()
    old = prefix / "lib" / "libobe.so.0.0.9"
    old.touch()
    with (prefix / "share" / "libobe" / "installed").open("a") as record:
        record.write("/opt/my obe/lib/libobe.so.0.0.9\n")
    make("install", *settings(system))
    make("uninstall", *settings(system))
    assert own.exists()
    assert not old.exists()
    assert not (prefix / "include" / "obe.h").exists()
    assert (prefix / "include" / "other.h").exists()


def test_without_an_installation(tmp_path: Path) -> None:
    command = [tool("make"), "-s", "uninstall", *settings(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert done.returncode != 0
    assert f"make install has left no {tmp_path}/opt/my obe/share/libobe/installed" in done.stderr


def test_relative_prefix(tmp_path: Path) -> None:
    before = tree(ROOT / "packaging")
    command = [tool("make"), "-s", "install", "PREFIX=packaging/here"]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert done.returncode != 0
    assert "make install needs absolute paths for PREFIX," in done.stderr
    assert '"packaging/here"' in done.stderr
    assert tree(ROOT / "packaging") == before


def test_next_steps(tmp_path: Path) -> None:
    """The printed commands are all that a user needs to build and run a program, and to find the manual. They add to
    what is set."""
    tool("pkg-config", "cmake")
    prefix = tmp_path / "x y"
    printed = make("install", f"PREFIX={prefix}")
    exports = "\n".join(line for line in printed.splitlines() if line.startswith("    export "))
    script = (
        f"{exports}\nflags=$(pkg-config --cflags --libs libobe)\n"
        f'eval "cc -o {tmp_path}/program {CONSUMER}/consumer.c $flags"\n'
        f'{tmp_path}/program\ncat "${{MANPATH%:}}/man3/obe_tcmd.3" | head -1\n'
        f'cmake -S {CONSUMER} -B {tmp_path}/build | grep "found libobe"\nobe --version\n'
        f"{exports}\n"
        'printf "%s\\n" "$LD_LIBRARY_PATH" "$PKG_CONFIG_PATH" "$CMAKE_PREFIX_PATH" "$MANPATH"\n'
    )
    empty = dict.fromkeys(("LD_LIBRARY_PATH", "PKG_CONFIG_PATH", "CMAKE_PREFIX_PATH", "MANPATH"), "")
    answers = run("sh", "-eu", "-c", script, env=empty).splitlines()
    assert answers[0] == f"{ANSWER} {VERSION}"
    assert answers[1].startswith(".")
    assert answers[2] == f"-- found libobe {VERSION}"
    assert answers[3] == f"obe {VERSION}"
    parts = [prefix / "lib", prefix / "lib" / "pkgconfig", prefix, prefix / "share" / "man"]
    assert answers[4:] == [f"{part}:{part}" + (":" if part.name == "man" else "") for part in parts]


def test_next_steps_where_everything_is_found(tmp_path: Path) -> None:
    """Only the cache of the loader is missing there. A staged installation needs nothing yet."""
    env = {"DESTDIR": "", "PREFIX": "/usr/local", "LIBDIR": "/usr/local/lib", "MANDIR": "", "DOCDIR": ""}
    env["VERSION"] = VERSION
    script = ROOT / "packaging" / "install.sh"
    (tmp_path / "tree").mkdir()
    assert run(script, "install", tmp_path / "tree", env={**env, "DESTDIR": str(tmp_path / "staged")}) == ""
    (tmp_path / "tree").mkdir()
    hidden = [*namespace(), "sh", "-eu", "-c", 'mount -t tmpfs none /usr/local; "$@"', "sh"]
    printed = run(*hidden, script, "install", tmp_path / "tree", env=env)
    assert printed.startswith(f"libobe {VERSION} is installed below /usr/local. Next: ldconfig, as root")
    assert len(printed.splitlines()) == 1
