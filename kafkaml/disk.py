"""A full disk told in words, and files that are there whole or not at all."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kafkaml.errors import DiskFull

__all__ = ["disk_errors", "whole_file"]


@contextmanager
def disk_errors(place: Path | str) -> Iterator[None]:
    """Raise DiskFull where the block finds no room for what it writes to ``place``."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise DiskFull(f"the disk of {place} is full: {error.strerror}") from error


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write ``path`` anew: it is there, and whole, once the block has ended well; else it is as it was.

    Not waited for until it is on the disk, which takes longer than a window of a stream: meant for folders that are
    emptied after the machine went down. Raises DiskFull where there is no room.
    """
    partial = path.with_name(f".{path.name}.part")
    with disk_errors(path.parent):
        try:
            with partial.open("wb") as file:
                yield file
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
