"""The build of the page: what it names, and what it says where it cannot be built."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tools

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path("internal/monitor/page")
MANIFESTS = [SOURCE, Path("test/watch")]
LIMIT = 300  # seconds


@pytest.mark.parametrize("directory", MANIFESTS, ids=str)
def test_packages_are_exact(directory: Path) -> None:
    """Exact versions with their hashes, and no address to download them from."""
    manifest = json.loads((ROOT / directory / "package.json").read_text())
    lock = json.loads((ROOT / directory / "package-lock.json").read_text())["packages"]
    assert lock[""]["dependencies"] == manifest["dependencies"]
    packages = {name: package for name, package in lock.items() if name}
    for name, version in manifest["dependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert packages[f"node_modules/{name}"]["version"] == version
    for package in packages.values():
        assert "resolved" not in package
        assert package["integrity"].startswith("sha512-")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What the page is built from, in a directory without a page."""
    copy = tmp_path / "source with spaces"
    unbuilt = shutil.ignore_patterns("*.js.map", "node_modules")
    shutil.copytree(ROOT / SOURCE, copy / SOURCE, ignore=unbuilt)
    for built in (copy / SOURCE / "dist").iterdir():
        if built.name != "README.txt":
            built.unlink()
    (copy / "packaging").mkdir()
    for name in ("packaging/page", "go.mod", "go.sum"):
        shutil.copy2(ROOT / name, copy / name)
    return copy


def build(
    source: Path, *arguments: str, path: str | None = None, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BUILD": str(source / "build"), **(variables or {})}
    if path:
        environment["PATH"] = path
    command = [str(source / "packaging" / "page"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)


def programs(directory: Path) -> str:
    """A search path with what the script needs, but without npm."""
    directory.mkdir()
    for name in ("cat", "dirname", "find", "flock", "go", "grep", "mkdir", "realpath", "rm", "sed", "sh", "sha256sum"):
        found = shutil.which(name)
        assert found
        (directory / name).symlink_to(found)
    return str(directory)


def test_without_npm(source: Path, tmp_path: Path) -> None:
    """One sentence with the remedy. The tool can be built without the page, a package cannot."""
    path = programs(tmp_path / "bin")
    sentence = "The page of obe watch is not built, because npm is not installed: apt-get install -y npm\n"
    required = build(source, path=path)
    assert (required.returncode, required.stderr) == (1, sentence)
    assert build(source, "--ready", path=path).returncode == 1
    stamp = source / "state"
    optional = build(source, str(stamp), path=path)
    assert (optional.returncode, optional.stderr) == (0, sentence)
    written = stamp.stat().st_mtime_ns
    assert build(source, str(stamp), path=path).returncode == 0
    assert stamp.stat().st_mtime_ns == written, "the tool would be linked again each time"
    assert [file.name for file in (source / SOURCE / "dist").iterdir()] == ["README.txt"]


def test_build(source: Path, tmp_path: Path) -> None:
    """The page has what index.html names; it is built once, and without npm from what npm has left."""
    tools.path("npm")
    first = build(source)
    if first.returncode != 0:
        tools.missing(first.stderr.strip())
    dist = source / SOURCE / "dist"
    files = {file.name: file.read_bytes() for file in dist.iterdir()}
    assert sorted(files) == ["README.txt", "index.html", "licenses.txt", "page.css", "page.js"]
    assert b"Leon Sorokin" in files["licenses.txt"]
    assert str(tmp_path).encode() not in files["page.js"] + files["page.css"]
    built = (dist / "page.js").stat().st_mtime_ns
    assert build(source, path=programs(tmp_path / "bin")).returncode == 0
    assert (dist / "page.js").stat().st_mtime_ns == built, "nothing has changed"
    main = source / SOURCE / "src" / "main.js"
    main.write_text(main.read_text() + "\ndocument.title;\n")
    without_npm = tmp_path / "no npm"
    without_npm.mkdir()
    (without_npm / "npm").write_text("#!/bin/sh\nexit 1\n")
    (without_npm / "npm").chmod(0o755)
    again = build(source, path=f"{without_npm}:{os.environ['PATH']}")
    assert again.returncode == 0, again.stderr
    assert (dist / "page.js").stat().st_mtime_ns > built


def test_two_builds_at_once(source: Path) -> None:
    """As of make -j obe page: the second one waits for the first one."""
    tools.path("npm")
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda arguments: build(source, *arguments), [(), (str(source / "state"),), ()]))
    if "npm could not get" in both[0].stderr and not (source / "build/page/npm/node_modules").exists():
        tools.missing(both[0].stderr.strip())
    assert [(done.returncode, done.stderr) for done in both] == [(0, "")] * 3


def test_a_registry_that_does_not_answer(source: Path, tmp_path: Path) -> None:
    """The build gives npm a minute, and says what to do. Here the minute is over when npm has asked."""
    tools.path("npm")
    asked, limit, directory = tmp_path / "asked", tmp_path / "limit", tmp_path / "bin"
    directory.mkdir()
    impatient = directory / "timeout"
    impatient.write_text(
        f'#!/bin/sh\necho "$2" >\'{limit}\'\nshift 2\n"$@" &\n'
        f"while [ ! -e '{asked}' ] && kill -0 $!; do sleep 0.1; done\nkill $!\nwait $!\nexit 124\n"
    )
    impatient.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor() as pool:
        silent.settimeout(LIMIT)
        variables = {"npm_config_registry": f"http://127.0.0.1:{silent.getsockname()[1]}/"}
        variables["npm_config_cache"] = str(tmp_path / "cache")
        building = pool.submit(build, source, path=f"{directory}:{os.environ['PATH']}", variables=variables)
        with silent.accept()[0]:
            asked.touch()
            done = building.result()
    log = source / "build/page/npm.log"
    reason = f"npm could not get its packages ({log}): connect to the network, and repeat the command"
    assert (done.returncode, done.stderr) == (1, f"The page of obe watch is not built, because {reason}\n")
    assert limit.read_text() == "60\n"


def test_of_another_user(source: Path) -> None:
    """As make install of a user who cannot write to the source: it has the page that is there."""
    with tempfile.TemporaryDirectory() as directory:  # that of pytest is for its user alone
        copy = Path(directory) / "source"
        shutil.copytree(source, copy)
        stamp = copy / "build" / "state"
        stamp.parent.mkdir()
        stamp.write_text("")
        stamp.chmod(0o666)
        Path(directory).chmod(0o755)
        for path in (copy, *copy.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222 if path != stamp else 0o666)
        nobody = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
        environment = {**os.environ, "BUILD": str(copy / "build")}
        command = [str(copy / "packaging" / "page"), str(stamp)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT, **nobody)
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755)  # for its removal
    reason = f"{SOURCE / 'dist'} cannot be written: build it once as the user who owns it, by make page"
    assert (done.returncode, done.stderr) == (0, f"The page of obe watch is not built, because {reason}\n")


def test_without_esbuild(source: Path, tmp_path: Path) -> None:
    """Go may not have the module of esbuild, and no network. The tool can be built without the page."""
    variables = {"GOMODCACHE": str(tmp_path / "modules"), "GOPROXY": "off", "GOFLAGS": "-modcacherw"}
    stamp = source / "state"
    done = build(source, str(stamp), variables=variables)
    log = source / "build/page/esbuild.log"
    reason = f"Go could not build esbuild ({log}): connect to the network, and repeat the command"
    assert (done.returncode, done.stderr) == (0, f"The page of obe watch is not built, because {reason}\n")
    assert stamp.exists()
