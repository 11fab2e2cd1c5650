"""Lets the tests find peer.py, and this repository's own package and library unless the environment names others."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

sys.path.append(str(ROOT / "test"))
sys.path.append(str(ROOT / "bindings" / "python"))
os.environ.setdefault("OBE_LIBRARY", str(ROOT / "build" / "libobe.so"))
