"""Errors for a full disk, and files that appear complete or not at all."""

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
    """Raise DiskFull where the block has no space to write to ``place``."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise DiskFull(f"the disk of {place} is full: {error.strerror}") from error


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Replace ``path``: it is complete once the block has succeeded, otherwise it stays unchanged.

    Does not wait for the data to reach the disk, which may take longer than a window of a stream. Meant for folders
    that are emptied after the machine went down. Raises DiskFull where there is no room.
    """
    partial = path.with_name(f".{path.name}.part")
    with disk_errors(path.parent):
        try:
            with partial.open("wb") as file:
                yield file
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
