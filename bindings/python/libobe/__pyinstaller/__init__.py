"""The entry point pyinstaller40, through which PyInstaller finds the hook of the package."""

from __future__ import annotations

import os


def get_hook_dirs() -> list[str]:
    return [os.path.dirname(os.path.abspath(__file__))]
