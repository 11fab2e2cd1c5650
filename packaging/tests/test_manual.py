"""The manual after make install, found as its last line says."""

from __future__ import annotations

import re
from pathlib import Path

from conftest import ROOT, make, run, tool


def test_pages_are_found(tmp_path: Path) -> None:
    """man libobe and obe, and man with the name of a function, with the variable MANPATH that make install prints."""
    printed = make("install", f"PREFIX={tmp_path}/a prefix")
    (path,) = re.findall(r'export MANPATH="(.*):\$MANPATH"', printed)
    env = {"MANPATH": f"{path}:", "PATH": "/usr/bin:/bin", "LC_ALL": "C", "MANPAGER": "cat", "MANWIDTH": "100"}
    man = tool("man")
    for name, wanted in (
        ("libobe", "OBE_TRACE"),
        ("obe-call", "EXAMPLES"),
        ("obe_tcmd", "SYNOPSIS"),
        ("obe_tcmd", "EXAMPLES"),
    ):
        assert path in run(man, "-w", name, env=env)
        assert re.search(rf"^ *{wanted}$", run(man, name, env=env), re.M)


def test_pages_have_no_warnings() -> None:
    """Those in the source, and not even of style."""
    for page in (ROOT / "packaging" / "man").iterdir():
        assert run(tool("mandoc"), "-T", "lint", page) == ""
