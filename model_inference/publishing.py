"""Publisher: writes the answers to a batch, each with its record's key, headers and timestamp, and the dead letters."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kafkaml.answers import RECORD_OVERHEAD_BYTES
from kafkaml.dead_letters import Stage
from kafkaml.errors import BrokenError, KafkaMLError, RefusedError
from kafkaml.intake import Batch, Refused
from kafkaml.records import SOURCE_HEADER, OutgoingRecord, OutgoingRow, PartitionKey, TransactionalLoopClient
from model_inference.answering import Answered
from model_inference.dead_letters import dead_letter
from model_inference.output_topics import SOURCE_TIMESTAMP_HEADER, OutputTopics
from model_inference.provenance import Provenance
from model_inference.routing import Routed, Router
from model_inference.tracing import Tracing

__all__ = ["Published", "Publisher"]


class Published(NamedTuple):
    """Counts of the records written for a batch: dead letters, restamped ones, and ones sent to the next tier.

    ``refusal`` is why the last dead letter became one; "" without any. ``confidence_total`` is the sum of the
    confidences of the ``confidence_answers`` predictions that have one.
    """

    dead_lettered: int
    restamped: int
    sent_up: int = 0
    refusal: str = ""
    confidence_answers: int = 0
    confidence_total: float = 0.0


class Publisher:
    """Writes answers and dead letters inside the loop's transaction. An answer goes to the partition with its record's
    number.

    The number is taken modulo the partitions of the output topic. This keeps the order of a whole input partition, not
    only of a key.
    """

    def __init__(
        self,
        client: TransactionalLoopClient,
        *,
        router: Router,
        topics: OutputTopics,
        tracing: Tracing | None = None,
    ) -> None:
        self._client = client
        self._tracing = tracing
        self._router = router
        self._topics = topics
        self._targets = _Targets(client)

    def publish(self, batch: Batch, answered: Answered) -> Published:
        """Write one record for each record of ``batch``: an answer or a dead letter."""
        prediction = answered.prediction
        refused = [(failed, answered.model) for failed in batch.refused]

        def refuse(index: int, error: KafkaMLError, stage: Stage) -> None:
            refused.append((Refused(batch.record(index), error, stage), answered.provenance_of(index)))

        failures = dict(prediction.failures)
        restamped = sent_up = 0
        confidence = (0, 0.0)
        answers: list[OutgoingRow] = []
        if prediction.outputs:
            routed = self._router.route(prediction.outputs, batch.included)
            # Samples that failed earlier have meaningless rows, so the router's verdict on them is ignored.
            failures = {**routed.failures, **failures}
            confidence = _confidence(routed, failures)
            answers = self._answers(batch, answered, routed)
            timestamps_ms = batch.columns.timestamps_ms
            too_large = self._too_large(answers, prediction.outputs)
            for index in failures:
                too_large.pop(index, None)
            for index, obstacle in too_large.items():
                refuse(index, obstacle, Stage.PUBLISH)
            kept: Sequence[int] = range(len(answers))
            if left_out := failures.keys() | too_large.keys():
                kept = [index for index in kept if index not in left_out]
                answers = [answers[index] for index in kept]
                timestamps_ms = [timestamps_ms[index] for index in kept]
            restamped = self._restamp(answers, timestamps_ms)
            sent_up = self._count_up(answers)
        if self._tracing is not None:
            self._tracing.published(batch, answers)
        if answers:
            for place, obstacle in self._client.produce_all(answers):
                sent_up -= answers[place][0] == self._router.upper_topic
                refuse(kept[place], obstacle, Stage.PUBLISH)
        for index, error in failures.items():
            refuse(index, error, Stage.PREDICT)
        for failed, provenance in refused:
            restamped += self._bury(failed, provenance)
        refusal = refused[-1][0].error.message if refused else ""
        restamped = restamped if self._topics.counts_restamped else 0
        return Published(len(refused), restamped, sent_up, refusal, *confidence)

    def timestamp_refused(self) -> None:
        """Note that Kafka refused a record for its timestamp; the retry carries another."""
        self._topics.refuses_timestamp()

    def _count_up(self, answers: Sequence[OutgoingRow]) -> int:
        upper = self._router.upper_topic
        return sum(row[0] == upper for row in answers) if upper else 0

    def _answers(self, batch: Batch, answered: Answered, routed: Routed) -> list[OutgoingRow]:
        """Return one answer or intermediate per sample."""
        if len(routed.values) != len(batch.kept):
            raise BrokenError(f"{len(routed.values)} answers to {len(batch.kept)} samples: expected as many")
        source_topic = batch.topic.encode()
        sources = {partition: b"%b/%d/" % (source_topic, partition) for partition in set(batch.columns.partitions)}
        targets = self._targets
        constants: Iterable[list[tuple[str, bytes | None]]] = repeat(answered.model.constant)
        if answered.challenged:
            constants = [answered.provenance_of(index).constant for index in range(len(routed.values))]
        return [
            (
                topic,
                value,
                key,
                [*(headers or ()), (SOURCE_HEADER, b"%b%d" % (sources[partition], offset)), *constant],
                # A record without timestamp has -1; 0 means now to the client.
                timestamp_ms if timestamp_ms > 0 else 0,
                targets[topic, partition],
            )
            # Topics and headers may be infinite iterators that repeat one value.
            for topic, value, constant, partition, offset, key, headers, timestamp_ms in zip(
                routed.topics, routed.values, constants, *batch.columns, strict=False
            )
        ]

    def _restamp(self, answers: list[OutgoingRow], timestamps_ms: Sequence[int]) -> int:
        """Restamp the answers whose record's time the topic does not accept with the time of writing;
        returns how many.
        """
        earliest, latest = self._topics.window(*self._topics.answers)
        if not answers or (earliest <= min(timestamps_ms) and max(timestamps_ms) <= latest):
            return 0
        restamped = 0
        for index, timestamp_ms in enumerate(timestamps_ms):
            topic, value, key, headers, _, partition = answers[index]
            if self._topics.restamps(topic, timestamp_ms):
                headers.append((SOURCE_TIMESTAMP_HEADER, b"%d" % timestamp_ms))
                answers[index] = (topic, value, key, headers, 0, partition)
                restamped += 1
        return restamped

    def _too_large(
        self, answers: Sequence[OutgoingRow], outputs: Sequence[npt.NDArray[np.generic]]
    ) -> dict[int, RefusedError]:
        """Return the answers, by index, that are known to exceed their topic's limit or the producer's."""
        # Nearly always the largest answer fits, and no answer has to be checked individually.
        sizes = self._router.record_bytes([(output.dtype, output.shape[1:]) for output in outputs])
        if all(self._topics.takes(topic, size) for topic, size in sizes.items()):
            return {}
        found: dict[int, RefusedError] = {}
        for index, (topic, value, key, headers, _, _) in enumerate(answers):
            size = len(value or b"") + len(key or b"") + sum(len(name) + len(header or b"") for name, header in headers)
            if not self._topics.takes(topic, size + RECORD_OVERHEAD_BYTES):
                obstacle = self._topics.obstacle(topic, size + RECORD_OVERHEAD_BYTES)
                found[index] = RefusedError(f"the answer is {size:,} bytes, and {obstacle}")
        return found

    def _bury(self, refused: Refused, provenance: Provenance) -> bool:
        """Write a dead letter; returns whether it is stamped with the time of writing instead of its record's."""
        restamp = self._topics.restamps(self._topics.dead_letters, refused.record.timestamp_ms)
        try:
            self._client.produce(self._letter(refused, provenance, cut=refused.cut, restamp=restamp))
        except RefusedError:
            self._client.produce(self._letter(refused, provenance, cut=True, restamp=restamp))
        return restamp

    def _letter(self, refused: Refused, provenance: Provenance, *, cut: bool, restamp: bool) -> OutgoingRecord:
        topic = self._topics.dead_letters
        return dead_letter(
            refused.record,
            refused.error,
            refused.stage,
            topic=topic,
            partition=self._targets[topic, refused.record.partition],
            provenance=provenance,
            cut=cut,
            restamp=restamp,
        )


def _confidence(routed: Routed, failures: Collection[int]) -> tuple[int, float]:
    """Return the number of predicted samples that have a confidence, and the sum of those."""
    found = routed.confidences
    if found is None:
        return 0, 0.0
    if failures:
        found = np.delete(found, list(failures))
    total = float(found.sum())
    if math.isnan(total):
        found = found[~np.isnan(found)]
        total = float(found.sum())
    return len(found), total


class _Targets(dict[PartitionKey, int]):
    """The partition of a topic that takes the answers to an input partition; Kafka is asked once and the result is
    cached.
    """

    def __init__(self, client: TransactionalLoopClient) -> None:
        super().__init__()
        self._client = client

    def __missing__(self, key: PartitionKey) -> int:
        topic, source_partition = key
        self[key] = self._client.partition_for(topic, source_partition)
        return self[key]
