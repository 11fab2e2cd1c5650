"""The first exchange of README.md, executed literally: its port is the protocol's, so it has a network of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import recipe

import peer
import tools
from conftest import LIBRARY, ROOT

OBE = Path(os.environ.get("BUILD", ROOT / "build")) / "obe"


def test_first_exchange() -> None:
    network = [tools.path("unshare"), "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--"]
    if subprocess.run([*network, "ip", "link", "set", "lo", "up"], stderr=subprocess.DEVNULL).returncode != 0:
        tools.missing("this system does not permit a network for one program, by unshare")
    assert OBE.exists(), f"{OBE} is missing: make obe"
    done = subprocess.run(
        [*network, sys.executable, recipe.__file__, LIBRARY, OBE],
        stdout=subprocess.PIPE,
        text=True,
        timeout=peer.HANGS,
    )
    assert done.returncode == 0
    recipe.check(json.loads(done.stdout))


def test_the_steps_import_what_the_table_calls() -> None:
    """Step 7 checks the functions of the table, and obe_lv_pointer_size for step 14."""
    page = recipe.PAGE.read_text("utf-8")
    step = page[page.index("\n7. ") : page.index("\n8. ")]
    named = {word for word in step.split("`") if word.startswith("obe_lv_")}
    assert named == {node.function for node in recipe.Recipe().nodes if node.function != recipe.INSTRUMENT} | {
        "obe_lv_pointer_size"
    }
