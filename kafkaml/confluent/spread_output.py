"""SpreadOutput: outputs in topics of several clusters, which no transaction can span. Used by ``loop.KafkaLoopClient``.

A tier of a distributed model needs it when its answers and its intermediates go to different clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, TopicPartition

from kafkaml.confluent.config import RecordSizes
from kafkaml.confluent.errors import failure_of
from kafkaml.confluent.outputs import AcknowledgedOutput, ClusterTopics
from kafkaml.errors import BrokerTimeout, RefusedError, TransactionAborted
from kafkaml.records import OutgoingRecord, OutgoingRow, PartitionKey

__all__ = ["SpreadOutput"]


class SpreadOutput:
    """See ``outputs.Output``. At least once: all clusters have acknowledged before input positions are committed.

    The topics of all clusters have different names, so one mapping ``marks`` holds the marks of all.
    """

    def __init__(
        self,
        clusters: Sequence[ClusterTopics],
        *,
        request_timeout_seconds: float,
        sizes: RecordSizes | None = None,
    ) -> None:
        self.marks: dict[PartitionKey, int] = {}
        self._outputs: list[AcknowledgedOutput] = []
        self._of: dict[str, AcknowledgedOutput] = {}
        for settings, topics in clusters:
            output = AcknowledgedOutput(
                settings, request_timeout_seconds=request_timeout_seconds, sizes=sizes, marks=self.marks
            )
            self._outputs.append(output)
            self._of |= dict.fromkeys(topics, output)

    def wait_by(self, wait: Callable[[BrokerTimeout], None]) -> None:
        """Let ``wait`` decide how long to wait for an unavailable cluster; see ``AcknowledgedOutput``."""
        for output in self._outputs:
            output.wait = wait

    def begin(self) -> None:
        for output in self._outputs:
            output.begin()

    def produce(self, record: OutgoingRecord) -> None:
        self._of[record.topic].produce(record)

    def produce_all(self, records: Sequence[OutgoingRow]) -> list[tuple[int, RefusedError]]:
        refused: list[tuple[int, RefusedError]] = []
        for output in self._outputs:
            places = [index for index, (topic, *_) in enumerate(records) if self._of[topic] is output]
            found = output.produce_all([records[index] for index in places])
            refused += [(places[place], error) for place, error in found]
        return refused

    def commit(self, offsets: Sequence[TopicPartition], consumer: Consumer) -> None:
        first, *others = self._outputs

        def commit() -> None:
            for other in others:
                other.flush()
            first.commit(offsets, consumer)

        failure = failure_of(commit, TransactionAborted)
        if failure is not None:
            # Let records on their way to the other clusters arrive before existing answers are searched.
            self.abort()
            try:
                raise failure
            finally:
                # The error holds this call by its traceback.
                del failure

    def abort(self) -> None:
        for output in self._outputs:
            output.abort()

    def partition_count(self, topic: str) -> int:
        return self._of[topic].partition_count(topic)

    def close(self) -> None:
        for output in self._outputs:
            output.close()
