"""The controller as a process with real children: from rows to workers and back."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from backend.runs.retries import MAX_LOST_TRIES
from tests.controller.conftest import Platform
from tests.local_server import Answer, LocalServer
from tests.support import eventually, has_ended

pytestmark = pytest.mark.integration


def training(platform: Platform, pk: int) -> dict[str, Any]:
    row: dict[str, Any] = platform.get(kind="training", pk=pk)
    return row


def reaches(platform: Platform, pk: int, state: str, timeout_seconds: float = 60) -> dict[str, Any]:
    return eventually(lambda: (row := training(platform, pk))["state"] == state and row, timeout_seconds)


def test_a_training_starts_when_its_stream_comes_and_ends_as_reported(platform: Platform) -> None:
    controller = platform.controller()
    platform.leads(controller)
    good, bad, idle = platform.add_training(), platform.add_training(), platform.add_training(ready=False)
    reaches(platform, good, "running")
    reaches(platform, bad, "running")
    platform.gate(good, "finish")
    platform.gate(bad, "fail")
    assert reaches(platform, good, "finished")["attempt"] == 1
    assert reaches(platform, bad, "failed")["failure"]["cause"] == "their bug"
    eventually(lambda: platform.jobs() == [])
    assert f"this is kml-train-{good}-a1" in training(platform, good)["log_tail"]
    assert training(platform, idle)["state"] == "waiting"
    assert [start[2:] for start in platform.starts() if start[2].startswith(f"kml-train-{idle}-")] == []
    assert platform.heartbeats() == ["controller"]
    life = orjson.loads((platform.state / "run" / "controller.json").read_bytes())
    assert (life["pid"], life["doing"]) == (controller.pid, "leading")
    controller.terminate()
    assert controller.wait(60) == 0
    assert platform.lease() == ""


@pytest.mark.parametrize(
    ("verdict", "category", "said"),
    [("exit 3", "internal", "exit code 3"), ("silence", "internal", "never reported"), ("kill", "lost", "SIGKILL")],
)
def test_an_end_without_a_report_fails_with_its_diagnosis(
    platform: Platform, verdict: str, category: str, said: str
) -> None:
    platform.controller()
    pk = platform.add_training()
    platform.gate(pk, verdict)
    if category == "lost":
        # Each retry waits longer than the one before. The waits and most retries are cut short here.
        for attempt in (1, 2, 3):
            row = eventually(
                lambda wanted=attempt: (
                    (row := training(platform, pk))["next_retry_at"] and row["attempt"] >= wanted and row
                ),
                60,
            )
            assert row["state"] == "waiting"
            assert said in row["failure"]["cause"]
            if attempt == 3:
                platform.change(kind="training", pk=pk, tries=MAX_LOST_TRIES - 1)
            platform.retry_now(pk=pk)
    row = reaches(platform, pk, "failed")
    assert row["failure"]["category"] == category
    assert said in row["failure"]["cause"]
    assert row["failure"]["hint"]
    assert "this is kml-train" in row["log_tail"]
    assert row["attempt"] >= 4 if category == "lost" else row["attempt"] == 1
    assert [start[4] for start in platform.starts()] == ["single"] * row["attempt"]
    eventually(lambda: platform.jobs() == [])


def test_stop_restart_and_delete(platform: Platform) -> None:
    platform.controller()
    pk = platform.add_training()
    reaches(platform, pk, "running")
    eventually(platform.starts)
    platform.change(kind="training", pk=pk, desired="stopped")
    reaches(platform, pk, "stopped")
    platform.restart(kind="training", pk=pk)
    row = reaches(platform, pk, "running")
    assert row["attempt"] == 3
    eventually(lambda: len(platform.starts()) == 2)
    platform.delete(kind="training", pk=pk)
    eventually(lambda: platform.jobs() == [])
    assert [started[4] for started in platform.starts()] == ["single"] * 2
    for start in platform.starts():
        eventually(lambda pid=int(start[1]): has_ended(pid))


def test_another_controller_waits_and_takes_over_at_once_when_the_first_dies(platform: Platform) -> None:
    # The lease does not expire while the test runs.
    lease = ("--lease-seconds", "3600")
    first = platform.controller(*lease)
    platform.leads(first)
    second = platform.controller(*lease)
    pk = platform.add_training()
    reaches(platform, pk, "running")
    eventually(lambda: "this one waits" in platform.log())
    first.kill()
    first.wait()
    platform.leads(second)
    other = platform.add_training()
    reaches(platform, other, "running")
    eventually(lambda: len(platform.starts()) == 2)
    assert [start[4] for start in platform.starts()] == ["single"] * 2
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0


def test_a_stopped_leader_is_replaced_after_its_lease_and_does_no_harm_when_it_wakes(platform: Platform) -> None:
    first = platform.controller()
    platform.leads(first)
    pk = platform.add_training()
    reaches(platform, pk, "running")
    first.send_signal(signal.SIGSTOP)
    second = platform.controller()
    platform.leads(second)
    first.send_signal(signal.SIGCONT)
    other = platform.add_training()
    reaches(platform, other, "running")
    eventually(lambda: "another controller leads now" in platform.log(), 60)
    eventually(lambda: len(platform.starts()) == 2)
    assert [start[4] for start in platform.starts()] == ["single"] * 2


def test_inferences_are_served_scaled_and_stopped(broker_platform: Platform, broker: Any) -> None:
    platform = broker_platform
    platform.controller()
    topic = broker.topic(partitions=2)
    pk = platform.add_inference(replicas=2, input_topic=topic, output_topic=f"{topic}-out")

    def row() -> dict[str, Any]:
        found: dict[str, Any] = platform.get(kind="inference", pk=pk)
        return found

    eventually(lambda: row()["state"] == "running" and row()["ready_replicas"] == 2, 60)
    platform.change(kind="inference", pk=pk, replicas=1)
    eventually(lambda: row()["ready_replicas"] == 1, 60)
    first = next(start for start in platform.starts() if start[3] == "0")
    os.kill(int(first[1]), signal.SIGKILL)
    eventually(lambda: len(platform.starts()) == 3 and row()["state"] == "running", 60)
    platform.change(kind="inference", pk=pk, desired="stopped")
    eventually(lambda: row()["state"] == "stopped", 60)
    eventually(lambda: platform.jobs() == [])
    assert [start[4] for start in platform.starts()] == ["single"] * 3
    from kafkaml.confluent import KafkaAdmin
    from kafkaml.settings import KafkaSettings

    admin = KafkaAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    assert admin.partition_count(f"{topic}-out") == 2
    assert admin.partition_count(f"{topic}-out.dlq") == 1


def test_kafka_away_holds_up_inferences_only(platform: Platform) -> None:
    platform.controller()
    waiting = platform.add_inference()
    pk = platform.add_training()
    reaches(platform, pk, "running")
    platform.gate(pk, "finish")
    reaches(platform, pk, "finished")
    eventually(lambda: "topic in is not made yet" in platform.log(), 60)
    assert platform.get(kind="inference", pk=waiting)["state"] == "waiting"


class _Receiver(LocalServer):
    """Counts the requests with a valid signature."""

    signed_pings = 0

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.signed_pings += method == "POST" and "webhook-signature" in headers and b"ping" in body
        return Answer(204, b"")


def test_what_requests_left_is_carried_outside_in_order(broker_platform: Platform, broker: Any) -> None:
    from kafkaml.confluent import KafkaAdmin, KafkaRecordReader
    from kafkaml.settings import KafkaSettings
    from kafkaml.stream_range import StreamRange

    topic = broker.topic()
    broker_platform.controller(KML_WEBHOOK_HOSTS="127.0.0.1")
    with _Receiver() as receiver:
        broker_platform.add_webhook(url=receiver.url)
        eventually(lambda: broker_platform.pending_webhooks() == 0, 60)
    assert receiver.signed_pings == 1
    broker_platform.add_outbox(topic=topic, count=5)
    broker_platform.add_outbox(topic="kafka-ml.versions", count=1)
    eventually(lambda: broker_platform.pending_outbox() == 0, 60)
    settings = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
    # Compaction keeps the newest record of each result.
    (kept,) = KafkaAdmin(settings).topic_configs(["kafka-ml.versions"]).values()
    assert kept["cleanup.policy"] == "compact"
    reader = KafkaRecordReader(settings)
    found = [
        (record.key, record.value)
        for batch in reader.read([StreamRange(topic, 0, 0, 5)], batch_records=10, idle_timeout_seconds=60)
        for record in batch
    ]
    assert found == [(b"\x01", str(number).encode()) for number in range(5)]
