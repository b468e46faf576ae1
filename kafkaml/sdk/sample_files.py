"""Samples as a file, of data sets and of streams."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from kafkaml.errors import RefusedError
from kafkaml.sdk.connection import Connection
from kafkaml.wire.export import ExportFormat

__all__ = ["download_samples"]

# Longer than the server's own limit for an export, so that its error arrives.
_EXPORT_SECONDS = 2000.0


def download_samples(
    connection: Connection,
    address: str,
    path: Path,
    *,
    version: int | None = None,
    until: datetime | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Write what ``address`` exports to ``path``, in the format given by its extension; return its size in bytes.

    ``version`` and ``until``: see ``Datasets.export``.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in tuple(ExportFormat):
        raise RefusedError(
            f"{path} is not a file that can be exported: expected a name that ends with .parquet or .npz"
        )
    return connection.download(
        address,
        path,
        params={"version": version, "format": kind, "until": None if until is None else until.isoformat()},
        on_progress=on_progress,
        first_byte_timeout_seconds=_EXPORT_SECONDS,
    )
