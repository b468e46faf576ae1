"""Secrets that users enter: files that only the platform's user reads, never rows, so no dump or log shows one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kafkaml.errors import BrokenError

__all__ = ["write_secret"]


def write_secret(path: Path, text: str) -> None:
    """Replace a file, completely or not at all; raises BrokenError when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp makes the file 0600 before anything is in it.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BrokenError(
            f"a secret cannot be kept in {path.parent}: {error.strerror}",
            hint="look whether the state folder's disk is full",
        ) from error
