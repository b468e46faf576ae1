"""InferenceLoop: poll, decode, predict, publish, commit. Step (8) of the journey of a sample.

Built and run by ``service``. ``Intake`` decodes, ``Answers`` predicts, ``Publisher`` publishes. The loop takes what is
there, without waiting for more: one record when the stream is idle, full batches under load. The model then computes
one batch while this thread decodes the next and publishes the last. Outputs, dead letters and input positions are
committed together, as soon as the input is drained and at the latest every ``commit_seconds`` under load.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from kafkaml.codecs.base import Codec, StateKey
from kafkaml.dead_letters import Stage
from kafkaml.errors import TransactionAborted
from kafkaml.failpoints import failpoint
from kafkaml.intake import Batch, BatchSize, Intake, Refused
from kafkaml.logs import get_logger
from kafkaml.records import PartitionKey, TransactionalLoopClient
from kafkaml.wire.replica import Confidence
from model_inference.answering import Answered, Answers
from model_inference.changelog import Changelog
from model_inference.predicting import MAX_IN_FLIGHT
from model_inference.publishing import Published, Publisher
from model_inference.stats import LoopStats

__all__ = ["InferenceLoop", "Models"]

logger = get_logger(__name__)

# How long an idle loop blocks for the first record, and so the longest delay before it notices a stop.
_IDLE_POLL_SECONDS = 0.25
# Longest wait for the model before Kafka is polled, so that the group does not take a busy replica for dead.
_KEEP_ALIVE_SECONDS = 0.5
# Records in the first poll. Where only records can tell the shape of a sample, the batch size of the model is not known
# before.
_FIRST_RECORDS = 8


class Models(Protocol):
    """The models that answer now and next. ``swapping.Swapper`` implements it."""

    @property
    def serving(self) -> Answers:
        """The models that answer now."""
        ...

    @property
    def due(self) -> Answers | None:
        """The models that should answer from the next transaction on; None while nothing is to change."""
        ...

    def switch(self, positions: Mapping[PartitionKey, int], gap_seconds: float) -> bool:
        """Change to ``due`` and return whether it was still wanted. Called with nothing in flight and everything
        committed.

        It answers from ``positions`` on. ``gap_seconds`` is how long polling paused for the change.
        """
        ...


class InferenceLoop:
    """One replica's loop. Not thread-safe; ``run`` returns after the stop condition, everything committed.

    It has over 12 fields because it is given its parts, and one turn leaves batches in flight for the next.
    """

    def __init__(
        self,
        *,
        client: TransactionalLoopClient,
        codec: Codec,
        models: Models,
        publisher: Publisher,
        stats: LoopStats,
        batch_sizes: tuple[int, ...],
        commit_seconds: float = 0.1,
        changelog: Changelog | None = None,
        on_ready: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._models = models
        self._answers = models.serving
        self._publisher = publisher
        self._stats = stats
        # The changelog of what the codec keeps between batches; None where each record stands alone.
        self._changelog = changelog
        self._commit_seconds = commit_seconds
        self._on_ready = on_ready
        self._clock = clock
        self._ready = False
        self._intake = Intake(codec, clock)
        self._batch_size = BatchSize(batch_sizes)
        self._in_flight: deque[Batch] = deque()
        self._last_collected = 0.0
        self._transaction = _Transaction()

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Answer records until ``should_stop``, which is called at least four times a second while the model is idle.

        Raises what makes it impossible to continue: ProducerFenced, BrokerError, FailedError of a model that keeps
        dying.
        """
        while not should_stop():
            try:
                if self._models.due is not None:
                    self._switch()
                self._turn()
            except TransactionAborted as error:
                self._start_over(error)
        self._finish()

    def _switch(self) -> None:
        """Let another model answer from here on, once everything polled is answered and committed."""
        started = self._clock()
        self._publish_and_commit()
        failpoint("swap.committed")
        if self._models.switch(self._client.positions(), self._clock() - started):
            self._answers = self._models.serving
            failpoint("swap.switched")

    def _turn(self) -> None:
        batch = self._take()
        if batch is not None:
            self._submit(batch)
        # Wait for the answer when nothing more is queued in Kafka, or when the model has enough queued.
        idle = batch is None or batch.drained
        while self._in_flight and (idle or len(self._in_flight) == MAX_IN_FLIGHT):
            self._publish_oldest()
        # Commit when there is nothing more to wait for, or when it is time. While Kafka refuses one of the records
        # (``is_careful``), each batch is committed alone.
        if self._transaction.is_open and (idle or self._batch_size.is_careful or self._commit_is_due()):
            self._commit()

    def _take(self) -> Batch | None:
        busy = self._in_flight or self._transaction.is_open
        if (max_batch := self._answers.max_batch) is not None:
            self._batch_size.fit(max_batch)
        most = self._batch_size.records
        if max_batch is None and self._intake.codec.sample_shape is None:
            most = min(most, _FIRST_RECORDS)
        polled = self._client.poll(max_records=most, timeout_seconds=0 if busy else _IDLE_POLL_SECONDS)
        if not self._ready and self._client.assigned:
            self._ready = True
            self._on_ready()
        if not polled:
            if not busy:
                self._stats.waiting(self._lag())
            return None
        failpoint("inference.polled")
        # A short batch may only mean that the next fetch is still on its way. The lag tells a backlog from a trickle.
        drained = self._batch_size.is_careful or (len(polled) < most and (self._lag() or 0) < most)
        return self._intake.batch(polled, drained=drained)

    def _submit(self, batch: Batch) -> None:
        if batch.samples is not None:
            self._answers.submit(batch)
            if self._intake.codec.sample_shape is None and self._answers.spec is not None:
                # The first samples that the model accepted fix the shape. From now on, samples of other shapes become
                # dead letters.
                self._intake.codec = self._intake.codec.pinned(self._answers.spec.shape)
        self._in_flight.append(batch)

    def _publish_oldest(self) -> None:
        # The batch stays in flight until it is collected: if the wait ends in an abort, ``_start_over`` must find it.
        batch = self._in_flight[0]
        answered = self._collect(batch)
        self._in_flight.popleft()
        if batch.forgotten:
            return
        failpoint("inference.predicted")
        self._client.begin()
        published = self._publisher.publish(batch, answered)
        failpoint("inference.produced")
        self._transaction.add(batch, published, now=self._clock())

    def _collect(self, batch: Batch) -> Answered:
        """Wait for the model; commit and keep the group alive meanwhile."""
        if batch.samples is None:
            return self._answers.none()
        started = max(batch.arrived, self._last_collected)
        paused = False
        try:
            while not self._answers.wait(self._patience()):
                if self._transaction.is_open and self._commit_is_due():
                    self._commit()
                if self._clock() - started > _KEEP_ALIVE_SECONDS:
                    if not paused:
                        self._client.pause()
                        paused = True
                    # Polling the paused input returns no record, but keeps the place in the group.
                    self._client.poll(max_records=1, timeout_seconds=0)
        finally:
            if paused:
                self._client.resume()
        answered = self._answers.collect()
        self._last_collected = self._clock()
        self._batch_size.took(len(batch.kept), self._last_collected - started)
        return answered

    def _patience(self) -> float:
        if not self._transaction.is_open:
            return _KEEP_ALIVE_SECONDS
        return min(_KEEP_ALIVE_SECONDS, max(0.0, self._transaction.opened + self._commit_seconds - self._clock()))

    def _commit_is_due(self) -> bool:
        return self._clock() - self._transaction.opened >= self._commit_seconds

    def _commit(self) -> None:
        positions = self._transaction.positions
        if self._changelog is not None:
            positions = {**self._changelog.write(self._transaction.changes), **positions}
        self._transaction.committing = True
        self._client.commit(positions)
        failpoint("inference.committed")
        self._batch_size.committed()
        self._intake.refusals.clear()
        self._account_for_commit()

    def _account_for_commit(self) -> None:
        transaction, self._transaction = self._transaction, _Transaction()
        if self._changelog is not None:
            self._changelog.committed(len(transaction.batches))
        transaction.count(self._stats, now=self._clock(), lag=self._lag())

    def _start_over(self, error: TransactionAborted) -> None:
        """Drop what is in flight. The input was rewound to the last commit, so those records come again, here or on
        another replica.
        """
        logger.info("transaction aborted, reading again from the last commit", reason=error.message)
        if self._is_committed_all_the_same():
            self._account_for_commit()
        if self._changelog is not None:
            self._changelog.rolled_back()
        if error.refused_timestamp:
            self._publisher.timestamp_refused()
        elif error.refused:
            self._note_refusal(error)
        for batch in self._in_flight:
            batch.forgotten = True
        self._transaction = _Transaction()

    def _is_committed_all_the_same(self) -> bool:
        """Return whether Kafka has since confirmed the transaction whose outcome was unknown."""
        if not self._transaction.committing:
            return False
        committed = self._client.positions()
        return all(committed.get(key, -1) >= offset for key, offset in self._transaction.positions.items())

    def _note_refusal(self, error: TransactionAborted) -> None:
        """Find the record that Kafka refuses in this transaction, by smaller transactions, and make it a
        dead letter.
        """
        batches = self._transaction.batches
        if len(batches) == 1 and len(batches[0].polled) == 1:
            batch, record = batches[0], batches[0].polled[0]
            # The dead letter was refused too, so cut it to a size that any broker takes.
            self._intake.refusals[record.partition, record.offset] = Refused(
                record, error, Stage.PUBLISH, cut=bool(batch.refused)
            )
        self._batch_size.refused()

    def _finish(self) -> None:
        """Answer and commit what was already polled, and leave the rest to the next owner of the partitions."""
        try:
            self._publish_and_commit()
        except TransactionAborted as error:
            logger.info("last transaction aborted, its records are left to others", reason=error.message)

    def _publish_and_commit(self) -> None:
        while self._in_flight:
            self._publish_oldest()
        if self._transaction.is_open:
            self._commit()

    def _lag(self) -> int | None:
        lags = self._client.lag()
        return sum(lags.values()) if lags else None


