from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.confusion_samples import CONFUSION_SAMPLES, ConfusionSamples
from kafkaml.control import ControlMessage, InputFormat
from kafkaml.errors import ApiError, BrokenError, DeadlineExceeded, ModelProcessDied, StreamUnavailable, UserCodeError
from kafkaml.jobs import Framework, ResourceLimits, TrainingMode, TrainingPlan
from kafkaml.results import EpochMetrics
from kafkaml.stream_range import StreamRange
from kafkaml.testing import RecordingReporter
from mlcode_executor.shared_array import SharedArray
from model_training.model_session import Samples
from model_training.runner import NothingServable, TrainingRunner
from model_training.shapes import DataMismatch
from model_training.training_data import TrainingData
from tests.model_training.mean_model import MeanModel

PLAN = TrainingPlan(
    result_id=7,
    deployment_id=3,
    model_name="mean",
    framework=Framework.TENSORFLOW,
    mode=TrainingMode.CLASSIC,
    code="model = 1",
    imports="",
    batch_size=4,
    fit_arguments={"epochs": 2},
    evaluation_arguments={},
    stream=ControlMessage(ranges=(StreamRange("digits", 0, 0, 10),), input_format=InputFormat.RAW),
    seed=11,
    confusion_matrix=True,
)


def shared(array: np.ndarray[Any, Any]) -> SharedArray:
    memory = SharedArray.allocate(array.shape, array.dtype, writable=False)
    memory.array[...] = array
    return memory


def part(count: int, seed: int) -> Samples:
    """Two classes of (2, 2) samples around 0 and around 10, alternating."""
    labels = np.arange(count, dtype=np.uint8) % 2
    features = np.random.default_rng(seed).normal(0, 1, (count, 2, 2)) + 10 * labels[:, None, None]
    return Samples(shared(features.astype(np.float32)), shared(labels))


def data(training: int = 20, validation: int = 4, test: int = 6) -> TrainingData:
    return TrainingData(
        training=part(training, 1),
        validation=part(validation, 2),
        test=part(test, 3),
        slice_sha256="slice",
        split="seeded",
    )


class Run:
    """A runner with its parts at hand."""

    def __init__(self, folder: Path, *, plan: TrainingPlan = PLAN, model: MeanModel | None = None) -> None:
        self.model = model or MeanModel(input_shape=[None, 2, 2])
        self.reporter = RecordingReporter()
        self.data: Callable[[], TrainingData] = data
        self.runner = TrainingRunner(
            plan=plan,
            reporter=self.reporter,
            open_data=self._open,
            start_process=lambda: self.model,
            scratch=folder,
        )

    def _open(self, on_progress: Callable[[int, int], None]) -> TrainingData:
        on_progress(30, 30)
        return self.data()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_run_reports_everything_in_order(run: Run) -> None:
    outcome = run.runner.run()
    assert run.reporter.order == ["running", "epoch", "epoch", "upload", "upload", "upload", "finished"]
    assert run.reporter.epochs[1] == EpochMetrics(
        epoch=2, seconds=0.1, training={"loss": 0.5}, validation={"loss": 2.0}
    )
    assert [each.epoch for each in run.reporter.progresses] == [0, 1, 2]
    assert outcome == run.reporter.outcome
    assert outcome.samples == {"training": 20, "validation": 4, "test": 6}
    assert outcome.test_metrics == {"accuracy": 1.0}
    assert outcome.confusion_matrix == [[3, 0], [0, 3]]
    assert outcome.labels == ("0", "1")
    assert outcome.versions == {"mean": "1.0"}
    assert outcome.onnx_max_difference == 1e-7
    assert (outcome.seed, outcome.split, outcome.slice_sha256) == (11, "seeded", "slice")
    assert outcome.code_sha256 == hashlib.sha256(b"\0model = 1").hexdigest()
    assert set(outcome.artifacts) == {"model.mean", "model.onnx", "confusion_samples.npz"}
    assert outcome.artifacts["model.mean"] == hashlib.sha256(run.reporter.artifacts["model.mean"]).hexdigest()


