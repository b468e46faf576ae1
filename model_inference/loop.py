"""InferenceLoop: poll, decode, predict, publish, commit. Step (8) of the journey of a sample.

Built and run by ``service``. Takes what is there, without waiting for more: one record when the stream is idle, full
batches under load, where the model computes one batch while this thread decodes the next and publishes the last.
Outputs, dead letters and input positions are committed together, as soon as the input is drained and at the latest
every ``commit_seconds`` under load.
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

# How long an idle loop blocks for the first record, and so at most notices that it is to stop.
_IDLE_POLL_SECONDS = 0.25
# A model that works for longer than this must not let the group think that the replica is dead.
_KEEP_ALIVE_SECONDS = 0.5
# Records of the first poll, where only they can tell the shape of a sample, and so how many the model can take.
_FIRST_RECORDS = 8


class Models(Protocol):
    """What answers, and what is to answer next. ``swapping.Swapper`` is one."""

    @property
    def serving(self) -> Answers:
        """What answers now."""
        ...

    @property
    def due(self) -> Answers | None:
        """What is to answer from the next transaction on; None while nothing is to change."""
        ...

    def switch(self, positions: Mapping[PartitionKey, int], gap_seconds: float) -> bool:
        """Change to ``due``, with nothing in flight and all committed; whether there is such a model still.

        It answers from ``positions`` on. ``gap_seconds``: how long nothing was polled for it.
        """
        ...


class InferenceLoop:
    """One replica's loop. Not thread-safe; ``run`` returns after the stop condition, everything committed."""

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
        # Of what the codec keeps between batches; None where each record stands alone.
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
        """Answer records until ``should_stop``, asked at least four times a second while the model is not busy.

        Raises what makes going on impossible: ProducerFenced, BrokerError, FailedError of a model that keeps dying.
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
        """Let another model answer what was not polled yet, once all that was polled is answered and committed."""
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
        # Nothing else to do meanwhile, somebody waits for just this one, or the model has enough to work on.
        idle = batch is None or batch.drained
        while self._in_flight and (idle or len(self._in_flight) == MAX_IN_FLIGHT):
            self._publish_oldest()
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
            return None
        failpoint("inference.polled")
        # A short batch may only mean that the next fetch is on its way; the lag tells a backlog from a trickle.
        drained = self._batch_size.is_careful or (len(polled) < most and self._lag() < most)
        return self._intake.batch(polled, drained=drained)

    def _submit(self, batch: Batch) -> None:
        if batch.samples is not None:
            self._answers.submit(batch)
            if self._intake.codec.sample_shape is None and self._answers.spec is not None:
                # The first samples that the model took told the shape: every other one is a dead letter from now on.
                self._intake.codec = self._intake.codec.pinned(self._answers.spec.shape)
        self._in_flight.append(batch)

    def _publish_oldest(self) -> None:
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
        """Wait for the model; commit and serve the group meanwhile."""
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
        self._committed()

    def _committed(self) -> None:
        transaction, self._transaction = self._transaction, _Transaction()
        if self._changelog is not None:
            self._changelog.committed(len(transaction.batches))
        transaction.count(self._stats, now=self._clock(), lag=self._lag())

    def _start_over(self, error: TransactionAborted) -> None:
        """The input was rewound to the last commit: what was polled since then comes again, here or elsewhere."""
        logger.info("transaction aborted, reading again from the last commit", reason=error.message)
        if self._is_committed_all_the_same():
            self._committed()
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
        """Whether the transaction whose outcome was unknown is committed, as Kafka told when it was asked since."""
        if not self._transaction.committing:
            return False
        committed = self._client.positions()
        return all(committed.get(key, -1) >= offset for key, offset in self._transaction.positions.items())

    def _note_refusal(self, error: TransactionAborted) -> None:
        """Kafka will never take something in this transaction: find it by smaller ones, then make it a dead letter."""
        if len(self._transaction.batches) == 1 == len(self._transaction.batches[0].polled):
            batch = self._transaction.batches[0]
            record = batch.polled[0]
            # A dead letter already, and refused too: then as much of it as any broker takes.
            self._intake.refusals[record.partition, record.offset] = Refused(
                record, error, Stage.PUBLISH, cut=bool(batch.refused)
            )
        self._batch_size.refused()

    def _finish(self) -> None:
        """Answer and commit what was polled already; what cannot be is left to the next owner of the partitions."""
        try:
            self._publish_and_commit()
        except TransactionAborted as error:
            logger.info("last transaction aborted, its records are left to others", reason=error.message)

    def _publish_and_commit(self) -> None:
        while self._in_flight:
            self._publish_oldest()
        if self._transaction.is_open:
            self._commit()

    def _lag(self) -> int:
        return sum(self._client.lag().values())


class _Transaction:
    """What was answered since the last commit."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.opened = 0.0
        # Whether Kafka was asked to commit it.
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
        """What these batches changed of the codec's state: the last of each key."""
        changes: dict[StateKey, bytes] = {}
        for batch in self.batches:
            changes |= batch.changes
        return changes

    @property
    def positions(self) -> dict[PartitionKey, int]:
        """Where the input goes on after these batches."""
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

    def count(self, stats: LoopStats, *, now: float, lag: int) -> None:
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
