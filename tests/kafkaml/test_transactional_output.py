from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from kafkaml.confluent import outputs
from kafkaml.confluent.outputs import TransactionalOutput
from kafkaml.errors import BrokerTimeout, TransactionAborted
from kafkaml.settings import KafkaSettings


class StuckProducer:
    """Waits for a coordinator beyond any time limit, until ``back`` is set."""

    made: list[StuckProducer]

    def __init__(self, config: dict[str, Any]) -> None:
        self.made.append(self)
        self.logger = config["logger"]
        self.back = threading.Event()
        self.calls: list[str] = []

    def init_transactions(self, _timeout: float) -> None:
        # An error that the real client raises in a handler keeps the handled one, and the producer with it, forever.
        assert sys.exception() is None
        self.calls.append("init")

    def poll(self, _timeout: float) -> None: ...

    def begin_transaction(self) -> None:
        self.calls.append("begin")

    def send_offsets_to_transaction(self, *_arguments: object) -> None:
        self.back.wait()

    def commit_transaction(self, _timeout: float) -> None:
        self.calls.append("commit")


LINES = ["b:9092/1: Connect failed (after 0ms in state CONNECT)", "b:9092/1: Disconnected (after 3ms in state UP)"]


class LosingProducer(StuckProducer):
    """Loses the connection of its first request to commit, repeats it on another, and logs that."""

    def purge(self) -> None:
        self.calls.append("purge")

    def commit_transaction(self, _timeout: float) -> None:
        self.calls.append("commit")
        for text in LINES if len(self.made) == 1 else LINES[:1]:
            self.logger.log(6, "%s [%s] %s", "FAIL", "kafka-ml#producer-1", text)


class Consumer:
    def consumer_group_metadata(self) -> object:
        return object()


def output_to(servers: str, *, request_timeout_seconds: float, recovery_timeout_seconds: float) -> TransactionalOutput:
    return TransactionalOutput(
        KafkaSettings(bootstrap_servers=servers),
        transactional_id="replica-0",
        transaction_timeout_seconds=1,
        request_timeout_seconds=request_timeout_seconds,
        recovery_timeout_seconds=recovery_timeout_seconds,
    )


def test_a_client_that_waits_forever_is_replaced_and_the_transaction_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    StuckProducer.made = []
    monkeypatch.setattr(outputs, "Producer", StuckProducer)
    monkeypatch.setattr(outputs, "_GRACE_SECONDS", 0.0)
    output = output_to("nowhere:9092", request_timeout_seconds=0.05, recovery_timeout_seconds=1)
    offsets, consumer = [TopicPartition("topic", 0, 7)], Consumer()
    with pytest.raises(TransactionAborted, match="coordinator"):
        output.commit(offsets, consumer)  # type: ignore[arg-type]
    stuck, fresh = StuckProducer.made
    # The waiting producer is not used again. The other one fences it, and commits the records that are read again.
    assert (stuck.calls, fresh.calls) == (["init", "begin"], ["init"])
    fresh.back.set()
    output.commit(offsets, consumer)  # type: ignore[arg-type]
    assert fresh.calls == ["init", "begin", "commit"]
    stuck.back.set()


def test_after_a_lost_connection_the_next_transaction_has_another_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    StuckProducer.made = []
    monkeypatch.setattr(outputs, "Producer", LosingProducer)
    output = output_to("nowhere:9092", request_timeout_seconds=1, recovery_timeout_seconds=1)
    for _ in range(3):
        output.commit([], Consumer())  # type: ignore[arg-type]
    first, second = StuckProducer.made
    assert first.calls == ["init", "begin", "commit", "purge"]
    # A connection that was not made yet carried no request.
    assert second.calls == ["init", "begin", "commit", "begin", "commit"]


class UnconnectedProducer(StuckProducer):
    """Looks for the coordinator only when it is called, and was not connected yet when it was first."""

    def init_transactions(self, timeout: float) -> None:
        super().init_transactions(timeout)
        if len(self.calls) == 1:
            self.back.wait(timeout)
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "init", False, True, False))


def test_a_producer_that_was_not_connected_yet_starts_its_transactions_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    StuckProducer.made = []
    monkeypatch.setattr(outputs, "Producer", UnconnectedProducer)
    began = time.monotonic()
    output_to("nowhere:9092", request_timeout_seconds=60, recovery_timeout_seconds=60)
    assert time.monotonic() - began < 30
    assert StuckProducer.made[0].calls == ["init", "init"]


class RefusedProducer(StuckProducer):
    """Gets no answer from the coordinator, and is remembered only as long as somebody else does."""

    alive: weakref.WeakSet[RefusedProducer] = weakref.WeakSet()
    made = []

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.made.clear()
        self.alive.add(self)

    def purge(self) -> None: ...

    def send_offsets_to_transaction(self, *_arguments: object) -> None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


def test_a_replaced_producer_is_destroyed_without_a_garbage_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "Producer", RefusedProducer)
    output = output_to("nowhere:9092", request_timeout_seconds=1, recovery_timeout_seconds=1)
    gc.disable()
    try:
        for _ in range(3):
            # A client that is not destroyed keeps its threads, connections and buffers.
            with pytest.raises(TransactionAborted):
                output.commit([TopicPartition("topic", 0, 7)], Consumer())  # type: ignore[arg-type]
        assert len(RefusedProducer.alive) == 1
    finally:
        gc.enable()


def test_a_start_without_a_broker_says_why() -> None:
    with pytest.raises(BrokerTimeout, match=r"starting transactions.*Connection refused"):
        output_to("127.0.0.1:9", request_timeout_seconds=0.5, recovery_timeout_seconds=0.5)
