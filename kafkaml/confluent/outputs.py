"""The producing half of the inference loop: exactly once by transactions, or at least once by acknowledgements.

Used by ``loop.KafkaLoopClient`` only, which owns the consuming half.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from kafkaml.confluent.config import LossWatch, RecordSizes, producer_config
from kafkaml.confluent.errors import (
    ClientLog,
    aborted,
    error_of,
    failure_of,
    kafka_errors,
    missing_topic,
    to_error,
)
from kafkaml.daemon_thread import in_daemon_thread
from kafkaml.errors import (
    BrokerTimeout,
    ProducerFenced,
    RefusedError,
    TransactionAborted,
)
from kafkaml.failpoints import failpoint
from kafkaml.records import OutgoingRecord, OutgoingRow, PartitionKey
from kafkaml.settings import KafkaSettings

__all__ = ["AcknowledgedOutput", "ClusterTopics", "Output", "TransactionalOutput"]

# Pause before the client asks the group's coordinator again. With the default of 100 ms, each transaction that directly
# follows another would wait that long.
_RETRY_BACKOFF_MS = 2
# How long the first call to start transactions waits; each further one waits twice as long. A client that is not
# connected yet looks for the coordinator again after half a second, but at once when it is called again.
_FIRST_INIT_SECONDS = 0.03
# How long a call may exceed its time limit before it is abandoned.
_GRACE_SECONDS = 2.0
# How long an abort waits for records on their way to the output cluster.
_IN_FLIGHT_SECONDS = 5.0
# How long to wait for acknowledgements before ``wait`` decides whether to continue.
_PATIENCE_SECONDS = 5.0
# How long a new topic may take to become known in the whole cluster.
_NEW_TOPIC_SECONDS = 5.0
# Delay for filling batches. One millisecond is enough under load, and a commit does not wait for it.
_LINGER_MS = 1


# A cluster with those of its topics that are used.
ClusterTopics = tuple[KafkaSettings, Sequence[str]]


class Output(Protocol):
    """Takes records and commits them together with input positions. One thread."""

    def begin(self) -> None: ...

    def produce(self, record: OutgoingRecord) -> None: ...

    def produce_all(self, records: Sequence[OutgoingRow]) -> list[tuple[int, RefusedError]]:
        """Returns index and reason of each refused record."""
        ...

    def commit(self, offsets: Sequence[TopicPartition], consumer: Consumer) -> None:
        """Raises TransactionAborted when the outputs are, or may be, aborted; the caller then has to fetch the
        committed positions.
        """
        ...

    def abort(self) -> None:
        """Give up what was produced since ``begin``; never raises TransactionAborted."""
        ...

    def partition_count(self, topic: str) -> int: ...

    def close(self) -> None: ...


class _ProducerOwner:
    """A producer that is replaced when its state is no longer known."""

    def __init__(self, config: Mapping[str, Any], log: ClientLog, *, request_timeout_seconds: float) -> None:
        self._config = dict(config)
        self._log = log
        self._request_timeout_seconds = request_timeout_seconds
        self._partition_counts: dict[str, int] = {}
        self._closed = False
        self._producer = Producer(self._config)

    def produce(self, record: OutgoingRecord) -> None:
        failure = failure_of(lambda: self._produce(record), BufferError, KafkaException)
        if isinstance(failure, KafkaException):
            raise to_error(error_of(failure), f"writing to {record.topic}", self._log) from failure
        if failure is not None:
            self._produce_when_there_is_room(record)

    def produce_all(self, records: Sequence[OutgoingRow]) -> list[tuple[int, RefusedError]]:
        refused: list[tuple[int, RefusedError]] = []
        # The whole loop is in one function, because another call per record would be measurable.
        produce = self._producer.produce
        for index, record in enumerate(records):
            topic, value, key, headers, timestamp_ms, partition = record
            try:
                # The type check fails because lists are invariant in their element type; the client would take texts
                # too.
                produce(topic, value, key, partition=partition, timestamp=timestamp_ms, headers=headers)  # type: ignore[arg-type]
            except (BufferError, KafkaException):
                pass
            else:
                continue
            # The queue is full, which is rare. Retry this record with waiting and error handling, outside of the
            # handler: see ``failure_of``.
            try:
                self.produce(OutgoingRecord(*record))
            except RefusedError as error:
                refused.append((index, error))
        return refused

    def _produce(self, record: OutgoingRecord) -> None:
        topic, value, key, headers, timestamp_ms, partition = record
        self._producer.produce(
            topic, value, key, partition=partition, timestamp=timestamp_ms, headers=list(headers) or None
        )

    def _produce_when_there_is_room(self, record: OutgoingRecord) -> None:
        deadline = time.monotonic() + self._request_timeout_seconds
        while time.monotonic() < deadline:
            self._producer.poll(0.01)
            try:
                with kafka_errors(f"writing to {record.topic}", self._log):
                    return self._produce(record)
            except BufferError:
                continue
        raise BrokerTimeout(
            f"writing to {record.topic}: the queue stayed full for {self._request_timeout_seconds:g} s "
            f"({self._log.last or 'the broker takes nothing'})"
        )

    def partition_count(self, topic: str) -> int:
        count = self._partition_counts.get(topic) or self._ask_partition_count(topic)
        self._partition_counts[topic] = count
        return count

    def _ask_partition_count(self, topic: str) -> int:
        deadline = time.monotonic() + _NEW_TOPIC_SECONDS
        while True:
            with kafka_errors(f"asking for the partitions of {topic}", self._log, self._producer.poll):
                metadata = self._producer.list_topics(topic, timeout=self._request_timeout_seconds).topics[topic]
            if metadata.partitions:
                return len(metadata.partitions)
            # The topic was created just now, perhaps by this request.
            if time.monotonic() > deadline:
                raise missing_topic(topic, metadata.error)
            time.sleep(0.05)

    def _discard_producer(self) -> None:
        """Drop all records that the producer holds, so that none is sent later."""
        self._producer.purge()
        # A producer in a fatal state complains here again, which can be ignored.
        with suppress(KafkaException):
            self._producer.poll(0)
        del self._producer

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._discard_producer()


class TransactionalOutput(_ProducerOwner):
    """Exactly once: outputs and input positions in one transaction. Input and output are on the same cluster.

    librdkafka lacks KIP-890, so a request whose outcome is not known could arrive late and change the *next*
    transaction: end it, or commit positions of the one before. The producer is then replaced. ``init_transactions``
    fences everything still under way, and only after that the committed positions are reliable.

    The client itself repeats a request whose connection was lost, and tells nobody. It does log the loss, so after each
    one the next transaction begins with a new producer.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        transactional_id: str,
        transaction_timeout_seconds: float,
        request_timeout_seconds: float,
        recovery_timeout_seconds: float,
        sizes: RecordSizes | None = None,
    ) -> None:
        log = ClientLog()
        self._watch = LossWatch()
        config = producer_config(settings, log, sizes) | {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": int(transaction_timeout_seconds * 1000),
            "retry.backoff.ms": _RETRY_BACKOFF_MS,
            "linger.ms": _LINGER_MS,
            "logger": self._watch,
            # Otherwise the client does not log connections that the broker closed.
            "log.connection.close": True,
        }
        super().__init__(config, log, request_timeout_seconds=request_timeout_seconds)
        self._recovery_timeout_seconds = recovery_timeout_seconds
        self._open = False
        self._init_transactions()

    def begin(self) -> None:
        if self._open:
            return
        self._log.fetch(self._producer.poll)
        if self._watch.losses:
            # Requests of earlier transactions may still be under way.
            self._replace_producer()
        with kafka_errors("beginning a transaction", self._log):
            self._producer.begin_transaction()
        self._open = True

    def commit(self, offsets: Sequence[TopicPartition], consumer: Consumer) -> None:
        self.begin()
        failure = failure_of(lambda: self._end(offsets, consumer), KafkaException, FutureTimeout)
        if failure is None:
            self._open = False
            return
        raise self._recovered(failure) from failure

    def _end(self, offsets: Sequence[TopicPartition], consumer: Consumer) -> None:
        failpoint("transaction.before_offsets")
        if offsets:
            self._send_offsets(list(offsets), consumer)
        failpoint("transaction.before_commit")
        self._producer.commit_transaction(self._request_timeout_seconds)
        failpoint("transaction.committed")

    def _recovered(self, failure: Exception) -> ProducerFenced | TransactionAborted:
        """Get ready for the next transaction, unless fenced; returns what to raise."""
        if not isinstance(failure, KafkaException):
            self._new_producer()
            return TransactionAborted(
                f"committing a transaction: the client waited for more than {self._request_timeout_seconds:g} s for "
                "the group's coordinator"
            )
        error = error_of(failure)
        problem = to_error(error, "committing a transaction", self._log)
        if isinstance(problem, ProducerFenced):
            return problem
        self._log.fetch(self._producer.poll)
        if error.txn_requires_abort() and not self._watch.losses:
            self.abort()
        else:
            # The outcome is unknown, or the producer is in a fatal state. Kafka may have ended a transaction whose
            # request was lost, and would take an abort for that of a fenced producer.
            self._replace_producer()
        return aborted(error, problem.message)

    def _send_offsets(self, offsets: list[TopicPartition], consumer: Consumer) -> None:
        """Call the client in a thread, because it may wait forever for a group's coordinator that was unavailable
        (librdkafka 5456, 5511).

        FutureTimeout is raised then, and the producer is left to the waiting thread, because destroying it would wait
        too. The next producer fences it.
        """
        send, limit = self._producer.send_offsets_to_transaction, self._request_timeout_seconds
        metadata = consumer.consumer_group_metadata()
        sending = in_daemon_thread(lambda: send(offsets, metadata, limit), name="send-offsets")
        try:
            sending.result(limit + _GRACE_SECONDS)
        finally:
            # The future holds its error, and the error this call. The producer would outlive its replacement.
            del sending

    def abort(self) -> None:
        if not self._open:
            return
        # The abort drops queued records. Purging them here would leave a gap in the sequence numbers, and the next
        # transaction would fail.
        failure = failure_of(lambda: self._producer.abort_transaction(self._request_timeout_seconds), KafkaException)
        if failure is None:
            self._open = False
            return
        problem = to_error(error_of(failure), "aborting a transaction", self._log)
        if isinstance(problem, ProducerFenced):
            raise problem from failure
        self._replace_producer()

    def close(self) -> None:
        if not self._closed:
            try:
                # The process that took over has already ended the transaction.
                with suppress(ProducerFenced):
                    self.abort()
            finally:
                super().close()

    def _replace_producer(self) -> None:
        self._discard_producer()
        self._new_producer()

    def _new_producer(self) -> None:
        self._open = False
        self._producer = Producer(self._config)
        self._init_transactions()

    def _init_transactions(self) -> None:
        """Fence what an earlier producer of the same id left, waiting for the broker to come back if need be."""
        deadline = time.monotonic() + self._recovery_timeout_seconds
        patience = _FIRST_INIT_SECONDS
        while True:
            left = deadline - time.monotonic()
            try:
                self._producer.init_transactions(min(max(0.1, left), patience, self._request_timeout_seconds))
                self._log.fetch(self._producer.poll)
                self._watch.losses = 0
                return
            except KafkaException as exception:
                error = error_of(exception)
                if not error.retriable() or left <= 0:
                    self._log.fetch(self._producer.poll)
                    raise to_error(error, "starting transactions", self._log) from exception
                patience *= 2


