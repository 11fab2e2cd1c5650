"""The Python wheels."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from conftest import ANSWER, CONSUMER, ROOT, VERSION, Dist, run

# Platform: the library in the wheel, the archive that contains the same one, and its path there.
WHEELS = {
    "manylinux_2_17_x86_64": ("libobe/libobe.so", "linux-amd64.tar.gz", "lib/libobe.so"),
    "manylinux_2_17_aarch64": ("libobe/libobe.so", "linux-arm64.tar.gz", "lib/libobe.so"),
    "win_amd64": ("libobe/obe64.dll", "windows-64.zip", "bin/obe64.dll"),
    "win32": ("libobe/obe32.dll", "windows-32.zip", "bin/obe32.dll"),
}


@pytest.mark.parametrize("platform", WHEELS)
def test_contents(dist: Dist, tmp_path: Path, platform: str) -> None:
    """A wheel contains the package and one library, that of the archive for its platform."""
    name, archive, path = WHEELS[platform]
    unpacked = dist.unpack(f"libobe-*-{archive}", tmp_path)
    package = ROOT / "bindings" / "python"
    modules = {path.relative_to(package).as_posix() for path in package.glob("libobe/**/*.py")}
    with zipfile.ZipFile(dist.file(f"libobe-{VERSION}-py3-none-{platform}.whl")) as wheel:
        names = set(wheel.namelist())
        info = f"libobe-{VERSION}.dist-info"
        assert {n for n in names if not n.startswith(info)} == modules | {"libobe/py.typed", name}
        assert wheel.read(name) == (unpacked / path).read_bytes()
        assert f"Tag: py3-none-{platform}\n" in wheel.read(f"{info}/WHEEL").decode()
        metadata = wheel.read(f"{info}/METADATA").decode()
        assert f"Name: libobe\nVersion: {VERSION}\n" in metadata
        assert "Requires-Python: >=3.9\n" in metadata
        assert "[pyinstaller40]\nhook-dirs = libobe.__pyinstaller:" in wheel.read(f"{info}/entry_points.txt").decode()
        assert {f"{info}/licenses/LICENSE", f"{info}/licenses/LICENSE.third-party"} <= names


@pytest.mark.parametrize("platform", ["win_amd64", "win32"])
def test_pip_for_windows(dist: Dist, tmp_path: Path, platform: str) -> None:
    """pip installs the wheel for another platform when asked to. The result cannot run here."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--no-deps"]
    wanted = ["--only-binary=:all:", f"--platform={platform}", f"--target={tmp_path}", "libobe"]
    run(*pip, f"--find-links={dist.directory}", *wanted)
    assert (tmp_path / WHEELS[platform][0]).exists()
    assert (tmp_path / "libobe" / "__init__.py").exists()


def test_pip(dist: Dist, tmp_path: Path) -> None:
    """pip chooses the wheel for this platform from all of them, and uninstalls it completely."""
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "install", "--no-index", f"--find-links={dist.directory}", "libobe")
    package = next((tmp_path / "venv" / "lib").glob("python3*/site-packages/libobe"))
    printed = run(python, CONSUMER / "consumer.py", cwd=tmp_path)
    assert printed.splitlines() == [f"{ANSWER} {VERSION}", f"{package}/__init__.py", f"{package}/libobe.so"]
    run(*pip, "uninstall", "--yes", "libobe")
    assert list(package.parent.glob("libobe*")) == []
