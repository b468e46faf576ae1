"""A full disk told in words, and files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
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
    """Write ``path`` anew: it is there, whole and on the disk, once the block has ended well; else it is as it was.

    Raises DiskFull where there is no room.
    """
    partial = path.with_name(f".{path.name}.part")
    with disk_errors(path.parent):
        try:
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            partial.unlink(missing_ok=True)
