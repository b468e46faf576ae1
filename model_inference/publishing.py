"""Publisher: writes the answers to a batch, each with its record's key, headers and timestamp, and the dead letters."""

from __future__ import annotations

from kafkaml.errors import RefusedError
from kafkaml.records import OutgoingRecord, PartitionKey, TransactionalLoopClient
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
        self._partitions: dict[PartitionKey, int] = {}

    def publish(self, batch: Batch, prediction: Prediction) -> int:
        """Write one record for each record of ``batch``; returns how many of them are dead letters."""
        refused = list(batch.refused)
        if prediction.failures:
            refused += [
                Refused(batch.records[index], error, Stage.PREDICT) for index, error in prediction.failures.items()
            ]
        if prediction.outputs:
            refused += self._answer(batch, prediction)
        for each in refused:
            self._bury(each)
        return len(refused)

    def _answer(self, batch: Batch, prediction: Prediction) -> list[Refused]:
        """Write the answers; returns the records whose answer the client does not even take (too large)."""
        refused: list[Refused] = []
        produce, headers, partitions, failures = (
            self._client.produce,
            self._provenance.headers,
            self._partitions,
            prediction.failures,
        )
        destinations = self._router.route(prediction.outputs)
        for index, (record, (topic, value)) in enumerate(zip(batch.records, destinations, strict=True)):
            if failures and index in failures:
                continue
            partition = partitions.get((topic, record.partition))
            if partition is None:
                partition = self._partition(topic, record.partition)
            # Kafka's records without timestamp have -1; 0 means now to the client.
            timestamp_ms = record.timestamp_ms if record.timestamp_ms > 0 else 0
            try:
                produce(OutgoingRecord(topic, value, record.key, headers(record), timestamp_ms, partition))
            except RefusedError as error:
                refused.append(Refused(record, error, Stage.PUBLISH))
        return refused

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
            partition=self._partition(topic, refused.record.partition),
            provenance=self._provenance,
            cut=cut,
        )

    def _partition(self, topic: str, source_partition: int) -> int:
        known = self._partitions.get((topic, source_partition))
        if known is None:
            known = self._partitions[topic, source_partition] = self._client.partition_for(topic, source_partition)
        return known
