"""Lets the tests find this repository's own package and library unless the environment names others."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

sys.path.append(str(ROOT / "bindings" / "python"))
os.environ.setdefault("OBE_LIBRARY", str(ROOT / "build" / "libobe.so"))
