"""KafkaLoopClient: the Kafka side of the inference loop. Step (8) of the journey of a sample.

Holds a place in the inference's consumer group and gives batches out; takes outputs back and commits both together.
Called by ``model_inference`` from one thread. Never decodes, never decides what an output is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from kafkaml.confluent.assignment import Assignment, InputPositions
from kafkaml.confluent.batch import MessageBatch
from kafkaml.confluent.config import RecordSizes, consumer_config, member_config
from kafkaml.confluent.errors import ClientLog, error_of, failure_of, is_temporary, to_error
from kafkaml.confluent.output_tail import OutputTail
from kafkaml.confluent.outputs import ClusterTopics, Output, TransactionalOutput
from kafkaml.confluent.positions import committed_either_way
from kafkaml.confluent.spread_output import SpreadOutput
from kafkaml.errors import BrokerError, KafkaMLError, ProducerFenced, RefusedError, TransactionAborted
from kafkaml.records import OutgoingRecord, OutgoingRow, PartitionKey, PartitionListener, RecordBatch
from kafkaml.settings import KafkaSettings

__all__ = ["KafkaLoopClient"]

_logger = logging.getLogger(__name__)

T = TypeVar("T")


class KafkaLoopClient:
    """See ``kafkaml.records.TransactionalLoopClient``, which this implements. Made by one of the two class methods.

    It has over 300 lines and over 12 fields because its callbacks, its waits and its commits share what was polled and
    is not committed.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        topics: Sequence[str],
        group: str,
        output: Output,
        start: str = "earliest",
        session_timeout_seconds: float = 10.0,
        max_poll_interval_seconds: float = 300.0,
        request_timeout_seconds: float = 30.0,
        recovery_timeout_seconds: float = 120.0,
    ) -> None:
        self._output = output
        self._tail: OutputTail | None = None
        self._request_timeout_seconds = request_timeout_seconds
        self._recovery_timeout_seconds = recovery_timeout_seconds
        self._unknown_tail: set[PartitionKey] = set()
        # By partition, the first and the next offset of records that were answered before and follow all others.
        self._answered: dict[PartitionKey, tuple[int, int]] = {}
        self._closed = False
        self._interruption: KafkaMLError | None = None
        # Describes the present wait for a cluster of the outputs; empty without one. Read by any thread.
        self.waits_for = ""
        self._gives_up: Callable[[], bool] = lambda: False
        self.listener: PartitionListener | None = None
        self._log = ClientLog()
        self._topics = list(topics)
        self._subscribed = False
        # Of a consumer that asks for the group's positions and does not join.
        self._reader_config = consumer_config(settings, self._log, group=group)
        # The consumer looks up the group's coordinator automatically; the first poll joins the group.
        self._consumer = Consumer(
            member_config(
                settings,
                self._log,
                group=group,
                session_timeout_seconds=session_timeout_seconds,
                poll_seconds=max_poll_interval_seconds,
            )
            | {"auto.offset.reset": start, "partition.assignment.strategy": "cooperative-sticky"}
        )
        self._positions = InputPositions()
        self._assignment = Assignment(
            self._consumer,
            self._log,
            self._positions,
            start=OFFSET_END if start == "latest" else OFFSET_BEGINNING,
            recovery_timeout_seconds=recovery_timeout_seconds,
        )

    @classmethod
    def exactly_once(
        cls,
        settings: KafkaSettings,
        *,
        topics: Sequence[str],
        group: str,
        transactional_id: str,
        transaction_timeout_seconds: float = 20.0,
        request_timeout_seconds: float = 10.0,
        recovery_timeout_seconds: float = 120.0,
        start: str = "earliest",
        session_timeout_seconds: float = 10.0,
        max_poll_interval_seconds: float = 300.0,
        sizes: RecordSizes | None = None,
    ) -> KafkaLoopClient:
        """Return a client whose outputs and input positions are one transaction, on one cluster.

        A transaction that its replica left open hides all later answers from committed readers for at most
        ``transaction_timeout_seconds``; a commit without an answer is abandoned after ``request_timeout_seconds``,
        which is safe, because its outcome is then queried. ``transactional_id`` is unique per replica. A process that
        starts with it fences its predecessor. Raises BrokerTimeout when Kafka is not available within
        ``recovery_timeout_seconds``.
        """
        output = TransactionalOutput(
            settings,
            transactional_id=transactional_id,
            transaction_timeout_seconds=transaction_timeout_seconds,
            request_timeout_seconds=request_timeout_seconds,
            recovery_timeout_seconds=recovery_timeout_seconds,
            sizes=sizes,
        )
        return cls(
            settings,
            topics=topics,
            group=group,
            output=output,
            start=start,
            session_timeout_seconds=session_timeout_seconds,
            max_poll_interval_seconds=max_poll_interval_seconds,
            request_timeout_seconds=request_timeout_seconds,
            recovery_timeout_seconds=recovery_timeout_seconds,
        )

    @classmethod
    def at_least_once(
        cls,
        settings: KafkaSettings,
        *,
        topics: Sequence[str],
        group: str,
        outputs: Sequence[ClusterTopics],
        request_timeout_seconds: float = 30.0,
        start: str = "earliest",
        session_timeout_seconds: float = 10.0,
        max_poll_interval_seconds: float = 300.0,
        sizes: RecordSizes | None = None,
        gives_up: Callable[[], bool] = lambda: False,
    ) -> KafkaLoopClient:
        """Return a client that writes to other clusters and commits positions after acknowledgements.

        When it takes a partition over, it reads what was written to the topics of ``outputs`` after the last commit and
        skips the records that are answered in any of them (found by ``SOURCE_HEADER``). The client waits for an
        unavailable output cluster, while serving the group, until ``gives_up``; ``waits_for`` names what is missing.
        """
        output = SpreadOutput(outputs, request_timeout_seconds=request_timeout_seconds, sizes=sizes)
        client = cls(
            settings,
            topics=topics,
            group=group,
            output=output,
            start=start,
            session_timeout_seconds=session_timeout_seconds,
            max_poll_interval_seconds=max_poll_interval_seconds,
            request_timeout_seconds=request_timeout_seconds,
        )
        client._tail = OutputTail(outputs, output.marks, timeout_seconds=request_timeout_seconds)
        client._gives_up = gives_up
        output.wait_by(client._wait_for_outputs)
        return client

    @property
    def assigned(self) -> bool:
        """Whether the group has given this member its share of the partitions (which may be empty)."""
        return self._assignment.keys is not None

    def poll(self, *, max_records: int, timeout_seconds: float) -> RecordBatch:
        """Block for the first record, then take what is already there, at most ``max_records``; may be empty.

        The first call joins the group. Raises TransactionAborted when a rebalance took partitions away that had
        uncommitted records.
        """
        if not self._subscribed:
            self._consumer.subscribe(
                self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            self._subscribed = True
        first = self._assignment.poll(timeout_seconds, self.listener, lambda: self._interruption is not None)
        messages: list[Message] = []
        drained = first is None
        if first is not None:
            # Note the positions before the next call, whose rebalance callback may take this partition away.
            messages = self._accepted([first])
            if max_records > 1 and self._interruption is None:
                generation = self._assignment.generation
                more = self._consumer.consume(max_records - 1, 0)
                drained = len(more) < max_records - 1
                if generation != self._assignment.generation:
                    # Messages taken from the queue just before the callback may belong to other members now.
                    assigned = self._assignment.keys or set()
                    more = [
                        message
                        for message in more
                        if message.error() or (message.topic(), message.partition()) in assigned
                    ]
                messages += self._accepted(more)
        if self._interruption is not None:
            interruption, self._interruption = self._interruption, None
            self._rewind(dict(self._positions.uncommitted))
            try:
                raise interruption
            finally:
                # The error holds this call by its traceback, and so all messages until a garbage collection.
                del interruption
        if drained:
            self._assignment.read_stalled_again()
        if self._tail is not None and messages:
            messages = self._unanswered(messages)
        return MessageBatch(messages)

    def begin(self) -> None:
        """Open a transaction; does nothing when one is open."""
        self._output.begin()

    def produce(self, record: OutgoingRecord) -> None:
        """Queue a record of the open transaction; blocks while the queue is full.

        Raises RefusedError, with the transaction still open, for a record that is too large for the client.
        """
        self._or_abort(lambda: self._output.produce(record))

    def produce_all(self, records: Sequence[OutgoingRow]) -> list[tuple[int, RefusedError]]:
        """Queue records in order; returns index and reason of each that ``produce`` would refuse."""
        return self._or_abort(lambda: self._output.produce_all(records))

    def _or_abort(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns, or abort the transaction where it fails."""
        try:
            return call()
        except (ProducerFenced, TransactionAborted):
            raise
        except BrokerError as error:
            failure = error
        # The transaction cannot be saved, because an earlier record of it failed or nothing can be sent any more.
        try:
            self.abort()
            raise TransactionAborted(failure.message) from failure
        finally:
            # The error holds this call by its traceback.
            del failure

    def partition_for(self, topic: str, source_partition: int) -> int:
        """The partition of ``topic`` that takes the answers to ``source_partition``, so that their order is kept."""
        return source_partition % self._or_abort(lambda: self._output.partition_count(topic))

    def commit(self, positions: Mapping[PartitionKey, int] | None = None) -> None:
        """Commit outputs and input positions together; see ``TransactionalLoopClient.commit``."""
        offsets = dict(self._positions.polled if positions is None else positions)
        places = self._places(offsets)
        failure = failure_of(lambda: self._output.commit(places, self._consumer), TransactionAborted)
        if failure is not None:
            # The commit may have happened nevertheless, so only Kafka knows where to continue.
            self._rewind(self._committed(self._positions.uncommitted))
            try:
                raise failure
            finally:
                # The error holds this call by its traceback.
                del failure
        self._waited()
        self._positions.commit(offsets)
        self._commit_answered()

    def abort(self) -> None:
        """Drop the outputs since ``begin`` and rewind the input to the last commit."""
        self._output.abort()
        self._rewind(dict(self._positions.uncommitted))

    def pause(self) -> None:
        """Let ``poll`` return no records but serve the group."""
        self._assignment.pause()

    def resume(self) -> None:
        """End ``pause``."""
        self._assignment.resume()

    def lag(self) -> dict[PartitionKey, int]:
        """Records between the position and the end, per assigned partition, as last known (no request)."""
        lags: dict[PartitionKey, int] = {}
        for position in self._consumer.position(self._consumer.assignment()):
            # The client returns None or a negative offset for unknown values.
            watermarks = self._consumer.get_watermark_offsets(position, cached=True)
            key = (position.topic, position.partition)
            # The client has no position before it has polled a record, but the group may have committed one.
            offset = position.offset if position.offset >= 0 else self._positions.committed.get(key, -1)
            if watermarks and watermarks[1] >= 0 and offset >= 0:
                lags[key] = max(0, watermarks[1] - offset)
        return lags

    def positions(self) -> dict[PartitionKey, int]:
        """The committed position (next offset to read) of each assigned partition that has one (no request)."""
        return dict(self._positions.committed)

    def close(self) -> None:
        """Leave the group; uncommitted outputs are dropped."""
        if self._closed:
            return
        self._closed = True
        try:
            self._output.close()
        finally:
            # Leaving the group revokes the partitions, for which nothing is left to abort.
            self._positions.uncommitted.clear()
            self._consumer.close()

    def _accepted(self, messages: Sequence[Message]) -> list[Message]:
        """Drop the client's complaints from ``messages``, raise lasting errors, and note the positions."""
        accepted = list(messages)
        if any(map(Message.error, accepted)):
            for message in messages:
                error = message.error()
                if error is not None:
                    self._complain(error, message)
            accepted = [message for message in messages if message.error() is None]
        topics = set(map(Message.topic, accepted))
        for topic in topics:
            mine = accepted if len(topics) == 1 else [message for message in accepted if message.topic() == topic]
            self._note(topic, list(map(Message.partition, mine)), list(map(Message.offset, mine)))  # type: ignore[arg-type]
        return accepted

    def _note(self, topic: str, partitions: list[int], offsets: list[int]) -> None:
        for partition, end in self._positions.note(topic, partitions, offsets).items():
            self._assignment.reading((topic, partition), end)

    def _complain(self, error: KafkaError, message: Message) -> None:
        if error.fatal() or not is_temporary(error):
            raise to_error(error, f"reading {message.topic() or 'the input'}", self._log)
        _logger.warning("reading the input: %s", error.str())

    def _places(self, offsets: Mapping[PartitionKey, int]) -> list[TopicPartition]:
        metadata = self._tail.metadata(offsets) if self._tail else {}
        return [TopicPartition(*key, offset, metadata.get(key, "")) for key, offset in offsets.items()]

    def _rewind(self, offsets: Mapping[PartitionKey, int]) -> None:
        """Read again from ``offsets``; partitions that were revoked meanwhile are left to their new owner."""
        self._positions.rewind()
        self._answered.clear()
        if self._tail is not None:
            self._unknown_tail |= offsets.keys() & (self._assignment.keys or set())
        self._assignment.seek(offsets)

    def _committed(self, uncommitted: Mapping[PartitionKey, int]) -> dict[PartitionKey, int]:
        """Ask Kafka for the committed positions. A partition without one starts at its first uncommitted record."""
        places = {key: place.offset for key, place in self._ask_committed(uncommitted).items()}
        self._positions.committed |= {key: offset for key, offset in places.items() if offset >= 0}
        return {key: offset if offset >= 0 else uncommitted[key] for key, offset in places.items()}

    def _ask_committed(self, keys: Iterable[PartitionKey]) -> dict[PartitionKey, TopicPartition]:
        answers = committed_either_way(
            self._consumer,
            self._reader_config,
            [TopicPartition(topic, partition) for topic, partition in keys],
            self._log,
            request_timeout_seconds=self._request_timeout_seconds,
            recovery_timeout_seconds=self._recovery_timeout_seconds,
        )
        return {(answer.topic, answer.partition): answer for answer in answers}

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        keys = {(place.topic, place.partition) for place in partitions}
        self._assignment.add(keys)
        if self._tail is not None:
            self._unknown_tail |= keys
        # The next poll places them, because waiting here would hold up the whole group.
        consumer.incremental_assign([])

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_unassign(self._give_up(partitions, "a rebalance moved"))

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # The group has already given these partitions to other members. Kafka would refuse a commit for them, rightly.
        consumer.incremental_unassign(self._give_up(partitions, "this member was taken for dead and lost"))

    def _give_up(self, partitions: Sequence[TopicPartition], why: str) -> list[TopicPartition]:
        """End the open transaction before the partitions go; called inside ``poll``, which raises afterwards.

        Returns the partitions that this member was reading.
        """
        keys = {(place.topic, place.partition) for place in partitions}
        read = self._assignment.remove(keys)
        self._unknown_tail -= keys
        for key in keys:
            self._answered.pop(key, None)
        if self.listener is not None:
            self.listener.lost(keys)
        given_up = keys & self._positions.uncommitted.keys()
        if given_up:
            try:
                self._output.abort()
                self._interruption = TransactionAborted(f"{why} {sorted(given_up)}")
            except KafkaMLError as error:
                # An exception must not propagate through the client's C code.
                self._interruption = error
        return [place for place in partitions if (place.topic, place.partition) in read]

    def _unanswered(self, messages: list[Message]) -> list[Message]:
        """Drop messages that the outputs already answer, after searching the outputs for new partitions."""
        assert self._tail is not None
        new = self._unknown_tail & self._positions.uncommitted.keys()
        if new:
            committed = self._ask_committed(new)
            # Without any commit there cannot be answers, because every replica commits before its first answer.
            self._look({key: place for key, place in committed.items() if place.offset >= 0})
            self._commit_starts([key for key, place in committed.items() if place.offset < 0])
            self._unknown_tail -= new
        answered = [self._tail.is_answered(message) for message in messages]
        if self._answered or any(answered):
            self._pass_over(messages, answered)
        return [message for message, is_answered in zip(messages, answered, strict=True) if not is_answered]

    def _pass_over(self, messages: Sequence[Message], answered: Sequence[bool]) -> None:
        """Commit records that get no answer here, because no batch of the caller's leads beyond them."""
        for message, is_answered in zip(messages, answered, strict=True):
            key: PartitionKey = (message.topic(), message.partition())  # type: ignore[assignment]
            offset: int = message.offset()  # type: ignore[assignment]
            if is_answered:
                start, _ = self._answered.get(key, (offset, offset))
                self._answered[key] = (start, offset + 1)
            else:
                self._answered.pop(key, None)
        self._commit_answered()

    def _commit_answered(self) -> None:
        """Commit what was answered before, once everything before it is committed."""
        uncommitted = self._positions.uncommitted
        ends = {key: end for key, (start, end) in self._answered.items() if uncommitted.get(key, start) >= start}
        if ends:
            self._commit_input(ends, "committing what was answered before")
            self._positions.commit(ends)
            for key in ends:
                del self._answered[key]

    def _look(self, committed: Mapping[PartitionKey, TopicPartition]) -> None:
        assert self._tail is not None
        look = self._tail.look
        while (missing := failure_of(lambda: look(committed), BrokerError)) is not None:
            self._wait_for_outputs(missing)
        self._waited()

    def _wait_for_outputs(self, missing: BrokerError) -> None:
        """Serve the group once while a cluster of the outputs is unavailable.

        Raises TransactionAborted where waiting is pointless, because a rebalance took partitions away or this process
        should end.
        """
        if not self.waits_for:
            _logger.warning("waiting for a cluster that is written to: %s", missing.message)
        self.waits_for = missing.message
        if self._gives_up():
            self._rewind(dict(self._positions.uncommitted))
            raise TransactionAborted(f"{missing.message}, and this worker is to end") from missing
        paused = self._assignment.paused
        if not paused:
            self.pause()
        try:
            self.poll(max_records=1, timeout_seconds=0)
        finally:
            if not paused:
                self.resume()

    def _waited(self) -> None:
        if self.waits_for:
            _logger.info("all clusters that are written to are back")
        self.waits_for = ""

    def _commit_starts(self, keys: Sequence[PartitionKey]) -> None:
        """Leave a mark to search from, before the first outputs of these partitions are written."""
        if keys:
            starts = {key: self._positions.uncommitted[key] for key in keys}
            self._commit_input(starts, "committing the start of the input")

    def _commit_input(self, offsets: Mapping[PartitionKey, int], doing: str) -> None:
        places = self._places(offsets)
        failure = failure_of(lambda: self._consumer.commit(offsets=places, asynchronous=False), KafkaException)
        if failure is not None:
            self._rewind(dict(self._positions.uncommitted))
            raise TransactionAborted(to_error(error_of(failure), doing, self._log).message) from failure
