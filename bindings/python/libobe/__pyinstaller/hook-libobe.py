"""What PyInstaller has to add to a program that imports libobe: nothing in the sources names it."""

from __future__ import annotations

import importlib.util

from PyInstaller.utils.hooks import collect_dynamic_libs  # type: ignore[import-untyped,import-not-found,unused-ignore]

binaries = collect_dynamic_libs("libobe")
# Client returns numpy arrays where numpy can be found, in the frozen program as before. --exclude-module leaves it out.
hiddenimports = ["numpy"] if importlib.util.find_spec("numpy") else []