def test_the_seed_reaches_the_model_process(run: Run) -> None:
    run.runner.run()
    seeds = {method: params.get("seed") for method, params in run.model.calls if method in ("build", "fit")}
    assert seeds == {"build": 11, "fit": 11}


def test_artifacts_are_uploaded_after_the_model_process_is_gone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    upload = run.reporter.upload
    monkeypatch.setattr(
        run.reporter, "upload", lambda name, path: (closed.append(run.model.closed), upload(name, path))[1]
    )
    run.runner.run()
    assert closed == [True, True, True]


def test_without_test_samples_there_are_no_test_metrics_and_it_is_said(run: Run) -> None:
    run.data = lambda: data(validation=0, test=0)
    outcome = run.runner.run()
    assert outcome.test_metrics == {}
    assert any("no test metrics" in each for each in outcome.warnings)
    assert run.reporter.epochs[0].validation == {}


def test_samples_of_each_cell_are_kept_as_they_were_decoded(tmp_path: Path) -> None:
    # The model takes another axis, which the kept samples do not have.
    run = Run(tmp_path, model=MeanModel(input_shape=[None, 2, 2, 1]))
    run.runner.run()
    path = tmp_path / "kept.npz"
    path.write_bytes(run.reporter.artifacts[CONFUSION_SAMPLES])
    kept = ConfusionSamples.read(path)
    assert kept.features.shape == (6, 2, 2)
    assert kept.cell(0, 0).features.max() < 5 < kept.cell(1, 1).features.min()
    assert len(kept.cell(0, 1).features) == 0
    assert kept.cell(1, 1).probability.tolist() == [0.75] * 3


def test_no_confusion_matrix_unless_asked(tmp_path: Path) -> None:
    run = Run(tmp_path, plan=replace(PLAN, confusion_matrix=False))
    outcome = run.runner.run()
    assert outcome.confusion_matrix is None
    assert set(outcome.artifacts) == {"model.mean", "model.onnx"}
    assert "predict_classes" not in [method for method, _ in run.model.calls]


def test_a_missing_last_axis_of_one_is_added(tmp_path: Path) -> None:
    run = Run(tmp_path, model=MeanModel(input_shape=[None, 2, 2, 1]))
    assert run.runner.run().test_metrics == {"accuracy": 1.0}
    assert run.reporter.artifacts["model.onnx"] == b"onnx of (20, 2, 2, 1)"


def test_another_shape_ends_the_run_before_training(tmp_path: Path) -> None:
    run = Run(tmp_path, model=MeanModel(input_shape=[None, 28, 28]))
    with pytest.raises(DataMismatch, match=r"\(2, 2\).*expects \(28, 28\)"):
        run.runner.run()
    assert run.reporter.order == ["running"]
    assert run.model.closed


def test_a_doubt_about_the_labels_explains_why_training_failed(tmp_path: Path) -> None:
    run = Run(tmp_path, model=MeanModel(input_shape=[None, 2, 2], outputs=1))
    run.data = lambda: replace(data(), training=Samples(part(4, 1).features, shared(np.eye(4, 3))))
    run.model.raises["fit"] = UserCodeError("InvalidArgumentError: incompatible shapes [4,3] vs [4,1]", line=3)
    with pytest.raises(DataMismatch, match=r"labels have the shape \(3,\).*has \(1,\)") as caught:
        run.runner.run()
    assert "incompatible shapes" in caught.value.hint


def test_a_doubt_is_a_warning_where_training_works(tmp_path: Path) -> None:
    run = Run(tmp_path, model=MeanModel(input_shape=[None, 2, 2]))
    run.model.report["outputs"] = [{"name": "y", "shape": [None, 1, 7], "dtype": "float32"}]
    assert any("trained all the same" in each for each in run.runner.run().warnings)


