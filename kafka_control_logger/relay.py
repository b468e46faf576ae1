"""ControlRelay: reads announcements, registers them with the backend, commits. Step (3) of the journey of a sample.

Offsets are committed after the registration, which is idempotent by the record's place (cluster, topic, partition,
offset). Each announcement is therefore registered exactly once, whichever process dies at whatever moment. The relay
waits forever for an unavailable backend. A record that is not an announcement goes to the dead letters with the reason.
Nothing is ever dropped. Next: the backend gives the stream to the results that wait for it
(``backend.deployments.services.assign_stream``), whose rows are then ready for ``backend.controller.reconcile``.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from kafka_control_logger.announcements import Announcements, NotAnAnnouncement
from kafka_control_logger.prometheus import RelayMetrics
from kafkaml.dead_letters import reason_headers
from kafkaml.errors import BrokerError, KafkaMLError
from kafkaml.failpoints import failpoint
from kafkaml.logs import get_logger
from kafkaml.records import SOURCE_HEADER, GroupReader, OutgoingRecord, Record, RecordWriter, format_source

__all__ = ["ControlRelay"]

logger = get_logger(__name__)

_POLL_SECONDS = 0.5
_FIRST_PAUSE_SECONDS = 0.1
_MAX_PAUSE_SECONDS = 5.0
_FLUSH_SECONDS = 30.0
# "control" is a common topic name, so thousands of records may come from another program. Each becomes a dead letter,
# but only one warning is logged per this many seconds.
_COMPLAINT_SECONDS = 60.0


class ControlRelay:
    """Moves records one by one. Calls ``on_progress`` often with a short description of its state."""

    def __init__(
        self,
        *,
        reader: GroupReader,
        announcements: Announcements,
        dead_letters: RecordWriter,
        dead_letter_topic: str,
        on_progress: Callable[[str], None] = lambda _what: None,
        metrics: RelayMetrics | None = None,
    ) -> None:
        self._reader = reader
        self._announcements = announcements
        self._dead_letters = dead_letters
        self._dead_letter_topic = dead_letter_topic
        self._on_progress = on_progress
        self._metrics = metrics or RelayMetrics()
        self._complained = float("-inf")
        self._put_aside = 0

    def run(self, stop: threading.Event) -> None:
        """Relay until ``stop``.

        Raises BrokerError when Kafka refuses to be read; it can then run again with a new reader. A commit that fails
        is only logged, because the record is then read again.
        """
        while not stop.is_set():
            self._on_progress("reading")
            record = self._reader.poll(_POLL_SECONDS)
            self._metrics.polled()
            if record is None:
                continue
            # A test can end the process here.
            failpoint("logger.polled")
            if not self._handle(record, stop):
                # The relay was stopped while the backend was unavailable. The record is not committed, so it will be
                # read again.
                return
            failpoint("logger.before_commit")
            self._commit(record)
            failpoint("logger.committed")

    def _handle(self, record: Record, stop: threading.Event) -> bool:
        """Register or dead-letter ``record``, however long that takes. Returns False when asked to stop first."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                self._register(record)
            except KafkaMLError as error:
                self._metrics.became("failed")
                self._on_progress(f"waiting: {error.message}")
                logger.warning("not registered yet, will try again", record=record.place, error=error.message)
                # Jitter keeps several loggers from returning to a restarted backend at the same moment.
                if stop.wait(pause * random.uniform(0.75, 1.25)):  # noqa: S311 (no secret)
                    return False
                pause = min(pause * 2, _MAX_PAUSE_SECONDS)
            else:
                return True

    def _register(self, record: Record) -> None:
        try:
            new = self._announcements.register(record)
        except NotAnAnnouncement as error:
            self._bury(record, error)
            self._metrics.became("dead_lettered")
            return
        self._metrics.became("registered" if new else "known")
        logger.info("stream registered" if new else "stream was registered already", record=record.place)

    def _bury(self, record: Record, error: NotAnAnnouncement) -> None:
        headers = [
            *record.headers,
            (SOURCE_HEADER, format_source(record.topic, record.partition, record.offset)),
            *reason_headers("register", error),
        ]
        self._dead_letters.write(
            OutgoingRecord(self._dead_letter_topic, record.value, record.key, headers, max(0, record.timestamp_ms))
        )
        self._dead_letters.flush(_FLUSH_SECONDS)
        self._put_aside += 1
        if time.monotonic() - self._complained < _COMPLAINT_SECONDS:
            return
        logger.warning(
            "not an announcement, put aside",
            record=record.place,
            topic=self._dead_letter_topic,
            error=error.message,
            put_aside_since_start=self._put_aside,
        )
        self._complained = time.monotonic()

    def _commit(self, record: Record) -> None:
        try:
            self._reader.commit(record)
        except BrokerError as error:
            # The record will be read again, by this process or another member, which will find it registered.
            logger.warning("not committed", record=record.place, error=error.message)
