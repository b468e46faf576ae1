"""SignOfLife: a service regularly writes that it is alive and what it is doing, so that a hang can be detected.

Read by probes of Kubernetes (``kafkaml.is_alive``); also readable for people on the machine.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import orjson

from kafkaml.logs import get_logger
from kafkaml.system import write_atomically

__all__ = ["SignOfLife"]

logger = get_logger(__name__)

_PERIOD_SECONDS = 5.0


class SignOfLife:
    """Keeps ``path`` fresh: JSON with ``pid``, ``at`` (seconds since 1970) and ``doing``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = float("-inf")

    def __call__(self, what: str) -> None:
        """Call this in every round of the service's loop; it writes once in five seconds. Never raises."""
        if time.monotonic() - self._written < _PERIOD_SECONDS:
            return
        self._written = time.monotonic()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(self._path, orjson.dumps({"pid": os.getpid(), "at": time.time(), "doing": what}))
        except OSError as error:
            logger.warning("the sign of life cannot be written", error=str(error))