def test_a_stream_without_samples_is_a_matter_of_data(run: Run) -> None:
    run.data = lambda: data(0, 0, 0)
    with pytest.raises(DataMismatch, match="no samples are left to train on: the stream holds 0"):
        run.runner.run()


def test_a_model_that_does_not_build_does_not_wait_for_the_stream(run: Run) -> None:
    run.model.raises["build"] = UserCodeError("NameError", line=1)
    with pytest.raises(UserCodeError):
        run.runner.run()


def test_an_unreadable_stream_ends_the_run(run: Run) -> None:
    def gone() -> TrainingData:
        raise StreamUnavailable("deleted by retention")

    run.data = gone
    with pytest.raises(StreamUnavailable):
        run.runner.run()
    assert run.model.closed


@pytest.mark.parametrize(
    "error",
    [UserCodeError("cannot convert"), ModelProcessDied("crashed", reason="crashed"), DeadlineExceeded("too long")],
)
def test_a_model_that_does_not_convert_is_kept_all_the_same(run: Run, error: Exception) -> None:
    run.model.raises["export_onnx"] = error
    outcome = run.runner.run()
    assert set(outcome.artifacts) == {"model.mean", CONFUSION_SAMPLES}
    assert outcome.onnx_max_difference is None
    assert any("not converted to ONNX" in each for each in outcome.warnings)


def test_a_newer_attempt_ends_the_run_in_the_middle(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def superseded(_metrics: EpochMetrics) -> None:
        raise ApiError("newer attempt", status=409)

    monkeypatch.setattr(run.reporter, "epoch", superseded)
    with pytest.raises(ApiError):
        run.runner.run()
    assert run.model.closed
    assert run.reporter.outcome is None


def test_what_would_surprise_in_serving_comes_before_other_warnings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.data = lambda: data(test=0)
    monkeypatch.setattr(
        run.model, "_check_answers", lambda _params, arrays, *_: {"warnings": [str(arrays["features"].shape)]}
    )
    assert run.runner.run().warnings[0] == "(20, 2, 2)"


def test_an_answer_that_cannot_be_checked_is_a_warning(run: Run) -> None:
    run.model.raises["check_answers"] = UserCodeError("RuntimeError: no")
    outcome = run.runner.run()
    assert "RuntimeError: no" in outcome.warnings[0]
    assert outcome.test_metrics == {"accuracy": 1.0}


def test_the_preparation_of_features_is_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = run.model._fit
    given: list[object] = [{"scaled": True, "summary": "divided by 255"}]
    monkeypatch.setattr(run.model, "_fit", lambda *arguments: {**fit(*arguments), "preparation": given[0]})
    assert run.runner.run().preparation == given[0]
    for nonsense in ("divided", {"summary": "x" * 5000}):
        given[0] = nonsense
        with pytest.raises(BrokenError, match="reported the preparation"):
            run.runner.run()


def test_the_wall_limit_bounds_all_steps_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path, plan=replace(PLAN, limits=ResourceLimits(wall_seconds=60)))
    now = [1000.0]
    monkeypatch.setattr("model_training.model_session.time.monotonic", lambda: now[0])
    run.model.on_epoch = lambda _epoch: now.__setitem__(0, now[0] + 40)
    with pytest.raises(NothingServable, match="limit of 60 s") as caught:
        run.runner.run()
    assert isinstance(caught.value.reason, DeadlineExceeded)


@pytest.mark.parametrize(
    "epoch",
    [{"epoch": -1}, {"epoch": "one"}, {"epoch": 1, "training": {"loss": "low"}}, {"epoch": 1, "training": [1]}],
)
def test_nonsense_from_the_model_process_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, epoch: dict[str, Any]
) -> None:
    monkeypatch.setattr(run.model, "_fit", lambda _params, _arrays, _files, on_event: on_event("epoch", epoch) or {})
    with pytest.raises(Exception, match="the model process reported"):
        run.runner.run()
