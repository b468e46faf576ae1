"""The controller is killed at every fail-point, with real children: it converges and loses or repeats nothing."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

import pytest

from tests.controller.conftest import Platform
from tests.support import eventually

pytestmark = [pytest.mark.faults, pytest.mark.integration]

# Fail-points at which it matters who starts workers: the controller itself, or a fork server that outlives it.
STARTING = [
    "controller.before_Launch",
    "launcher.before_intent",
    "launcher.after_intent",
    "launcher.locked",
    "launcher.started",
    "controller.launched",
]
LAUNCHING = [
    "controller.lease_taken",
    "controller.observed",
    "controller.before_BeginAttempt",
    "controller.after_BeginAttempt",
    "controller.token_minted",
    *STARTING,
    "controller.after_Launch",
    "controller.before_MarkRunning",
    "controller.after_MarkRunning",
]
ENDING = [
    "controller.before_KeepLog",
    "controller.after_KeepLog",
    "controller.before_Forget",
    "launcher.forget_half",
    "controller.after_Forget",
]
STOPPING = [
    "controller.before_Stop",
    "launcher.stop_written",
    "controller.after_Stop",
    "controller.before_MarkStopped",
    "controller.after_MarkStopped",
]
FAILING = ["controller.before_MarkFailed", "controller.after_MarkFailed"]


def state(platform: Platform, pk: int) -> dict[str, Any]:
    row: dict[str, Any] = platform.get(kind="training", pk=pk)
    return row


def killed_at(platform: Platform, point: str) -> None:
    """Run a controller that dies at ``point``, and prove that it died there."""
    controller = platform.controller(fail=f"{point}:kill")
    assert controller.wait(90) == -signal.SIGKILL
    assert platform.fired.read_text().split()[-3] == point


def started_once(platform: Platform, *names: str) -> None:
    assert sorted((start[2], start[4]) for start in platform.starts()) == sorted((name, "single") for name in names)


def finished_once(platform: Platform, pks: list[int]) -> None:
    """Check that every training finished at its first attempt, started once, kept its log, and left nothing."""
    eventually(lambda: all(state(platform, pk)["state"] == "finished" for pk in pks), 60)
    eventually(lambda: platform.jobs() == [])
    for pk in pks:
        row = state(platform, pk)
        assert (row["attempt"], row["tries"]) == (1, 1)
        assert "this is kml-train" in row["log_tail"]
    started_once(platform, *[f"kml-train-{pk}-a1" for pk in pks])


@pytest.mark.parametrize(("warm", "points"), [("false", LAUNCHING), ("true", STARTING)], ids=["cold", "warm"])
def test_killed_at_each_step_of_launching(platform: Platform, warm: str, points: Sequence[str]) -> None:
    platform.env["KML_WARM_WORKERS"] = warm
    pks = []
    for point in points:
        pks.append(platform.add_training())
        killed_at(platform, point)
    platform.controller()
    eventually(lambda: all(state(platform, pk)["state"] == "running" for pk in pks), 60)
    for pk in pks:
        platform.gate(pk, "finish")
    finished_once(platform, pks)


def test_killed_at_each_step_after_a_worker_reported(platform: Platform) -> None:
    pks = []
    for point in ENDING:
        pks.append(platform.add_training())
        platform.gate(pks[-1], "finish")
        killed_at(platform, point)
    platform.controller()
    finished_once(platform, pks)


def test_killed_at_each_step_after_a_worker_died_in_silence(platform: Platform) -> None:
    pks = []
    for point in FAILING:
        pks.append(platform.add_training())
        platform.gate(pks[-1], "exit 3")
        killed_at(platform, point)
    platform.controller()
    eventually(lambda: all(state(platform, pk)["state"] == "failed" for pk in pks), 60)
    eventually(lambda: platform.jobs() == [])
    for pk in pks:
        row = state(platform, pk)
        assert "exit code 3" in row["failure"]["cause"]
        assert "this is kml-train" in row["log_tail"]
    started_once(platform, *[f"kml-train-{pk}-a1" for pk in pks])


def test_killed_at_each_step_of_stopping(platform: Platform) -> None:
    pks = [platform.add_training() for _ in STOPPING]
    first = platform.controller()
    eventually(lambda: len(platform.starts()) == len(pks), 60)
    eventually(lambda: all(state(platform, pk)["state"] == "running" for pk in pks), 60)
    first.kill()
    first.wait()
    for pk, point in zip(pks, STOPPING, strict=True):
        platform.change(kind="training", pk=pk, desired="stopped")
        killed_at(platform, point)
    platform.controller()
    eventually(lambda: all(state(platform, pk)["state"] == "stopped" for pk in pks), 60)
    eventually(lambda: platform.jobs() == [])
    started_once(platform, *[f"kml-train-{pk}-a1" for pk in pks])


def test_killed_between_two_attempts(platform: Platform) -> None:
    pks = []
    for point in ("controller.before_Retry", "controller.after_Retry"):
        pks.append(platform.add_training())
        platform.gate(pks[-1], "kill at first")
        killed_at(platform, point)
    platform.controller()
    for pk in pks:
        # If the run is delayed before this request, the next try comes automatically.
        eventually(lambda pk=pk: (row := state(platform, pk))["next_retry_at"] or row["attempt"] > 1, 60)
        platform.retry_now(pk=pk)
    eventually(lambda: all(state(platform, pk)["state"] == "finished" for pk in pks), 60)
    assert [state(platform, pk)["attempt"] for pk in pks] == [2, 2]
    started_once(platform, *[f"kml-train-{pk}-a{attempt}" for pk in pks for attempt in (1, 2)])


def test_a_worker_that_ends_while_no_controller_runs(platform: Platform) -> None:
    finishing, dying = platform.add_training(), platform.add_training()
    first = platform.controller()
    eventually(lambda: len(platform.starts()) == 2, 60)
    eventually(lambda: state(platform, dying)["state"] == "running", 60)
    first.kill()
    first.wait()
    platform.gate(finishing, "finish")
    platform.gate(dying, "exit 9")
    eventually(lambda: state(platform, finishing)["state"] == "finished", 60)
    platform.controller()
    row = eventually(lambda: (row := state(platform, dying))["state"] == "failed" and row, 60)
    assert "exit code 9" in row["failure"]["cause"]
    eventually(lambda: platform.jobs() == [])
    started_once(platform, f"kml-train-{finishing}-a1", f"kml-train-{dying}-a1")


def test_killed_again_and_again_at_random_moments(platform: Platform) -> None:
    import random

    generator = random.Random(7)
    pks = [platform.add_training() for _ in range(6)]
    for pk in pks:
        platform.gate(pk, generator.choice(["finish", "exit 3"]))
    for _ in range(8):
        controller = platform.controller()
        platform.leads(controller)
        # The kill hits a different moment each time, which is intended.
        eventually(lambda: len(platform.starts()) >= generator.randint(0, 6), 60)
        controller.kill()
        controller.wait()
    platform.controller()
    eventually(lambda: all(state(platform, pk)["state"] in ("finished", "failed") for pk in pks), 60)
    eventually(lambda: platform.jobs() == [])
    started_once(platform, *[f"kml-train-{pk}-a1" for pk in pks])


def test_an_outbox_record_is_written_again_rather_than_lost(broker_platform: Platform, broker: Any) -> None:
    platform = broker_platform
    topic = broker.topic()
    platform.add_outbox(topic=topic, count=2)
    killed_at(platform, "controller.outbox_written")
    assert platform.pending_outbox() == 2
    platform.controller()
    eventually(lambda: platform.pending_outbox() == 0, 60)
