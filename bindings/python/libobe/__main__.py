"""python -m libobe: the versions and paths that a problem report needs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys

from . import __version__
from ._library import library


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def main() -> int:
    try:
        lib = library()
        found, loaded = f"{lib.obe_version().decode()} in {lib.path}", True
    except (ImportError, NotImplementedError) as error:
        found, loaded = str(error).replace("\n ", ""), False
    print(f"libobe       {__version__} in {os.path.dirname(os.path.abspath(__file__))}")
    print(f"library      {found}")
    print(f"OBE_LIBRARY  {os.environ.get('OBE_LIBRARY') or 'not set'}")
    print(f"Python       {platform.python_version()} ({platform.python_implementation()}, {platform.platform()})")
    print(f"packages     numpy {_version('numpy')}, optbayesexpt {_version('optbayesexpt')}")
    return 0 if loaded else 1


if __name__ == "__main__":
    sys.exit(main())
