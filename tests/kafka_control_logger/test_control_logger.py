"""The control logger as a process, on a real broker, against a real HTTP server; killed, starved and fed garbage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import orjson
import pytest

from kafkaml.confluent import KafkaRecordReader, KafkaRecordWriter
from kafkaml.records import OutgoingRecord, Record
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange
from tests.conftest import TestBroker
from tests.kafka_control_logger.registry import TOKEN, Registry
from tests.soak_record import SoakRecord
from tests.support import eventually, soaking
from tests.warm_workers import WarmWorker

pytestmark = pytest.mark.integration

ANNOUNCEMENT = {"topic": "mnist:0:0:100", "input_format": "RAW", "description": "one"}
# Each announcement is refused twice with its status: before the registration, and after it.
SERVER_ERRORS = list(islice(cycle((500, 503, 507)), 100 if soaking() else 3))
REFUSALS = list(islice(cycle((429, 404, 401)), 25 if soaking() else 3))
KILL_POINTS = ("logger.polled", "logger.before_commit", "logger.committed")
KILLS_AT_EACH = 200 if soaking() else 4


class Logger:
    """Starts loggers of one group and topic, one after the other."""

    def __init__(self, broker: TestBroker, registry: Registry, path: Path) -> None:
        self.topic = f"control-{uuid.uuid4().hex[:8]}"
        self.path = path
        self.registry = registry
        self.settings = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
        (path / "secrets").mkdir(parents=True)
        (path / "secrets" / "service_token").write_text(TOKEN)
        self.fired = path / "fired"
        self.log = path / "log"
        self.processes: list[subprocess.Popen[bytes] | WarmWorker] = []

    def start(self, fail: str = "", *, cold: bool = False) -> subprocess.Popen[bytes] | WarmWorker:
        env = {
            "PATH": os.environ["PATH"],
            "KML_KAFKA_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers,
            "KML_BACKEND_URL": self.registry.url,
            "KML_CONTROL_TOPIC": self.topic,
            "KML_CONTROL_GROUP": f"group-{self.topic}",
            "KML_STATE_DIR": str(self.path),
            "KML_FAILPOINT": fail,
            "KML_FAILPOINT_LOG": str(self.fired),
        }
        process: subprocess.Popen[bytes] | WarmWorker
        with self.log.open("ab") as log:
            if cold:
                command = [sys.executable, "-m", "kafka_control_logger"]
                process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
            else:
                process = WarmWorker("kafka_control_logger", env=env, output=log)
        self.processes.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes] | WarmWorker) -> None:
        process.terminate()
        assert process.wait(60) == 0

    def announce(self, *values: bytes | None) -> None:
        writer = KafkaRecordWriter(self.settings)
        for value in values:
            writer.write(OutgoingRecord(self.topic, value, b"\x07"))
        writer.flush(60)
        writer.close()

    def announce_good(self, count: int) -> None:
        self.announce(*[orjson.dumps(ANNOUNCEMENT | {"description": str(number)}) for number in range(count)])

    def dead_letters(self, count: int) -> list[Record]:
        reader = KafkaRecordReader(self.settings)
        ranges = [StreamRange(f"{self.topic}.dlq", 0, 0, count)]
        batches = reader.read(ranges, batch_records=100, idle_timeout_seconds=60)
        found = [record for batch in batches for record in batch]
        reader.close()
        return found

    def offsets(self) -> list[int]:
        return sorted(place[3] for place in self.registry.registered)


def assert_each_registered_once(logger: Logger, count: int, soak: SoakRecord) -> None:
    registered = Counter({place[3]: times for place, times in logger.registry.registered.items()})
    announced = Counter(range(count))
    soak.count(lost=(announced - registered).total(), doubled=(registered - announced).total())
    assert registered == announced


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


@pytest.fixture
def logger(broker: TestBroker, registry: Registry, tmp_path: Path) -> Iterator[Logger]:
    made = Logger(broker, registry, tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


def test_announcements_are_registered_from_the_first_on(logger: Logger, registry: Registry) -> None:
    # The topic does not exist until the logger creates it.
    process = logger.start(cold=True)
    eventually(lambda: "relaying" in logger.log.read_text())
    logger.announce_good(3)
    eventually(lambda: logger.offsets() == [0, 1, 2])
    assert registry.values[1] == orjson.dumps(ANNOUNCEMENT | {"description": "1"})
    life = orjson.loads((logger.path / "run" / "control-logger.json").read_bytes())
    assert life["pid"] == process.pid
    assert registry.heartbeats[0]["component"] == "control-logger"
    logger.end(process)
    # After the logger ended, nothing is registered again.
    logger.announce_good(1)
    second = logger.start()
    eventually(lambda: logger.offsets() == [0, 1, 2, 3])
    assert set(registry.posts.values()) == {1}
    logger.end(second)


def test_garbage_becomes_dead_letters_and_holds_nothing_up(logger: Logger, registry: Registry) -> None:
    process = logger.start()
    eventually(lambda: "relaying" in logger.log.read_text())
    good = orjson.dumps(ANNOUNCEMENT)
    garbage = [b"\xff\xfe", b"", b"[]", None, orjson.dumps({"topic": "x"}), b"{" * 1000]
    logger.announce(good, *garbage, good)
    eventually(lambda: logger.offsets() == [0, 7])
    letters = logger.dead_letters(len(garbage))
    assert [letter.value for letter in letters] == garbage
    assert {letter.key for letter in letters} == {b"\x07"}
    for number, letter in enumerate(letters, 1):
        headers = dict(letter.headers)
        assert headers["kml-source"] == f"{logger.topic}/0/{number}".encode()
        assert b"422" in (headers["kml-error-message"] or b"")
    logger.end(process)


def test_a_backend_that_is_absent_is_waited_for(logger: Logger, registry: Registry) -> None:
    process = logger.start()
    eventually(lambda: "relaying" in logger.log.read_text())
    registry.stop()
    logger.announce_good(3)
    eventually(lambda: "cannot be reached" in logger.log.read_text())
    registry.start()
    eventually(lambda: logger.offsets() == [0, 1, 2])
    logger.end(process)


@pytest.mark.parametrize(("row", "statuses"), [("R9 5xx", SERVER_ERRORS), ("R9 4xx", REFUSALS)], ids=["5xx", "4xx"])
def test_errors_of_the_backend_before_and_after_the_effect(
    logger: Logger, registry: Registry, soak: SoakRecord, row: str, statuses: list[int]
) -> None:
    soak.begin(row)
    process = logger.start()
    eventually(lambda: "relaying" in logger.log.read_text())
    for number, status in enumerate(statuses):
        registry.fail_next(1, status)
        registry.fail_next(1, status, after=True)
        logger.announce_good(1)
        # The third request finds the announcement registered. The next faults must not fall on it.
        with soak.recovery():
            eventually(lambda count=number + 1: registry.statuses.count(200) == count, 60)
    logger.end(process)
    soak.did(f"{2 * len(statuses)} answers to {len(statuses)} announcements")
    assert_each_registered_once(logger, len(statuses), soak)
    assert Counter(registry.statuses) == Counter(statuses * 2) + Counter({200: len(statuses)})


def test_sigterm_while_the_backend_is_unreachable_ends_at_once_and_loses_nothing(
    logger: Logger, registry: Registry
) -> None:
    process = logger.start()
    eventually(lambda: "relaying" in logger.log.read_text())
    registry.stop()
    logger.announce_good(1)
    eventually(lambda: "cannot be reached" in logger.log.read_text())
    logger.end(process)
    registry.start()
    logger.start()
    eventually(lambda: logger.offsets() == [0])


# The limit is long because the test starts Python fourteen times.
@pytest.mark.timeout(3600 if soaking() else 600)
@pytest.mark.faults
def test_killed_between_post_and_commit_each_is_registered_once(
    logger: Logger, registry: Registry, soak: SoakRecord
) -> None:
    soak.begin("R9 killed")
    points = list(islice(cycle(KILL_POINTS), len(KILL_POINTS) * KILLS_AT_EACH))
    count = len(points)
    first = logger.start()
    eventually(lambda: "relaying" in logger.log.read_text())
    # The first logger starts before any announcement, because it could otherwise finish all before the others are
    # killed.
    first.kill()
    first.wait()
    logger.announce_good(count)
    for point in points:
        process = logger.start(fail=f"{point}:kill")
        assert process.wait(90) == -signal.SIGKILL
    last = logger.start()
    # Most announcements are still due, because two of three kills prevent a commit.
    with soak.recovery():
        eventually(lambda: len(logger.offsets()) == count, 300)
    logger.end(last)
    assert_each_registered_once(logger, count, soak)
    soak.did(f"{KILLS_AT_EACH} kills there, {count} in all, {count} announcements")
    assert max(registry.posts.values()) > 1
    assert [line.split()[0] for line in logger.fired.read_text().splitlines()] == points


# The limit is long because the test starts Java three times.
@pytest.mark.timeout(600)
@pytest.mark.faults
def test_kafka_absent_at_the_start_and_killed_later(own_broker: TestBroker, registry: Registry, tmp_path: Path) -> None:
    own_broker.start()
    logger = Logger(own_broker, registry, tmp_path / "state")
    own_broker.stop()
    process = logger.start()
    eventually(lambda: "Kafka cannot be used now" in logger.log.read_text())
    own_broker.start()
    eventually(lambda: "relaying" in logger.log.read_text())
    logger.announce_good(2)
    eventually(lambda: logger.offsets() == [0, 1])
    own_broker.stop()
    own_broker.start()
    announcer = threading.Thread(target=logger.announce_good, args=(1,))
    announcer.start()
    # The group's coordinator has to load its topics again, which takes long on a busy machine.
    eventually(lambda: logger.offsets() == [0, 1, 2], 90, what="the third announcement")
    announcer.join(60)
    logger.end(process)
