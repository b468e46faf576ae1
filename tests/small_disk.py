"""SmallDisk: a real file system of a few MB that a test fills up and frees again."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support import soaking

__all__ = ["SmallDisk"]

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class SmallDisk:
    """A tmpfs mounted at ``folder`` while the block runs. Only root may mount; a soak fails where that is refused."""

    def __init__(self, folder: Path, *, megabytes: int) -> None:
        self.folder = folder
        self._megabytes = megabytes
        self._filler = folder / "filler"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        options = f"size={self._megabytes}m,mode=700"
        command = ["mount", "-t", "tmpfs", "-o", options, "kafka-ml-test", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            refused = f"this user may not mount a small disk to fill it up: {done.stderr.strip()}"
            pytest.fail(refused) if soaking() else pytest.skip(refused)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A process that is about to end may still use the disk, so it goes away with its last user.
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Fill the disk, except for whole pages of ``leave_bytes``; may be called again while it is full."""
        page = bytes(_PAGE_BYTES)
        with self._filler.open("ab", buffering=0) as file:
            try:
                while file.write(page) == _PAGE_BYTES:
                    continue
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            if leave_bytes:
                file.truncate(max(0, file.tell() - leave_bytes))

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)
