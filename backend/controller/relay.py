"""Relay: a thread of the controller that sends out what requests left in the database."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from django.db import DatabaseError, connection

from kafkaml.errors import KafkaMLError
from kafkaml.logs import get_logger

__all__ = ["Relay"]

logger = get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
# Also the longest time that a record waits after its Kafka cluster came back.
_MAX_PAUSE_SECONDS = 5.0
# The pause between two rounds without a hint.
_LOOK_SECONDS = 1.0


class Relay(ABC):
    """A thread that runs between ``start`` and ``close``, and sends only while its controller ``may_act``."""

    name: str
    # How long a transfer under way may take at the end.
    end_seconds: float

    def __init__(self, *, may_act: Callable[[], bool]) -> None:
        self._may_act = may_act
        self._news = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    @abstractmethod
    def relay(self) -> int:
        """Send what is due; return how much that was. Raises KafkaMLError to be tried again after a pause."""

    def start(self) -> None:
        self._thread.start()

    def hint(self) -> None:
        """Wake the relay, because there may be something to send."""
        self._news.set()

    def close(self) -> None:
        self._stop.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(self.end_seconds)

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.is_set():
            self._news.wait(pause or _LOOK_SECONDS)
            self._news.clear()
            if self._stop.wait(pause) or not self._may_act():
                continue
            try:
                self.relay()
                pause = 0.0
            except (KafkaMLError, DatabaseError) as error:
                pause = min(max(pause * 2, _FIRST_PAUSE_SECONDS), _MAX_PAUSE_SECONDS)
                logger.warning("it cannot be carried outside now", what=self.name, error=str(error), seconds=pause)
                connection.close_if_unusable_or_obsolete()
        connection.close()
