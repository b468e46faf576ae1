"""ControlRelay with a reader and a backend in memory: when it commits, and how it handles each answer."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from kafka_control_logger.announcements import NotAnAnnouncement
from kafka_control_logger.prometheus import RelayMetrics
from kafka_control_logger.relay import ControlRelay
from kafkaml.errors import ApiError, BrokerError
from kafkaml.records import OutgoingRecord, Position, Record

RECORDS = [Record("control", 0, offset, b"\x01", b"{}", (("h", b"1"),), 1000 + offset) for offset in range(3)]


class World:
    """Reader, backend and dead letters in one; ``answers`` maps an offset to the errors of its posts, in turn."""

    def __init__(self) -> None:
        self.answers: dict[int, list[Exception]] = {}
        self.log: list[str] = []
        self.buried: list[OutgoingRecord] = []
        self.commit_error: BrokerError | None = None
        self.metrics = RelayMetrics()
        self.stop = threading.Event()
        self.stop_after_a_post = False
        self._records = list(RECORDS)

    def poll(self, timeout_seconds: float) -> Record | None:
        if not self._records:
            self.stop.set()
            return None
        return self._records.pop(0)

    def commit(self, record: Record) -> None:
        self.log.append(f"commit {record.offset}")
        if self.commit_error:
            raise self.commit_error

    def register(self, record: Record) -> bool:
        self.log.append(f"post {record.offset}")
        if self.stop_after_a_post:
            threading.Timer(0.05, self.stop.set).start()
        if waiting := self.answers.get(record.offset):
            raise waiting.pop(0)
        return True

    def write(self, record: OutgoingRecord, on_acknowledged: Callable[[Position], None] | None = None) -> None:
        self.buried.append(record)

    def flush(self, timeout_seconds: float) -> None:
        self.log.append("flush")

    def close(self) -> None:
        """Close nothing, because nothing is held."""

    def run(self) -> list[str]:
        relay = ControlRelay(
            reader=self,
            announcements=self,
            dead_letters=self,
            dead_letter_topic="control.dlq",
            metrics=self.metrics,
        )
        relay.run(self.stop)
        return self.log


@pytest.fixture
def world() -> World:
    return World()


def test_each_record_is_committed_after_it_is_registered(world: World) -> None:
    assert world.run() == ["post 0", "commit 0", "post 1", "commit 1", "post 2", "commit 2"]


def test_a_backend_that_is_unreachable_is_waited_for_and_nothing_is_committed_meanwhile(world: World) -> None:
    world.answers[1] = [ApiError("away"), ApiError("starting", status=503), ApiError("who are you", status=403)]
    assert world.run() == ["post 0", "commit 0", *["post 1"] * 4, "commit 1", "post 2", "commit 2"]
    assert world.buried == []


def test_what_is_not_an_announcement_is_put_aside_with_the_reason_then_committed(world: World) -> None:
    world.answers[1] = [NotAnAnnouncement("topic is missing")]
    assert world.run() == ["post 0", "commit 0", "post 1", "flush", "commit 1", "post 2", "commit 2"]
    (letter,) = world.buried
    assert (letter.topic, letter.key, letter.value, letter.timestamp_ms) == ("control.dlq", b"\x01", b"{}", 1001)
    headers = dict(letter.headers)
    assert headers["h"] == b"1"
    assert headers["kml-source"] == b"control/0/1"
    assert headers["kml-error-message"] == b"topic is missing"


def test_a_stop_while_the_backend_is_unreachable_commits_nothing(world: World) -> None:
    world.answers[0] = [ApiError("away")] * 100
    world.stop_after_a_post = True
    assert set(world.run()) == {"post 0"}


def test_a_commit_that_fails_stops_nothing(world: World) -> None:
    world.commit_error = BrokerError("not a member")
    assert world.run()[-1] == "commit 2"


def test_what_became_of_each_record_is_counted() -> None:
    world = World()
    world.answers = {0: [ApiError("away", status=503)], 1: [NotAnAnnouncement("a stranger's")]}
    world.run()
    reported = [sample for family in world.metrics.collect() for sample in family.samples]
    counted = {sample.labels["outcome"]: sample.value for sample in reported if "outcome" in sample.labels}
    assert counted == {"registered": 2, "known": 0, "dead_lettered": 1, "failed": 1}
    assert max(sample.value for sample in reported if sample.name == "kafkaml_control_last_poll_timestamp_seconds") > 0
