"""The real data set where there is internet, otherwise other data of the same shape. Programs always say which."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

__all__ = ["cached_file", "real_or_instead"]

T = TypeVar("T")

# Seconds before a download is given up, so that an example without internet goes on soon.
_TIMEOUT_SECONDS = 10.0
_PIECE_BYTES = 1 << 20

_console = Console(highlight=False)


def real_or_instead(name: str, real: Callable[[], T], instead: Callable[[], T], *, offline: bool = False) -> T:
    """Return what ``real`` downloads, or else the data of ``instead``, and say which; ``offline`` skips the download.

    The data of ``instead`` come with a sentence that says what they are. Any failed download leads to them.
    """
    if offline:
        _console.print(f"[yellow]Not {name}[/], as asked.")
        return instead()
    try:
        return real()
    except Exception as error:  # noqa: BLE001  libraries raise plain Exception when a download fails
        reason = (str(error) or type(error).__name__).splitlines()[0][:150]
        _console.print(f"[yellow bold]Not {name}:[/] it cannot be downloaded here ({reason}).", markup=True)
        return instead()


def cached_file(url: str, name: str) -> Path:
    """Return the file at ``url``, downloaded into the user's cache unless it is there.

    Raises OSError when it cannot be downloaded. A broken download leaves no file behind.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kafka-ml" / "examples"
    path = folder / name
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{name}.{os.getpid()}.part")
    try:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer,
            part.open("wb") as file,
            Progress(*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn(), console=_console) as bar,
        ):
            size = int(answer.headers.get("content-length") or 0)
            task = bar.add_task(f"download {name}", total=size or None)
            while piece := answer.read(_PIECE_BYTES):
                file.write(piece)
                bar.advance(task, len(piece))
        if size and part.stat().st_size != size:
            raise OSError(f"{url} ended after {part.stat().st_size:,} of {size:,} bytes")
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return path
