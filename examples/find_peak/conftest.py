"""Lets the tests find peer.py, and this repository's own package and library unless the environment names others."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

sys.path += [str(ROOT / "bindings" / "python"), str(ROOT / "test")]
os.environ.setdefault("OBE_LIBRARY", str(ROOT / "build" / "libobe.so"))
