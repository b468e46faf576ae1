"""Publisher: writes the answers to a batch, each with its record's key, headers and timestamp, and the dead letters."""

from __future__ import annotations

from collections.abc import Sequence

from kafkaml.errors import BrokenError, RefusedError
from kafkaml.records import SOURCE_HEADER, OutgoingRecord, OutgoingRow, PartitionKey, TransactionalLoopClient
from model_inference.batches import Batch, Refused
from model_inference.dead_letters import Stage, dead_letter
from model_inference.predicting import Prediction
from model_inference.provenance import Provenance
from model_inference.routing import Router

__all__ = ["Publisher"]


class Publisher:
    """Called by the loop, inside a transaction. The answer to a record goes to the partition of the same number.

    (Modulo the number of partitions there.) So the order of a whole input partition is kept, not only that of a key.
    """

    def __init__(
        self, client: TransactionalLoopClient, *, router: Router, dead_letter_topic: str, provenance: Provenance
    ) -> None:
        self._client = client
        self._router = router
        self._dead_letter_topic = dead_letter_topic
        self._provenance = provenance
        self._targets = _Targets(client)

    def publish(self, batch: Batch, prediction: Prediction) -> int:
        """Write one record for each record of ``batch``; returns how many of them are dead letters."""
        refused = list(batch.refused)
        refused += [Refused(batch.record(index), error, Stage.PREDICT) for index, error in prediction.failures.items()]
        if prediction.outputs:
            answers = self._answers(batch, prediction)
            kept: Sequence[int] = range(len(answers))
            if prediction.failures:
                kept = [index for index in kept if index not in prediction.failures]
                answers = [answers[index] for index in kept]
            for place, error in self._client.produce_all(answers):
                refused.append(Refused(batch.record(kept[place]), error, Stage.PUBLISH))
        for each in refused:
            self._bury(each)
        return len(refused)

    def _answers(self, batch: Batch, prediction: Prediction) -> list[OutgoingRow]:
        """Return one answer for each sample."""
        routed = self._router.route(prediction.outputs)
        if len(routed.values) != len(batch.kept):
            raise BrokenError(f"{len(routed.values)} answers to {len(batch.kept)} samples: expected as many")
        source_topic = batch.topic.encode()
        sources = {partition: b"%b/%d/" % (source_topic, partition) for partition in set(batch.columns.partitions)}
        constant, targets = self._provenance.constant, self._targets
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
            # The topics may be without end: one topic for all.
            for topic, value, partition, offset, key, headers, timestamp_ms in zip(
                routed.topics, routed.values, *batch.columns, strict=False
            )
        ]

    def _bury(self, refused: Refused) -> None:
        try:
            self._client.produce(self._letter(refused, cut=refused.cut))
        except RefusedError:
            self._client.produce(self._letter(refused, cut=True))

    def _letter(self, refused: Refused, *, cut: bool) -> OutgoingRecord:
        topic = self._dead_letter_topic
        return dead_letter(
            refused.record,
            refused.error,
            refused.stage,
            topic=topic,
            partition=self._targets[topic, refused.record.partition],
            provenance=self._provenance,
            cut=cut,
        )


class _Targets(dict[PartitionKey, int]):
    """The partition of a topic that takes the answers to an input partition; asked once, then a look-up."""

    def __init__(self, client: TransactionalLoopClient) -> None:
        super().__init__()
        self._client = client

    def __missing__(self, key: PartitionKey) -> int:
        topic, source_partition = key
        self[key] = self._client.partition_for(topic, source_partition)
        return self[key]
