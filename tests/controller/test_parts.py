"""The controller's parts one by one: pauses after failures, topics while Kafka hangs, hints through long paths."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from backend.controller.actions import BeginAttempt, Launch, MarkStopped, Stop
from backend.controller.execute import Executor, work_spec
from backend.controller.rows import Row, Subject
from backend.controller.topics import TopicMaker
from backend.controller.wakeup import WakeUp
from backend.launchers.base import Autoscale, RestartPolicy
from backend.launchers.names import RunKind
from kafkaml.errors import BrokerTimeout
from kafkaml.starts import Start, StartPlace
from kafkaml.system import socket_address
from kafkaml.wire.framework import Framework
from kafkaml.wire.job import InferenceJob, TrainingJob, job_from_env
from kafkaml.wire.limits import ResourceLimits
from kafkaml.wire.state import RunState
from tests.controller.memory_store import MemoryStore
from tests.controller.test_convergence import spec_of
from tests.launchers.fake_launcher import FakeLauncher


def an_executor(store: MemoryStore, launcher: FakeLauncher) -> Executor:
    return Executor(store=store, launcher=launcher, spec_of=spec_of, clock=lambda: store.now)


def test_a_failed_action_skips_the_rest_of_its_subject_only_and_rests_longer_each_time() -> None:
    store, launcher = MemoryStore(), FakeLauncher()
    first, second = store.add(RunKind.TRAINING, 1), store.add(RunKind.TRAINING, 2)
    rows = store.table
    executor = an_executor(store, launcher)
    launcher.fail_before = 1
    actions = [BeginAttempt(first, 1), Launch(first, 1), BeginAttempt(second, 1), Launch(second, 1)]
    assert executor.execute(actions, dict(rows)) == 3
    assert launcher.launches == ["kml-train-2-a1"]
    # During the pause nothing is tried, even though nothing would fail.
    assert executor.execute([Launch(first, 1)], dict(rows)) == 0
    store.now += 0.6
    launcher.fail_before = 1
    assert executor.execute([Launch(first, 1)], dict(rows)) == 0
    store.now += 0.6
    assert executor.execute([Launch(first, 1)], dict(rows)) == 0
    store.now += 0.6
    assert executor.execute([Launch(first, 1)], dict(rows)) == 1
    assert launcher.launches[-1] == "kml-train-1-a1"


@pytest.mark.parametrize("kind", RunKind)
def test_what_keeps_work_from_being_launched_is_shown_unless_it_passes_at_once(kind: RunKind) -> None:
    store, launcher = MemoryStore(), FakeLauncher()
    subject = store.add(kind, 1)
    executor = an_executor(store, launcher)
    launcher.fail_before = 2
    executor.execute([BeginAttempt(subject, 1), Launch(subject, 1)], dict(store.table))
    assert store.table[subject].failure is None
    store.now += 0.6
    executor.execute([Launch(subject, 1)], dict(store.table))
    shown = store.table[subject].failure
    assert shown is not None
    assert shown.cause == "the runtime cannot be reached"
    assert store.table[subject].state is RunState.WAITING


def test_what_was_decided_on_a_row_that_changed_is_left_out() -> None:
    store, launcher = MemoryStore(), FakeLauncher()
    subject = store.add(RunKind.TRAINING, 1)
    rows = dict(store.table)
    store.change(subject, wanted=False)
    assert an_executor(store, launcher).execute([BeginAttempt(subject, 1), Launch(subject, 1)], rows) == 0
    assert launcher.launches == []


def test_who_may_act_no_longer_stops_between_two_actions() -> None:
    store, launcher = MemoryStore(), FakeLauncher()
    subjects = [store.add(RunKind.TRAINING, number) for number in (1, 2, 3)]
    actions = [action for subject in subjects for action in (BeginAttempt(subject, 1), Launch(subject, 1))]
    answers = iter([True, True, True, False])
    done = an_executor(store, launcher).execute(actions, dict(store.table), may_act=lambda: next(answers))
    assert (done, launcher.launches) == (3, ["kml-train-1-a1"])


def test_a_fault_of_ours_in_one_action_does_not_stop_the_others() -> None:
    store, launcher = MemoryStore(), FakeLauncher()
    broken, fine = Subject(RunKind.TRAINING, 1), store.add(RunKind.TRAINING, 2)
    store.change(fine, wanted=False)
    # The action has no row, so launching it raises KeyError.
    assert an_executor(store, launcher).execute([Launch(broken, 1), MarkStopped(fine, 0, ""), Stop(fine, "x")], {}) == 2
    assert store.table[fine].state is RunState.STOPPED


@pytest.mark.parametrize("kind", RunKind)
def test_a_spec_is_the_job_without_secrets(kind: RunKind, tmp_path: Path) -> None:
    row = Row(
        subject=Subject(kind, 7),
        framework=Framework.TENSORFLOW,
        wanted=True,
        state=RunState.WAITING,
        attempt=2,
        tries=1,
        launched=False,
        replicas=3,
        autoscale=Autoscale(topic="in", group="g", max_replicas=5) if kind is RunKind.INFERENCE else None,
        gpu=1,
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "fork-tensorflow.sock").touch()
    limits = {RunKind.TRAINING: ResourceLimits(wall_seconds=60), RunKind.INFERENCE: ResourceLimits(memory_bytes=1)}
    spec = work_spec(row, 2, "secret", backend_url="http://x", state_dir=tmp_path, limits=limits)
    assert spec.name == f"kml-{kind.short}-7-a2"
    assert (spec.token, spec.gpu, spec.limits) == ("secret", 1, limits[kind])
    assert "secret" not in str(spec.env)
    job = job_from_env(spec.env)
    assert (job.name, job.attempt, job.backend_url) == (spec.name, 2, "http://x")
    assert job.fork_server == str(tmp_path / "run" / "fork-tensorflow.sock")
    if kind is RunKind.TRAINING:
        assert isinstance(job, TrainingJob)
        assert (spec.module, spec.restart, spec.replicas) == ("model_training", RestartPolicy.NEVER, 1)
    else:
        assert isinstance(job, InferenceJob)
        assert (spec.module, spec.restart, spec.replicas) == ("model_inference", RestartPolicy.ALWAYS, 3)
        assert spec.autoscale == row.autoscale


def test_a_training_without_end_has_no_time_limit_and_time_to_leave(tmp_path: Path) -> None:
    row = Row(
        subject=Subject(RunKind.TRAINING, 7),
        framework=Framework.TENSORFLOW,
        wanted=True,
        state=RunState.WAITING,
        attempt=1,
        tries=1,
        launched=False,
        endless=True,
    )
    limits = {RunKind.TRAINING: ResourceLimits(wall_seconds=60, memory_bytes=1)}
    spec = work_spec(row, 1, "secret", backend_url="http://x", state_dir=tmp_path, limits=limits)
    assert spec.limits == ResourceLimits(wall_seconds=0, memory_bytes=1)
    assert spec.grace_seconds == 120


class SlowKafka:
    """Answers when the test allows it. ``topics`` maps names to partitions."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.topics: dict[str, int] = {}
        self.begun: list[tuple[str, str, Start]] = []

    def partition_count(self, name: str) -> int:
        self.answers.wait(20)
        return self.topics.get(name, 0)

    def create_topic(self, name: str, *, partitions: int = 1, config: object = None) -> bool:
        return self.topics.setdefault(name, partitions) == partitions

    def begin_at(self, group: str, topic: str, start: Start) -> None:
        self.begun.append((group, topic, start))


