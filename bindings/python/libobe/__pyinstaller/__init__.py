"""Tells PyInstaller, by the entry point pyinstaller40, where the hook of the package is."""

from __future__ import annotations

import os


def get_hook_dirs() -> list[str]:
    return [os.path.dirname(os.path.abspath(__file__))]