class AcknowledgedOutput(_ProducerOwner):
    """At least once: outputs are acknowledged, then input positions committed. Input and output may be two clusters.

    The metadata of the positions notes up to where the outputs were known then (``marks``). After a restart only the
    outputs after that are searched for existing answers.

    An unavailable cluster is waited for until ``wait``, which is called every few seconds with what is missing, raises
    TransactionAborted. The producer is kept meanwhile. Records that it sent earlier may still arrive, and the cluster
    recognises a second copy only by this producer's sequence numbers.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        request_timeout_seconds: float,
        sizes: RecordSizes | None = None,
        marks: dict[PartitionKey, int] | None = None,
    ) -> None:
        log = ClientLog()
        config = producer_config(settings, log, sizes) | {
            "linger.ms": _LINGER_MS,
            "on_delivery": self._delivered,
            # No record is dropped for taking too long; see ``wait``.
            "message.timeout.ms": 0,
        }
        self.wait: Callable[[BrokerTimeout], None] = _wait_no_longer
        self._servers = settings.bootstrap_servers
        self.marks = {} if marks is None else marks
        self._failure: KafkaError | None = None
        super().__init__(config, log, request_timeout_seconds=request_timeout_seconds)

    def begin(self) -> None:
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until everything is acknowledged; raises TransactionAborted when something was refused, or ``wait`` gave
        up.
        """
        while (waiting := self._producer.flush(_PATIENCE_SECONDS)) and self._failure is None:
            why = f" ({self._log.last})" if self._log.last else ""
            self.wait(BrokerTimeout(f"{waiting} records are not acknowledged by Kafka at {self._servers}{why}"))
        if self._failure is None:
            return
        failure, self._failure = self._failure, None
        problem = to_error(failure, "writing outputs", self._log)
        self._discard_producer()
        self._failure = None
        self._producer = Producer(self._config)
        raise aborted(failure, problem.message) from problem

    def commit(self, offsets: Sequence[TopicPartition], consumer: Consumer) -> None:
        failpoint("transaction.before_offsets")
        self.flush()
        failpoint("transaction.before_commit")
        try:
            if offsets:
                consumer.commit(offsets=list(offsets), asynchronous=False)
        except KafkaException as exception:
            # The outputs are written; a replica that reads the input again finds them by their source.
            problem = to_error(error_of(exception), "committing input positions", self._log)
            raise TransactionAborted(problem.message) from exception
        failpoint("transaction.committed")

    def abort(self) -> None:
        """Let queued records arrive. They are found by their source when the input is read again, here or elsewhere.

        Dropping them is not better, because some may be on their way and it would leave a gap in the sequence numbers.
        """
        waiting = self._producer.flush(_IN_FLIGHT_SECONDS)
        if waiting or self._failure is not None:
            self._discard_producer()
            self._producer = Producer(self._config)
        self._failure = None

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failure = self._failure or error
            return
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert offset is not None
        self.marks[topic, partition] = offset + 1


def _wait_no_longer(missing: BrokerTimeout) -> None:
    raise TransactionAborted(missing.message) from missing