def test_topics_are_made_once_kafka_answers_and_nobody_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.controller.topics._PATIENCE_SECONDS", 0.05)
    kafka = SlowKafka()
    maker = TopicMaker(lambda: kafka)
    with pytest.raises(BrokerTimeout, match="did not answer within"):
        maker.ensure_topic("a", partitions=2)
    # The caller does not wait. Otherwise it would get the answer of a Kafka that returns before the patience ends.
    monkeypatch.setattr("backend.controller.topics._PATIENCE_SECONDS", 60)
    with pytest.raises(BrokerTimeout, match="asked before"):
        maker.ensure_topic("b", partitions=1)
    kafka.answers.set()
    assert maker.ensure_topic("a", partitions=2) == 2
    assert maker.ensure_topic("b", partitions=1) == 1
    # The topic exists by now, with its own number of partitions.
    assert maker.ensure_topic("a", partitions=5) == 2
    maker.begin_at("g", "a", StartPlace.NOW)
    assert kafka.begun == [("g", "a", StartPlace.NOW)]
    maker.close()


@pytest.mark.parametrize("depth", [1, 12])
def test_a_hint_arrives_however_long_the_path_is(tmp_path: Path, depth: int) -> None:
    import socket

    state = tmp_path.joinpath(*["a-rather-long-name"] * depth)
    wakeup = WakeUp(state)
    wakeup.listen()
    started = time.monotonic()
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        socket_address(state / "run", "controller.sock") as address,
    ):
        sender.sendto(b"!", address)
    wakeup.wait(60)
    assert time.monotonic() - started < 30
    started = time.monotonic()
    wakeup.wait(0.05)
    assert time.monotonic() - started >= 0.05
    wakeup.close()
    assert not (state / "run" / "controller.sock").exists()
