"""Random histories of users, workers, crashes and faults converge: no orphan, no twin, no end without its reason."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from backend.controller.actions import MarkFailed, Retry
from backend.controller.execute import Executor
from backend.controller.reconcile import LINGER_SECONDS, reconcile
from backend.controller.rows import Row, Subject
from backend.launchers.base import Autoscale, Phase, RestartPolicy, WorkSpec
from backend.launchers.names import RunKind, parse_work_name
from backend.runs.retries import should_retry
from kafkaml.errors import BrokenError
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.state import RunState
from tests.controller.memory_store import MemoryStore
from tests.launchers.fake_launcher import FakeLauncher

categories = st.sampled_from([FailureCategory.LOST, FailureCategory.USER_CODE, FailureCategory.INTERNAL])


def spec_of(row: Row, attempt: int, token: str) -> WorkSpec:
    training = row.subject.kind is RunKind.TRAINING
    return WorkSpec(
        name=row.subject.attempt(attempt),
        module="x",
        env={},
        token=token,
        restart=RestartPolicy.NEVER if training else RestartPolicy.ALWAYS,
        replicas=row.replicas,
        autoscale=row.autoscale,
    )


class Histories(RuleBasedStateMachine):
    subjects: Bundle[Subject] = Bundle("subjects")

    @initialize()
    def begin(self) -> None:
        self.store = MemoryStore()
        self.launcher = FakeLauncher()
        self.numbers = iter(range(1, 10_000))
        self.vanished: set[str] = set()
        self.silent_ends: dict[str, FailureCategory] = {}
        self.reported_ends: set[str] = set()
        self.new_controller()

    def new_controller(self) -> None:
        """A restart of the controller loses everything that it remembered."""
        self.looks: dict[str, int] = {}
        self.executor = Executor(
            store=self.store, launcher=self.launcher, spec_of=spec_of, clock=lambda: self.store.now
        )

    # --- people ----------------------------------------------------------------------------------------------------

    @rule(target=subjects, ready=st.sampled_from([True, True, True, False]))
    def add_training(self, ready: bool) -> Subject:
        return self.store.add(RunKind.TRAINING, next(self.numbers), ready=ready)

    @rule(target=subjects, replicas=st.integers(1, 3))
    def add_inference(self, replicas: int) -> Subject:
        return self.store.add(RunKind.INFERENCE, next(self.numbers), replicas=replicas)

    @rule(subject=subjects, replicas=st.integers(1, 3))
    def change(self, subject: Subject, replicas: int) -> None:
        if subject in self.store.table:
            is_inference = subject.kind is RunKind.INFERENCE
            self.store.change(subject, ready=True, **({"replicas": replicas} if is_inference else {}))

    @rule(subject=subjects, most=st.sampled_from([None, 3, 5]))
    def ask_for_autoscaling(self, subject: Subject, most: int | None) -> None:
        if subject in self.store.table and subject.kind is RunKind.INFERENCE:
            wanted = None if most is None else Autoscale(topic="in", group="g", max_replicas=most)
            self.store.change(subject, autoscale=wanted)

    @rule(data=st.data(), replicas=st.integers(1, 5))
    def the_lag_chooses(self, data: Any, replicas: int) -> None:
        if name := self.choose(data, self.alive()):
            self.launcher.scale(name, replicas)

    @rule(subject=subjects)
    def stop(self, subject: Subject) -> None:
        if subject in self.store.table and not self.store.table[subject].state.ended:
            self.store.change(subject, wanted=False)

    @rule(subject=subjects)
    def restart(self, subject: Subject) -> None:
        if subject in self.store.table and self.store.table[subject].state.ended:
            self.store.restart(subject)

    @rule(subject=consumes(subjects))
    def delete(self, subject: Subject) -> None:
        self.store.table.pop(subject, None)

    # --- workers ---------------------------------------------------------------------------------------------------

    def alive(self) -> list[str]:
        return sorted(name for name, work in self.launcher.work.items() if not work.phase.ended)

    def choose(self, data: Any, names: list[str]) -> str | None:
        return data.draw(st.sampled_from(names)) if names else None

    @rule(data=st.data())
    def worker_runs(self, data: Any) -> None:
        if name := self.choose(data, self.alive()):
            self.launcher.run(name)
            self.serve(name, 1)

    @rule(data=st.data(), code=st.sampled_from([0, 1, -9, None]), category=categories)
    def worker_ends_without_a_word(self, data: Any, code: int | None, category: FailureCategory) -> None:
        if name := self.choose(data, self.alive()):
            self.launcher.end(name, code, category)
            self.serve(name, 0)
            if self.launcher.work[name].phase is Phase.FAILED:
                self.silent_ends[name] = category

    @rule(data=st.data(), lingers=st.booleans())
    def worker_finishes(self, data: Any, lingers: bool) -> None:
        trainings = [name for name in self.alive() if name.startswith("kml-train")]
        if name := self.choose(data, trainings):
            parsed = parse_work_name(name)
            assert parsed is not None
            self.store.fail, failing = 0, self.store.fail
            if self.store.finish(Subject.of(parsed), parsed.attempt) and not lingers:
                self.launcher.end(name, 0)
            self.store.fail = failing

    @rule(data=st.data(), category=categories)
    def worker_reports_a_failure(self, data: Any, category: FailureCategory) -> None:
        if name := self.choose(data, self.alive()):
            parsed = parse_work_name(name)
            assert parsed is not None
            subject, failure = Subject.of(parsed), Failure(category=category, cause="reported")
            row = self.store.table.get(subject)
            if row is None or row.attempt != parsed.attempt or row.state.ended:
                return
            if subject.kind is RunKind.INFERENCE:
                self.store.change(subject, replica_failures=(failure,), replicas_serving=0)
                return
            self.store.fail, failing = 0, self.store.fail
            if should_retry(failure, row.tries):
                self.store.apply(Retry(subject, parsed.attempt, failure, self.store.now + 5, ""))
            else:
                self.store.apply(MarkFailed(subject, parsed.attempt, failure, ""))
            self.store.fail = failing
            self.launcher.end(name, 1, category)
            self.reported_ends.add(name)

    def serve(self, name: str, replicas: int) -> None:
        parsed = parse_work_name(name)
        assert parsed is not None
        row = self.store.table.get(Subject.of(parsed))
        if row is not None and row.attempt == parsed.attempt and parsed.kind is RunKind.INFERENCE:
            self.store.change(row.subject, replicas_serving=replicas)

    @rule(data=st.data(), cause=st.sampled_from(["no node has room", "the image is missing", None]))
    def something_keeps_work_from_starting(self, data: Any, cause: str | None) -> None:
        if name := self.choose(data, self.alive()):
            obstacle = None if cause is None else Failure(category=FailureCategory.CONFIGURATION, cause=cause)
            self.launcher.obstruct(name, obstacle)

    @rule()
    def stops_take_effect(self) -> None:
        self.launcher.finish_stops()

    # --- faults ----------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def work_vanishes(self, data: Any) -> None:
        if name := self.choose(data, sorted(self.launcher.work)):
            self.launcher.vanish(name)
            self.vanished.add(name)

    @rule(data=st.data())
    def runtime_does_not_know(self, data: Any) -> None:
        self.launcher.unknown = set(
            data.draw(st.sets(st.sampled_from(names), max_size=2)) if (names := self.alive()) else ()
        )

    @rule(before=st.integers(0, 2), after=st.integers(0, 2))
    def runtime_fails(self, before: int, after: int) -> None:
        self.launcher.fail_before, self.launcher.fail_after = before, after

    @rule(count=st.integers(0, 2))
    def database_fails(self, count: int) -> None:
        self.store.fail = count

    # --- the controller --------------------------------------------------------------------------------------------

    @rule(times=st.integers(1, 3))
    def tick(self, times: int) -> None:
        for _ in range(times):
            self.run_controller()

    @rule(seconds=st.sampled_from([0.1, 3.0, 60.0]), times=st.integers(1, 4))
    def quiet_time_passes(self, seconds: float, times: int) -> None:
        for _ in range(times):
            self.launcher.finish_stops()
            self.store.now += seconds
            self.run_controller()

    @rule(steps=st.integers(0, 3))
    def controller_dies_in_the_middle(self, steps: int) -> None:
        self.run_controller(steps)
        self.new_controller()

    def run_controller(self, steps: int | None = None) -> None:
        try:
            observed = self.launcher.observe()
        except BrokenError:
            return
        present = {Subject.of(parsed) for name in observed if (parsed := parse_work_name(name))}
        rows = self.store.rows(present)
        decision = reconcile(rows, observed, now=self.store.now, looks=self.looks)
        self.looks = dict(decision.looks)
        self.executor.execute(decision.actions[:steps], {row.subject: row for row in rows})

    # --- what must hold --------------------------------------------------------------------------------------------

    @invariant()
    def no_twins(self) -> None:
        alive = Counter(Subject.of(parsed) for name in self.alive() if (parsed := parse_work_name(name)))
        assert all(count == 1 for count in alive.values()), alive

    @invariant()
    def no_training_is_started_twice_under_one_name(self) -> None:
        started = Counter(name for name in self.launcher.launches if name not in self.vanished)
        assert all(count == 1 for count in started.values()), started

    @invariant()
    def no_failure_without_a_reason(self) -> None:
        for row in self.store.table.values():
            assert row.state is not RunState.FAILED or row.failure is not None

    def teardown(self) -> None:
        self.launcher.unknown = set()
        self.launcher.fail_before = self.launcher.fail_after = self.store.fail = 0
        for _ in range(16):
            self.run_controller()
            self.launcher.finish_stops()
            self.no_twins()
            for name in self.alive():
                self.launcher.run(name)
            self.store.now += LINGER_SECONDS + 1
        observed = self.launcher.observe()
        for name, seen in observed.items():
            parsed = parse_work_name(name)
            assert parsed is not None
            row = self.store.table.get(Subject.of(parsed))
            assert row is not None, f"{name} is an orphan"
            assert row.work == name, f"{name} is an old attempt of {row}"
            assert not row.state.ended, f"{name} is left of {row}"
            assert not seen.phase.ended
        for row in self.store.table.values():
            self.check_settled(row, observed)

    def check_settled(self, row: Row, observed: Any) -> None:
        if not row.wanted:
            assert row.state.ended, row
        elif not row.state.ended and row.ready:
            assert row.work in observed, f"{row} has no work"
            assert row.launched
            assert row.failure is None or row.state is not RunState.RUNNING, "what runs has no obstacle"
            assert row.may_have(observed[row.work].replicas)
            assert self.launcher.work[str(row.work)].spec.autoscale == row.autoscale
            if row.autoscale is not None:
                assert row.scaled_to_shown == observed[row.work].replicas
        name = row.work
        if name in self.reported_ends and name not in self.vanished:
            assert self.store.logs[row.subject, row.attempt] == f"log of {name}"
        if name in self.silent_ends and name not in self.vanished and row.state is RunState.FAILED:
            assert self.store.failures[row.subject, row.attempt].category is self.silent_ends[name]
            assert self.store.logs[row.subject, row.attempt] == f"log of {name}"


Histories.TestCase.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
TestHistories = Histories.TestCase
