"""OutboxRelay: writes the records that requests left in the database to Kafka, exactly as a sink would.

Oldest first, marked only after Kafka acknowledged; a crash in between writes a record twice, which its reader must
bear (an announced stream is given to the results that wait for one, once).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import DatabaseError, connection

from backend.streams.models import OutboxMessage
from backend.streams.services import mark_outbox_failed, mark_outbox_published, pending_outbox
from kafkaml.errors import KafkaMLError
from kafkaml.failpoints import failpoint
from kafkaml.logs import get_logger
from kafkaml.records import OutgoingRecord, RecordWriter

__all__ = ["OutboxRelay"]

logger = get_logger(__name__)

_FLUSH_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.5
_MAX_PAUSE_SECONDS = 15.0
# How long nobody looks when no hint comes.
_LOOK_SECONDS = 1.0


class OutboxRelay:
    """Runs in a thread of its own between ``start`` and ``close``. ``connect`` makes the writer, when first needed.

    ``prepare`` is called with a topic before each record to it, and may make it.
    """

    def __init__(
        self,
        connect: Callable[[], RecordWriter],
        *,
        may_act: Callable[[], bool],
        prepare: Callable[[str], None] = lambda _topic: None,
    ) -> None:
        self._connect = connect
        self._prepare = prepare
        self._may_act = may_act
        self._writer: RecordWriter | None = None
        self._news = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hint(self) -> None:
        """There may be something to write."""
        self._news.set()

    def close(self) -> None:
        self._stop.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(_FLUSH_SECONDS + 2)
        self._forget_writer()

    def relay(self) -> int:
        """Write what is pending; return how many records were.

        Raises the KafkaMLError of the first that could not be written: it and the others of its topic stay pending.
        """
        written = 0
        refused: dict[str, KafkaMLError] = {}
        while messages := pending_outbox(without=refused):
            for message in messages:
                if message.topic in refused:
                    continue
                try:
                    self._write(message)
                except KafkaMLError as error:
                    mark_outbox_failed(message.pk, error.message)
                    self._forget_writer()
                    refused[message.topic] = error
                    continue
                failpoint("controller.outbox_written")
                mark_outbox_published(message.pk)
                written += 1
        if refused:
            raise next(iter(refused.values()))
        return written

    def _write(self, message: OutboxMessage) -> None:
        self._prepare(message.topic)
        if self._writer is None:
            self._writer = self._connect()
        self._writer.write(
            OutgoingRecord(message.topic, bytes(message.value), bytes(message.key) if message.key else None)
        )
        self._writer.flush(_FLUSH_SECONDS)

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
                logger.warning("the outbox cannot be written to Kafka now", error=str(error), seconds=pause)
                connection.close_if_unusable_or_obsolete()
        connection.close()

    def _forget_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
