"""Writes a hash-locked requirements file again with some packages only: ``cut_lock.py LOCK [--without PATTERN...]``.

What stays has the same versions and hashes. ``--only`` names what is kept of a lock, ``--without`` what is left out.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path


def cut(lock: str, *, only: Sequence[str], without: Sequence[str]) -> str:
    """Return the entries of ``lock`` whose name fits ``only`` (all, if empty) and none of ``without``."""
    entries = re.split(r"^(?=\S)", lock, flags=re.M)
    kept = []
    for entry in entries:
        name = re.split(r"[\[=<>!~ ;]", entry, maxsplit=1)[0]
        if any(fnmatch(name, pattern) for pattern in only or ["*"]) and not any(
            fnmatch(name, pattern) for pattern in without
        ):
            kept.append(entry)
    return "".join(kept)


def main() -> None:
    """Write to standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--only", nargs="*", default=[], metavar="PATTERN")
    parser.add_argument("--without", nargs="*", default=[], metavar="PATTERN")
    options = parser.parse_args()
    sys.stdout.write(cut(options.lock.read_text(encoding="utf-8"), only=options.only, without=options.without))


if __name__ == "__main__":
    main()
