"""python -m libobe: the versions and paths that a problem report needs. With arguments, it is a verb: see _ask.py."""

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
    if len(sys.argv) > 1:
        from ._ask import main as ask  # needs the library, whose absence the report explains

        return ask(sys.argv[1:])
    try:
        lib = library()
        found, loaded = f"{lib.obe_version().decode()} in {lib.path}", True
    except (ImportError, NotImplementedError) as error:
        found, loaded = str(error).replace("\n ", ""), False
    report = (
        f"libobe       {__version__} in {os.path.dirname(os.path.abspath(__file__))}",
        f"library      {found}",
        f"OBE_LIBRARY  {os.environ.get('OBE_LIBRARY') or 'not set'}",
        f"Python       {platform.python_version()} ({platform.python_implementation()}, {platform.platform()})",
        f"packages     numpy {_version('numpy')}, optbayesexpt {_version('optbayesexpt')}",
    )
    try:
        print("\n".join(report), flush=True)
    except OSError as error:  # its reader, such as head, has ended, or the disk is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would write it again, and fail again
        return 141 if isinstance(error, BrokenPipeError) else 1
    return 0 if loaded else 1


if __name__ == "__main__":
    sys.exit(main())
