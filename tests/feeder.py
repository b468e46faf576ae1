"""Feeder: sends records steadily while a test breaks things, and proves that each was answered exactly once."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from kafkaml.confluent import KafkaAdmin, KafkaRecordWriter
from kafkaml.records import OutgoingRecord, Record
from kafkaml.settings import KafkaSettings
from tests.model_inference.replicas import sources, unordered
from tests.soak_record import SoakRecord

__all__ = ["Feeder", "assert_answered_once"]


class Feeder:
    """Sends ``value(number)`` for 0, 1, ... to a topic from a thread, steadily, until stopped. A context manager.

    Partitions take turns. The key is the number, modulo ``keys`` if given, which is a multiple of the partitions. After
    a delay by a busy machine it catches up on at most one second.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topic: str,
        *,
        per_second: int,
        value: Callable[[int], bytes],
        keys: int = sys.maxsize,
    ) -> None:
        self._writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=bootstrap_servers))
        self._topic = topic
        self._partitions = KafkaAdmin(KafkaSettings(bootstrap_servers=bootstrap_servers)).partition_count(topic)
        assert keys == sys.maxsize or keys % self._partitions == 0
        self._keys = keys
        # May be changed at any time.
        self.per_second = per_second
        self._value = value
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self.sent = 0
        self.error: Exception | None = None

    def check(self) -> None:
        """Raise the error that ended the feeder, if any, so that nobody waits for records that never come."""
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        """Stop sending, and wait until all sent records are acknowledged."""
        self._stop.set()
        self._thread.join(timeout=150)
        self.check()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()

    def _run(self) -> None:
        try:
            due, since = 0.0, time.monotonic()
            while not self._stop.wait(0.05):
                now = time.monotonic()
                due, since = due + self.per_second * min(1.0, now - since), now
                while due >= 1:
                    due -= 1
                    number, self.sent = self.sent, self.sent + 1
                    self._writer.write(
                        OutgoingRecord(
                            self._topic,
                            self._value(number),
                            b"%d" % (number % self._keys),
                            partition=number % self._partitions,
                        )
                    )
            self._writer.flush(120)
        except Exception as error:  # noqa: BLE001 - raised by stop
            self.error = error


def assert_answered_once(inputs: Sequence[Record], *written: Sequence[Record], soak: SoakRecord | None = None) -> None:
    """Compare the records of each topic with those written to it, by source position, and check their order."""
    expected = Counter((record.topic, record.partition, record.offset) for record in inputs)
    answered = Counter(sources(record for records in written for record in records))
    lost, doubled = expected - answered, answered - expected
    if soak:
        soak.count(lost=lost.total(), doubled=doubled.total())
    assert lost == Counter(), "lost"
    assert doubled == Counter(), "twice"
    for records in written:
        assert unordered(records) == []
