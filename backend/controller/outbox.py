"""OutboxRelay: writes the records that requests left in the database to Kafka, exactly as a sink would.

The oldest record goes first. A record is marked as sent only after Kafka acknowledged it. A crash in between writes the
record twice, which its reader must tolerate (an announced stream is given to the waiting results only once).
"""

from __future__ import annotations

from collections.abc import Callable

from backend.controller.relay import Relay
from backend.streams.models import OutboxMessage
from backend.streams.services import mark_outbox_failed, mark_outbox_published, pending_outbox
from kafkaml.errors import KafkaMLError
from kafkaml.failpoints import failpoint
from kafkaml.records import OutgoingRecord, RecordWriter

__all__ = ["OutboxRelay"]

_FLUSH_SECONDS = 10.0


class OutboxRelay(Relay):
    """``connect`` makes the writer, when first needed. ``prepare`` is called with a topic before each record to it, and
    may make it.
    """

    name = "outbox"
    end_seconds = _FLUSH_SECONDS + 2

    def __init__(
        self,
        connect: Callable[[], RecordWriter],
        *,
        may_act: Callable[[], bool],
        prepare: Callable[[str], None] = lambda _topic: None,
    ) -> None:
        super().__init__(may_act=may_act)
        self._connect = connect
        self._prepare = prepare
        self._writer: RecordWriter | None = None

    def close(self) -> None:
        super().close()
        self._forget_writer()

    def relay(self) -> int:
        """Write the pending records and return how many were written.

        Raises the KafkaMLError of the first record that could not be written; that record and the others of its topic
        stay pending.
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

    def _forget_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
