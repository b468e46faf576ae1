"""KafkaChangelog: the compacted topic in which a replica keeps its state per key. Used by ``model_inference``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import wait

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from kafkaml.confluent.config import client_config
from kafkaml.confluent.errors import ClientLog, kafka_errors
from kafkaml.confluent.reader import KafkaRecordReader
from kafkaml.errors import BrokerTimeout, StreamUnavailable
from kafkaml.records import RecordBatch
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange

__all__ = ["KafkaChangelog"]

_BATCH_RECORDS = 10_000
# How long one wait for an answer lasts.
_WAIT_SECONDS = 0.2


class KafkaChangelog:
    """Reads partitions of ``topic`` to their end; fails after ``timeout_seconds`` without a record.

    Stops early when ``gives_up``, which is called several times a second, returns true.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        *,
        timeout_seconds: float,
        request_timeout_seconds: float = 30.0,
        gives_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._timeout_seconds = timeout_seconds
        self._request_timeout_seconds = request_timeout_seconds
        self._gives_up = gives_up
        self._log = ClientLog()

    def read(self, partitions: Collection[int]) -> Iterator[RecordBatch]:
        """Iterate over all records of ``partitions`` that are committed now.

        Records being committed are included, because the end covers all records, so open transactions are waited for.
        This matters because the positions of a transaction may be visible before its last record. Raises
        StreamUnavailable where a partition does not exist, BrokerTimeout where a transaction does not end.
        """
        bounds = self._bounds(partitions)
        ranges = [StreamRange(self._topic, offset, low, high) for offset, (low, high) in bounds.items() if low < high]
        if not ranges:
            return
        reader = KafkaRecordReader(
            self._settings, request_timeout_seconds=self._request_timeout_seconds, gives_up=self._gives_up
        )
        try:
            yield from reader.read(ranges, batch_records=_BATCH_RECORDS, idle_timeout_seconds=self._timeout_seconds)
        except StreamUnavailable as error:
            raise BrokerTimeout(
                f"the state of the keys was not read back from {self._topic} in {self._timeout_seconds:g} s: "
                f"{error.message}",
                hint="a transaction of a replica that died holds it up until Kafka ends it (transaction.timeout.ms)",
            ) from error
        finally:
            reader.close()

    def _bounds(self, partitions: Collection[int]) -> Mapping[int, tuple[int, int]]:
        """Return where the partitions begin, and end, records of open transactions included; empty if given up."""
        places = [TopicPartition(self._topic, partition) for partition in sorted(partitions)]
        admin = AdminClient(client_config(self._settings, self._log))
        found = []
        for spec in (OffsetSpec.earliest(), OffsetSpec.latest()):  # type: ignore[no-untyped-call]
            with kafka_errors(f"asking for the ends of {self._topic}", self._log):
                futures = admin.list_offsets(
                    dict.fromkeys(places, spec),
                    isolation_level=IsolationLevel.READ_UNCOMMITTED,
                    request_timeout=self._request_timeout_seconds,
                )
                while wait(futures.values(), _WAIT_SECONDS).not_done:
                    if self._gives_up():
                        return {}
                found.append({place.partition: future.result().offset for place, future in futures.items()})
        starts, ends = found
        return {end: (starts[end], ends[end]) for end in ends}
