"""LogFolders: the logs that a launcher leaves on the disk, for the API that only reads them.

One folder per run, by its name, written in the format of ``replica_log``: by keepers on a laptop, by the controller in
a cluster, so that readers need no permissions in the cluster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from backend.launchers.names import check_work_name
from backend.launchers.replica_log import read_log

__all__ = ["LogFolders", "LogReader"]


class LogReader(Protocol):
    """What the API needs of a launcher's logs; see ``Launcher.logs``."""

    def logs(self, name: str, *, replica: int = 0, offset: int = 0, max_bytes: int = 65536) -> tuple[bytes, int]: ...


class LogFolders:
    """Reads below ``root``, and in every folder in ``elsewhere``, which has one for each other cluster.

    Opens nothing in advance; a missing log counts as empty.
    """

    def __init__(self, root: Path, elsewhere: Path | None = None) -> None:
        self._root = root
        self._elsewhere = elsewhere

    def logs(self, name: str, *, replica: int = 0, offset: int = 0, max_bytes: int = 65536) -> tuple[bytes, int]:
        """See Launcher. Raises ValueError for anything but a run's name, which could be a path to elsewhere."""
        check_work_name(name)
        return read_log(self._folder(name), replica, offset, max_bytes)

    def _folder(self, name: str) -> Path:
        own = self._root / name
        if self._elsewhere is None or own.is_dir():
            return own
        return next((found for found in self._elsewhere.glob(f"*/{name}") if found.is_dir()), own)