class _Transaction:
    """What was answered since the last commit."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.opened = 0.0
        # Whether Kafka was asked to commit the transaction.
        self.committing = False
        self._dead_lettered = 0
        self._restamped = 0
        self._sent_up = 0
        self._refusal = ""
        self._confidence_answers, self._confidence_total = 0, 0.0

    @property
    def is_open(self) -> bool:
        return bool(self.batches)

    @property
    def changes(self) -> Mapping[StateKey, bytes]:
        """The codec's state that these batches changed: the newest value of each key."""
        changes: dict[StateKey, bytes] = {}
        for batch in self.batches:
            changes |= batch.changes
        return changes

    @property
    def positions(self) -> dict[PartitionKey, int]:
        """The positions at which the input continues after these batches."""
        positions: dict[PartitionKey, int] = {}
        for batch in self.batches:
            positions |= batch.positions
        return positions

    def add(self, batch: Batch, published: Published, *, now: float) -> None:
        if not self.batches:
            self.opened = now
        self.batches.append(batch)
        self._dead_lettered += published.dead_lettered
        self._restamped += published.restamped
        self._sent_up += published.sent_up
        self._refusal = published.refusal or self._refusal
        self._confidence_answers += published.confidence_answers
        self._confidence_total += published.confidence_total

    def count(self, stats: LoopStats, *, now: float, lag: int | None) -> None:
        sizes = [len(batch.polled) for batch in self.batches]
        warming_up = sum(batch.warming_up for batch in self.batches)
        stats.committed(
            predicted=sum(sizes) - self._dead_lettered - warming_up,
            dead_lettered=self._dead_lettered,
            warming_up=warming_up,
            restamped=self._restamped,
            sent_up=self._sent_up,
            timestamps_ms=[stamp for batch in self.batches for stamp in batch.columns.timestamps_ms],
            arrived_seconds=now - self.batches[0].arrived,
            lag=lag,
            refusal=self._refusal,
            confidence=Confidence(answers=self._confidence_answers, total=self._confidence_total),
            batches=sizes,
        )
