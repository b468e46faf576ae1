from __future__ import annotations

import threading
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from kafkaml.confluent import outputs
from kafkaml.confluent.outputs import TransactionalOutput
from kafkaml.errors import BrokerTimeout, TransactionAborted
from kafkaml.settings import KafkaSettings


class StuckProducer:
    """Waits for a coordinator beyond any time limit, until ``back`` is set."""

    made: list[StuckProducer]

    def __init__(self, _config: dict[str, Any]) -> None:
        self.made.append(self)
        self.back = threading.Event()
        self.calls: list[str] = []

    def init_transactions(self, _timeout: float) -> None:
        self.calls.append("init")

    def poll(self, _timeout: float) -> None: ...

    def begin_transaction(self) -> None:
        self.calls.append("begin")

    def send_offsets_to_transaction(self, *_arguments: object) -> None:
        self.back.wait()

    def commit_transaction(self, _timeout: float) -> None:
        self.calls.append("commit")


class Consumer:
    def consumer_group_metadata(self) -> object:
        return object()


def test_a_client_that_waits_forever_is_replaced_and_the_transaction_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    StuckProducer.made = []
    monkeypatch.setattr(outputs, "Producer", StuckProducer)
    monkeypatch.setattr(outputs, "_GRACE_SECONDS", 0.0)
    output = TransactionalOutput(
        KafkaSettings(bootstrap_servers="nowhere:9092"),
        transactional_id="replica-0",
        transaction_timeout_seconds=1,
        request_timeout_seconds=0.05,
        recovery_timeout_seconds=1,
    )
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


def test_a_start_without_a_broker_says_why() -> None:
    with pytest.raises(BrokerTimeout, match=r"starting transactions.*Connection refused"):
        TransactionalOutput(
            KafkaSettings(bootstrap_servers="127.0.0.1:9"),
            transactional_id="replica-0",
            transaction_timeout_seconds=1,
            request_timeout_seconds=0.5,
            recovery_timeout_seconds=0.5,
        )
