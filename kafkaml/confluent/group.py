"""KafkaGroupReader: reads topics as a member of a group and commits after the effect.

Used by ``kafka_control_logger``. See ``kafkaml.records.GroupReader``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from confluent_kafka import Consumer, TopicPartition

from kafkaml.confluent.batch import to_record
from kafkaml.confluent.config import member_config
from kafkaml.confluent.errors import ClientLog, is_temporary, kafka_errors, to_error
from kafkaml.records import Record
from kafkaml.settings import KafkaSettings

__all__ = ["KafkaGroupReader"]

_logger = logging.getLogger(__name__)


class KafkaGroupReader:
    """Reads committed records of ``topics`` from the first on, or from where ``group`` committed last.

    ``max_poll_interval_seconds`` is how long the caller may work on one record (such as waiting for an unavailable
    backend) before the group takes it for dead. A dead process is noticed much earlier, by its missing heartbeats.
    ``instance`` is a permanent name of this member. A restarted member gets its partitions back immediately instead of
    after ``session_timeout_seconds``. Two members under one name fence each other.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        topics: Sequence[str],
        group: str,
        session_timeout_seconds: float = 10.0,
        max_poll_interval_seconds: float = 6 * 3600.0,
        instance: str = "",
    ) -> None:
        self._log = ClientLog()
        self._last_complaint = ""
        self._consumer = Consumer(
            member_config(
                settings,
                self._log,
                group=group,
                session_timeout_seconds=session_timeout_seconds,
                poll_seconds=max_poll_interval_seconds,
            )
            | {"auto.offset.reset": "earliest"}
            | ({"group.instance.id": instance} if instance else {})
        )
        self._consumer.subscribe(list(topics))

    def poll(self, timeout_seconds: float) -> Record | None:
        """Return the next record, or None when none came in time; BrokerError when Kafka refuses for good."""
        with kafka_errors("reading", self._log):
            message = self._consumer.poll(timeout_seconds)
        if message is None:
            return None
        error = message.error()
        if error is None:
            self._last_complaint = ""
            return to_record(message)
        if not is_temporary(error):
            raise to_error(error, f"reading {message.topic() or 'topics'}", self._log)
        # Log a complaint once, because it repeats while the problem lasts.
        if error.str() != self._last_complaint:
            self._last_complaint = error.str()
            _logger.warning("waiting for Kafka: %s", error.str())
        return None

    def commit(self, record: Record) -> None:
        """Mark ``record`` and all before it in its partition as handled; they are not read again after a restart.

        Raises BrokerError when the group gave the partition to another member meanwhile.
        """
        place = TopicPartition(record.topic, record.partition, record.offset + 1)
        with kafka_errors(f"committing {record.place}", self._log):
            self._consumer.commit(offsets=[place], asynchronous=False)

    def close(self) -> None:
        """Leave the group; records polled but not committed are read again by the next member."""
        self._consumer.close()
