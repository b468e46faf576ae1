"""Incremental training over the broker in memory and a model without a process."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.control import ControlMessage
from kafkaml.errors import DecodeError, DiskFull, ModelProcessDied, SettingsError, StreamUnavailable
from kafkaml.input_format import InputFormat
from kafkaml.records import ListBatch, OutgoingRecord, PartitionKey, Record, RecordBatch
from kafkaml.shapes import DataMismatch
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker, InMemoryReader, RecordingReporter
from kafkaml.wire.checkpoint import Checkpoint, WindowEnd
from kafkaml.wire.choices import Direction, Targets, TrainingMode
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics
from kafkaml.wire.training import TrainingPlan
from model_training import window_samples
from model_training.context import RunContext
from model_training.interrupts import Interrupted, Interrupts
from model_training.modes import incremental
from tests.model_training.learning_model import LearningModel

STREAM = ControlMessage(
    ranges=(StreamRange("live"),),
    input_format=InputFormat.RAW,
    input_config={"data_type": "float32", "data_reshape": "2", "label_type": "uint8"},
    validation_rate=0.2,
    incremental=True,
)


def settings(**fields: Any) -> Incremental:
    """Windows of ten records, and an end as soon as nothing comes."""
    return Incremental(**{"window_records": 10, "stream_timeout": 1, **fields})


PLAN = TrainingPlan(
    result_id=7,
    deployment_id=3,
    model_name="mean",
    framework=Framework.TENSORFLOW,
    mode=TrainingMode.INCREMENTAL,
    code="model = 1",
    imports="",
    batch_size=4,
    fit_arguments={},
    evaluation_arguments={},
    stream=STREAM,
    seed=11,
    confusion_matrix=True,
    incremental=settings(),
)


@dataclass
class Run:
    """A run and its parts."""

    folder: Path
    plan: TrainingPlan = PLAN
    model: LearningModel = field(default_factory=LearningModel)
    broker: InMemoryBroker = field(default_factory=InMemoryBroker)
    reporter: RecordingReporter = field(default_factory=RecordingReporter)
    interrupts: Interrupts = field(default_factory=Interrupts)
    stop_asked: bool = True
    models: list[LearningModel] = field(default_factory=list)
    earlier: RecordingReporter = field(default_factory=RecordingReporter)

    def send(self, count: int, *, start: int = 0, label: int | None = None) -> None:
        """Send samples of two classes, which their first number separates."""
        for number in range(start, start + count):
            sample = np.array([number, 100 * (number % 2)], np.float32).tobytes()
            key = bytes([number % 2 if label is None else label])
            self.broker.append(OutgoingRecord("live", sample, key, timestamp_ms=1_000_000 + number, partition=0))

    def set(self, **fields: Any) -> None:
        """Change the plan; names that are not its fields change its incremental settings."""
        own = {name: value for name, value in fields.items() if name in TrainingPlan.model_fields}
        others = {name: value for name, value in fields.items() if name not in own}
        self.plan = self.plan.model_copy(update={"incremental": settings(**others), **own})

    def fetch(self, checkpoint: Checkpoint) -> Path:
        path = self.folder / f"downloaded-{checkpoint.sha256}"
        path.write_bytes(self.earlier.artifacts[checkpoint.name])
        return path

    def run(self) -> TrainingOutcome:
        self.broker.create_topic("live")
        context = RunContext(
            plan=self.plan,
            reporters={"mean": self.reporter},
            read_slice=lambda _on_progress: pytest.fail("nobody asked for the slice"),
            open_reader=self.broker.reader,
            start_process=self._start,
            scratch=Path(tempfile.mkdtemp(dir=self.folder)),
            interrupts=self.interrupts,
            stop_asked=lambda: self.stop_asked,
            fetch_checkpoint=self.fetch,
        )
        with self.interrupts:
            (part,) = incremental.run(context)
        assert self.reporter.outcome == part.outcome
        return part.outcome

    def _start(self, _plan: TrainingPlan) -> LearningModel:
        self.models.append(self.model if not self.models else type(self.model)(scores=self.model.scores))
        return self.models[-1]

    def going_on(self, step: int) -> Run:
        """Return another attempt, which resumes after ``step`` windows."""
        checkpoint = self.reporter.checkpoints[step - 1]
        plan = self.plan.model_copy(update={"checkpoint": checkpoint})
        return Run(self.folder, plan=plan, broker=self.broker, earlier=self.reporter)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_every_window_is_tried_learnt_validated_and_kept(run: Run) -> None:
    run.send(25)
    outcome = run.run()
    first, _, last = run.reporter.epochs
    assert [epoch.epoch for epoch in run.reporter.epochs] == [1, 2, 3]
    assert first.window is not None
    assert (first.window.records, first.window.trained, first.window.validated) == (10, 8, 2)
    assert last.window is not None
    assert (last.window.records, last.window.trained, last.window.validated) == (5, 4, 1)
    assert [epoch.window.lag for epoch in run.reporter.epochs if epoch.window] == [15, 5, 0]
    assert set(first.before) == set(first.validation) == {"accuracy"}
    assert last.training["loss"] == pytest.approx(1 / 3)
    # Each window is saved before the next is learnt.
    assert run.reporter.order[:10] == ["running", *["window", "epoch", "checkpoint"] * 3]
    assert [(checkpoint.step, checkpoint.records) for checkpoint in run.reporter.checkpoints] == [
        (1, 10),
        (2, 20),
        (3, 25),
    ]
    assert run.reporter.checkpoints[-1].positions == {"live": {"0": 25}}
    assert outcome.samples == {"training": 20, "validation": 5, "test": 5}
    assert set(outcome.test_metrics) == {"accuracy"}
    assert run.reporter.positions == {"live": {"0": 25}}
    assert run.reporter.order[-3:] == ["upload", "upload", "finished"]


def test_a_user_sees_classes_and_the_matrix_of_what_was_held_out(run: Run) -> None:
    run.send(40)
    outcome = run.run()
    assert outcome.confusion_matrix is not None
    assert sum(map(sum, outcome.confusion_matrix)) == 8
    assert outcome.labels == ["0", "1"]
    assert "model.onnx" in outcome.artifacts
    run.set(confusion_matrix=False)
    assert run.run().confusion_matrix is None


def test_which_samples_validate_and_their_order_come_from_the_seed_and_the_step(run: Run, tmp_path: Path) -> None:
    run.send(30)
    run.run()
    again = Run(tmp_path, broker=run.broker)
    again.run()
    assert again.model.seen == run.model.seen
    assert again.model.weights == run.model.weights
    other = Run(tmp_path, broker=run.broker)
    other.set(seed=12)
    other.run()
    assert other.model.seen != run.model.seen
    unmixed = Run(tmp_path, broker=run.broker)
    unmixed.set(fit_arguments={"shuffle": False})
    unmixed.run()
    assert unmixed.model.seen == [sorted(window) for window in run.model.seen]
    assert run.model.seen[0] != sorted(run.model.seen[0])


def test_batches_are_mixed_inside_only_when_asked_for(run: Run) -> None:
    run.send(10)
    run.set(fit_arguments={"shuffle": "batch"}, validation_rate=0.0)
    run.run()
    (seen,) = run.model.seen
    assert [sorted(seen[at : at + 4]) for at in (0, 4, 8)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert seen != sorted(seen)


def test_epochs_are_passes_over_each_window_mixed_again(run: Run) -> None:
    run.send(10)
    run.set(fit_arguments={"epochs": 3})
    run.run()
    assert len(run.model.seen) == 3
    assert len({tuple(batch) for batch in run.model.seen}) == 3
    assert len({tuple(sorted(batch)) for batch in run.model.seen}) == 1
    assert len(run.reporter.epochs) == 1


@pytest.mark.parametrize(("rate", "count", "expected"), [(0.29, 100, 29), (0.2, 4, 0), (0.5, 5, 2), (0.0, 10, 0)])
def test_exactly_the_share_validates_rounded_down(run: Run, rate: float, count: int, expected: int) -> None:
    run.send(count)
    run.set(validation_rate=rate, window_records=1000)
    assert run.run().samples["validation"] == expected


def test_of_a_large_window_some_samples_are_tried_before_they_are_learnt(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_samples, "_MAX_TRIED", 5)
    sizes, evaluate = list[int](), run.model._evaluate

    def counting(params: Any, arrays: Any, *others: Any) -> dict[str, Any]:
        sizes.append(len(arrays["features"]))
        return evaluate(params, arrays, *others)

    run.model._evaluate = counting  # type: ignore[method-assign]
    run.send(14)
    run.run()
    # The calls evaluate, per window, all its samples before learning and then its validation samples; at the end, the
    # held-out ones.
    assert sizes == [5, 2, 4, 2]


def test_without_validation_there_are_no_test_metrics_and_it_is_said(run: Run) -> None:
    run.send(10)
    run.set(validation_rate=0.0)
    outcome = run.run()
    assert outcome.test_metrics == {}
    assert outcome.confusion_matrix is None
    assert any("no sample was held out" in warning for warning in outcome.warnings)


class _KilledError(BaseException):
    """Raised where a SIGKILL would end the runner."""


class _AtRandom(InMemoryReader):
    """Hands out records one by one, from any partition."""

    def __init__(self, broker: InMemoryBroker, seed: int) -> None:
        super().__init__(broker)
        self._random = np.random.default_rng(seed)

    def follow(
        self, starts: Mapping[PartitionKey, int], *, batch_records: int = 1, wait_seconds: float = 1.0
    ) -> Iterator[RecordBatch]:
        positions = self._positions = dict(starts)
        while True:
            left = [key for key, at in positions.items() if at < self._broker.partition(*key).end]
            key = left[self._random.integers(len(left))] if left else None
            batch: list[Record] = []
            if key is not None:
                batch, positions[key] = self._broker.fetch(key, positions[key], 1)
            yield ListBatch(batch)


class TestGoingOn:
    @pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
    def test_from_any_window_the_end_is_the_same(self, run: Run, step: int) -> None:
        run.send(57)
        run.set(monitoring_metric="accuracy", change=Direction.UP, improvement=0.01, window_records=10)
        whole = run.run()
        resumed = run.going_on(step)
        outcome = resumed.run()
        assert resumed.model.weights == run.model.weights
        assert resumed.model.seen == run.model.seen[step:]
        volatile = {"seconds"}
        assert outcome.model_dump(exclude=volatile) == whole.model_dump(exclude=volatile)
        assert [epoch.epoch for epoch in resumed.reporter.epochs] == list(range(step + 1, 7))
        assert [epoch.validation for epoch in resumed.reporter.epochs] == [
            epoch.validation for epoch in run.reporter.epochs[step:]
        ]

    def test_nothing_more_to_learn_is_an_end_as_well(self, run: Run) -> None:
        run.send(20)
        whole = run.run()
        resumed = run.going_on(2)
        outcome = resumed.run()
        assert outcome.test_metrics == whole.test_metrics
        assert outcome.artifacts == whole.artifacts
        assert not resumed.reporter.epochs

    def test_a_killed_model_process_is_replaced_and_learns_the_window_again(self, run: Run, tmp_path: Path) -> None:
        run.send(50)
        died = ModelProcessDied("killed", reason="killed")
        calls = []

        def kill_in_third_window(method: str) -> None:
            calls.append(method)
            if method == "partial_fit" and calls.count(method) == 3:
                raise died

        run.model.on_call = kill_in_third_window
        run.run()
        undisturbed = Run(tmp_path, broker=run.broker)
        undisturbed.run()
        assert run.models[-1].weights == undisturbed.model.weights
        assert [epoch.epoch for epoch in run.reporter.epochs] == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize("method", ["partial_fit", "save_state", "export_onnx"])
    def test_windows_of_many_partitions_are_cut_alike_whatever_arrives_first(self, run: Run, method: str) -> None:
        run.broker.create_topic("live", partitions=3)
        random = np.random.default_rng(4)
        for number in range(60):
            sample = np.array([number, 100 * (number % 2)], np.float32).tobytes()
            record = OutgoingRecord("live", sample, bytes([number % 2]), timestamp_ms=1_000_000 + number)
            run.broker.append(record._replace(partition=int(random.integers(3))))
        run.set(monitoring_metric="accuracy", change=Direction.UP, improvement=0.0, window_records=10)
        ends: list[WindowEnd] = []
        for attempt in range(7):
            if attempt:
                kept = run.reporter.checkpoints[-1] if run.reporter.checkpoints else None
                begun = run.reporter.windows[-1]
                run.plan = run.plan.model_copy(update={"checkpoint": kept, "begun": begun})
                run.earlier, run.models, run.model = run.reporter, [], LearningModel()
            run.broker.reader = lambda seed=attempt: _AtRandom(run.broker, seed)  # type: ignore[misc, method-assign]
            calls: list[str] = []

            def killed(called: str, calls: list[str] = calls, attempt: int = attempt) -> None:
                calls.append(called)
                if attempt < 6 and called == method and calls.count(called) == (2 if attempt else 1):
                    raise _KilledError

            run.model.on_call = killed
            with suppress(_KilledError):
                run.run()
            ends += run.reporter.windows[len(ends) :]
        assert run.reporter.outcome is not None
        shown = {end.step: end.positions for end in ends}
        assert list(shown) == list(range(1, 7))
        assert all(shown[end.step] == end.positions for end in ends)
        assert len(ends) > 6
        # A training that read the same windows without interruption.
        undisturbed = Run(run.folder, plan=run.plan.model_copy(update={"checkpoint": None, "begun": None}))
        undisturbed.broker.create_topic("live")
        starts = dict.fromkeys(range(3), 0)
        for positions in shown.values():
            records = []
            for partition, start in starts.items():
                starts[partition] = positions["live"][str(partition)]
                records += run.broker.partition("live", partition).committed(start, starts[partition])
            for record in sorted(records, key=lambda reading: reading.timestamp_ms):
                undisturbed.broker.append(
                    OutgoingRecord("live", record.value, record.key, timestamp_ms=record.timestamp_ms, partition=0)
                )
        whole = undisturbed.run()
        assert run.model.weights == undisturbed.model.weights
        assert run.reporter.outcome.slice_sha256 == whole.slice_sha256
        assert run.reporter.outcome.test_metrics == whole.test_metrics

    def test_a_full_disk_ends_the_attempt_with_a_hint_and_another_goes_on_with_the_last_whole_file(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run.send(30)
        undisturbed = Run(run.folder, broker=run.broker)
        undisturbed.run()
        write = zipfile.ZipFile.writestr

        def full_at_second(archive: zipfile.ZipFile, *arguments: Any) -> None:
            if len(run.reporter.checkpoints) == 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write(archive, *arguments)

        with monkeypatch.context() as full:
            full.setattr(zipfile.ZipFile, "writestr", full_at_second)
            with pytest.raises(DiskFull, match="is full: No space left on device") as caught:
                run.run()
        assert "free some disk" in caught.value.hint
        assert [path.name for path in run.folder.rglob("*checkpoint*") if path.suffix != ".zip"] == []
        resumed = run.going_on(1)
        resumed.run()
        assert resumed.model.weights == undisturbed.model.weights

    def test_one_that_is_killed_again_without_a_step_ends_the_attempt(self, run: Run) -> None:
        run.send(50)
        run.model.raises["partial_fit"] = ModelProcessDied("killed", reason="killed")
        with pytest.raises(ModelProcessDied):
            run.run()
        assert len(run.models) == 1


class TestVersions:
    @pytest.mark.parametrize(
        ("change", "scores", "promoted"),
        [
            (Direction.UP, [0.5, 0.549, 0.6, 0.6], {1: None, 3: 1}),
            (Direction.UP, [0.5, 0.549], {1: None}),
            (Direction.UP, [0.5, 0.551, 0.551], {1: None, 2: 1}),
            (Direction.UP, [0.5, 0.55, 0.6], {1: None, 2: 1, 3: 2}),
            (Direction.DOWN, [0.5, 0.451], {1: None}),
            (Direction.DOWN, [0.5, 0.449, 0.449], {1: None, 2: 1}),
            (Direction.DOWN, [0.5, 0.6, 0.45], {1: None, 3: 1}),
        ],
    )
    def test_a_version_is_made_when_the_metric_is_better_by_the_improvement(
        self, run: Run, change: Direction, scores: list[float], promoted: dict[int, int | None]
    ) -> None:
        run.send(10 * len(scores))
        run.model.scores = lambda passes: scores[max(0, passes - 1)]
        run.set(monitoring_metric="score", change=change, improvement=0.05, indefinite=False)
        run.run()
        made = {step: comparison for step, (_, comparison) in run.reporter.versions.items()}
        assert {step: comparison.champion for step, comparison in made.items() if comparison} == promoted
        last = run.reporter.comparison
        assert last is not None
        assert last.challenger_value == scores[-1]

    def test_a_version_is_whole_and_comes_before_its_window_is_kept(self, run: Run) -> None:
        run.send(20)
        run.set(monitoring_metric="accuracy", change=Direction.UP)
        run.run()
        (outcome, comparison) = run.reporter.versions[1]
        assert comparison is not None
        assert (comparison.champion, comparison.samples) == (None, 2)
        assert comparison.challenger_value == outcome.test_metrics["accuracy"]
        assert outcome.samples == {"training": 8, "validation": 2, "test": 2}
        assert {"model.mean", "model.onnx"} <= set(outcome.artifacts)
        order = run.reporter.order
        assert order.index("window") < order.index("version") < order.index("epoch") < order.index("checkpoint")

    def test_both_are_measured_on_the_same_held_out_samples(self, run: Run) -> None:
        run.send(30)
        run.set(monitoring_metric="accuracy", change=Direction.UP)
        run.run()
        asked = [(method, params.get("champion")) for method, params in run.model.calls if method == "evaluate"]
        # Each window is evaluated before learning, then for its validation and the challenger; from the second on also
        # for the champion.
        assert [champion for _, champion in asked][:7] == [False, False, False, False, False, False, False]
        assert sum(bool(champion) for _, champion in asked) == 2

    def test_a_metric_that_the_model_does_not_have_is_refused_before_anything_is_learnt(self, run: Run) -> None:
        run.send(10)
        run.set(monitoring_metric="auc", change=Direction.UP, indefinite=True)
        with pytest.raises(SettingsError, match="no metric 'auc': it has accuracy"):
            run.run()
        assert not run.model.seen
        # The metric is refused even earlier when the model's report lists its metrics.
        run.models.clear()
        run.model.report["metrics"] = ["accuracy", "loss"]
        run.model.calls.clear()
        with pytest.raises(SettingsError, match="no metric 'auc': it has accuracy, loss"):
            run.run()
        assert [method for method, _ in run.model.calls] == ["build"]

    def test_no_share_that_validates_is_refused_where_a_metric_decides(self, run: Run) -> None:
        run.set(monitoring_metric="accuracy", change=Direction.UP, validation_rate=0.0, indefinite=True)
        with pytest.raises(SettingsError, match="validation rate is 0"):
            run.run()

    @pytest.mark.parametrize("method", ["export_onnx", "check_answers"])
    def test_a_step_that_ends_the_model_process_costs_what_it_gives_and_no_window(
        self, run: Run, tmp_path: Path, method: str
    ) -> None:
        run.send(40)
        run.set(monitoring_metric="accuracy", change=Direction.UP, improvement=0.01, confusion_matrix=False)
        undisturbed = Run(tmp_path, broker=run.broker, plan=run.plan)
        undisturbed.run()
        run.model.raises[method] = ModelProcessDied("segmentation fault", reason="crashed")
        outcome = run.run()
        # The first process dies in the first window, and the other one learns the rest.
        assert [len(model.seen) for model in run.models] == [1, 3]
        assert run.models[-1].weights == undisturbed.model.weights
        assert [epoch.epoch for epoch in run.reporter.epochs] == [1, 2, 3, 4]
        assert list(run.reporter.versions) == list(undisturbed.reporter.versions)
        version, _ = run.reporter.versions[1]
        assert list(version.artifacts) == ["model.mean"]
        assert any("segmentation fault" in warning for warning in version.warnings)
        # A failed conversion is not tried again, not even by a resumed attempt, but the other step is.
        assert ("model.onnx" in outcome.artifacts) == (method != "export_onnx")
        assert ("model.onnx" in run.going_on(2).run().artifacts) == (method != "export_onnx")

    def test_a_version_whose_process_is_killed_from_outside_is_made_again_whole(self, run: Run) -> None:
        run.send(20)
        run.set(monitoring_metric="score", change=Direction.UP, confusion_matrix=False)
        calls = []

        def kill_in_second_window(called: str) -> None:
            calls.append(called)
            if called == "save_state" and calls.count(called) == 2:
                run.models[0].raises["save"] = ModelProcessDied("killed", reason="killed")

        run.model.on_call = kill_in_second_window
        run.model.scores = lambda passes: passes / 10
        run.run()
        assert len(run.models) == 2
        assert [sorted(outcome.artifacts) for outcome, _ in run.reporter.versions.values()] == [
            ["model.mean", "model.onnx"]
        ] * 2


class TestStopping:
    def stop_at(self, run: Run, method: str, count: int) -> None:
        """Request a stop when ``method`` is called for the ``count``-th time."""
        calls: list[str] = []

        def on_call(called: str) -> None:
            calls.append(called)
            if called == method and calls.count(method) == count:
                os.kill(os.getpid(), signal.SIGTERM)

        run.model.on_call = on_call

    def test_a_stop_keeps_everything_and_ends_well(self, run: Run) -> None:
        run.send(50)
        run.set(indefinite=True)
        self.stop_at(run, "partial_fit", 3)
        outcome = run.run()
        # The pass over the window was completed.
        assert [checkpoint.step for checkpoint in run.reporter.checkpoints] == [1, 2, 3]
        assert outcome.samples["training"] == 24
        assert run.reporter.positions == {"live": {"0": 30}}

    def test_a_window_that_was_not_begun_is_left_alone(self, run: Run) -> None:
        run.send(50)
        run.set(indefinite=True)
        # The model is evaluated twice in each window: before it learns the window and after.
        self.stop_at(run, "evaluate", 5)
        assert run.run().samples["training"] == 16
        assert run.reporter.positions == {"live": {"0": 20}}

    def test_passes_that_did_not_begin_are_left_out(self, run: Run) -> None:
        run.send(50)
        run.set(indefinite=True, fit_arguments={"epochs": 100})
        self.stop_at(run, "partial_fit", 3)
        run.run()
        assert run.model.passes == 3
        assert len(run.reporter.epochs) == 1

    def test_a_stop_while_nothing_comes_ends_an_indefinite_training(self, run: Run) -> None:
        run.send(10)
        run.set(indefinite=True)
        run.reporter.checkpoint = self.stopping_after(run.reporter.checkpoint)  # type: ignore[method-assign]
        assert run.run().samples["training"] == 8

    def stopping_after(self, report: Callable[..., Any]) -> Callable[..., Any]:
        def reported(*arguments: Any, **more: Any) -> Any:
            shown = report(*arguments, **more)
            os.kill(os.getpid(), signal.SIGTERM)
            return shown

        return reported

    def test_a_machine_that_goes_away_ends_the_attempt_and_not_the_training(self, run: Run) -> None:
        run.send(50)
        run.set(indefinite=True)
        run.stop_asked = False
        self.stop_at(run, "partial_fit", 3)
        with pytest.raises(Interrupted):
            run.run()
        assert [checkpoint.step for checkpoint in run.reporter.checkpoints] == [1, 2, 3]
        assert "finished" not in run.reporter.order

    def test_a_stop_that_came_when_the_model_process_died_is_not_forgotten(self, run: Run) -> None:
        run.send(20)
        run.set(indefinite=True)
        calls: list[str] = []

        def stopped_and_killed(called: str) -> None:
            calls.append(called)
            if called == "partial_fit" and calls.count(called) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
                raise ModelProcessDied("killed", reason="killed")

        run.model.on_call = stopped_and_killed
        assert run.run().samples["training"] == 8
        assert len(run.models) == 2

    def test_before_the_first_window_there_is_nothing_to_keep(self, run: Run) -> None:
        run.send(10)
        self.stop_at(run, "evaluate", 1)
        with pytest.raises(Interrupted):
            run.run()
        assert "finished" not in run.reporter.order


class TestStream:
    def test_nothing_at_all_is_a_failure_that_says_so(self, run: Run) -> None:
        with pytest.raises(StreamUnavailable, match="nothing came: live got no records") as caught:
            run.run()
        assert "start the deployment, then send" in caught.value.hint

    def test_records_of_which_none_is_a_sample_are_a_failure_that_says_why(self, run: Run) -> None:
        for _ in range(3):
            run.broker.append(OutgoingRecord("live", b"odd", b"\0"))
        with pytest.raises(DecodeError, match="3 of 3 records do not fit the announced format"):
            run.run()

    def test_what_is_left_out_is_counted_over_all_windows(self, run: Run) -> None:
        run.send(10)
        run.broker.append(OutgoingRecord("live", b"odd", b"\0", timestamp_ms=2_000_000))
        run.send(15, start=20)
        outcome = run.run()
        assert [epoch.window.left_out for epoch in run.reporter.epochs if epoch.window] == [0, 1, 0]
        assert any("1 of 26 records could not be decoded" in warning for warning in outcome.warnings)

    def test_labels_are_the_numbers_that_they_are_whatever_the_first_window_lacks(self, run: Run) -> None:
        run.send(10, label=1)
        run.send(20, start=10)
        outcome = run.run()
        assert outcome.labels == ["0", "1"]
        assert outcome.samples["training"] == 24

    def test_first_labels_that_are_not_classes_are_refused(self, run: Run) -> None:
        run.send(10, label=2)
        with pytest.raises(DataMismatch, match="takes whole numbers from 0 to 1"):
            run.run()

    def test_a_later_label_that_is_not_a_class_is_left_out_and_many_are_a_failure(self, run: Run) -> None:
        run.send(20)
        run.send(1, start=20, label=2)
        outcome = run.run()
        assert outcome.samples == {"training": 16, "validation": 4, "test": 4}
        shown = "live[0]@20: the label is 2: expected whole numbers from 0 to 1"
        assert any(shown in warning for warning in outcome.warnings)
        run.send(1001, start=30, label=2)
        with pytest.raises(DecodeError, match="the label is 2"):
            run.run()

    def test_without_labels_the_features_are_learnt(self, run: Run) -> None:
        run.model = LearningModel()
        run.model.loss = {"kind": "numbers", "ignored": None, "outputs": []}
        flags = []

        def fit(params: Any, arrays: Any, *_: Any) -> dict[str, Any]:
            flags.append(params["targets_are_features"])
            assert np.array_equal(arrays["train_features"], arrays["train_labels"])
            return {"metrics": {"loss": 1.0}, "warnings": []}

        run.model._partial_fit = fit  # type: ignore[method-assign]
        run.model._evaluate = lambda *_: {"metrics": {"loss": 0.5}}  # type: ignore[method-assign]
        run.send(10)
        run.set(targets=Targets.FEATURES)
        outcome = run.run()
        assert flags == [True]
        assert outcome.test_metrics == {"loss": 0.5}
        assert any("the features are the targets" in warning for warning in outcome.warnings)

    def test_arguments_that_say_nothing_of_windows_are_named(self, run: Run) -> None:
        run.send(10)
        run.set(fit_arguments={"epochs": 1, "steps_per_epoch": 3, "verbose": 0})
        assert any("steps_per_epoch of the fit arguments have no effect" in warning for warning in run.run().warnings)


class _NoReporter(RecordingReporter):
    """A store that keeps nothing."""

    def epoch(self, metrics: EpochMetrics) -> None:
        self.progresses = []

    def checkpoint(self, path: Path, **about: Any) -> Checkpoint:
        saved = super().checkpoint(path, **about)
        self.order, self.artifacts, self.checkpoints, self.windows = [], {}, [], []
        return saved


class _Endless(InMemoryReader):
    """A stream of ``count`` records that are generated on demand."""

    count = 1500

    def follow(
        self, starts: Mapping[PartitionKey, int], *, batch_records: int = 1, wait_seconds: float = 1.0
    ) -> Iterator[RecordBatch]:
        for offset in range(self.count):
            sample = np.array([offset, 100 * (offset % 2)], np.float32).tobytes()
            # Some records are not samples, for different reasons.
            value = b"odd" * (offset % 7) if offset % 500 == 0 else sample
            yield ListBatch([Record("live", 0, offset, bytes([offset % 2]), value, (), offset)])
        while True:
            yield ListBatch()


def test_a_thousand_windows_need_the_memory_of_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.reporter = _NoReporter()
    run.send(1)
    run.broker.reader = lambda: _Endless(run.broker)  # type: ignore[method-assign]
    run.set(window_records=1, validation_rate=0.0)
    run.model.seen = deque(maxlen=1)  # type: ignore[assignment]
    run.model.calls = deque(maxlen=1)  # type: ignore[assignment]
    sizes: list[int] = []

    def on_call(method: str) -> None:
        if method == "save_state" and run.model.passes in (400, 1400):
            gc.collect()
            sizes.append(sys.getallocatedblocks())

    run.model.on_call = on_call
    monkeypatch.setattr("model_training.modes.incremental.logger.info", lambda *_, **__: None)
    run.run()
    # A single number kept per window would take a thousand blocks of memory.
    assert len(sizes) == 2
    assert sizes[1] - sizes[0] < 400, sizes
