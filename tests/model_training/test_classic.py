from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.confusion_samples import CONFUSION_SAMPLES, ConfusionSamples
from kafkaml.control import ControlMessage
from kafkaml.errors import ApiError, BrokenError, DeadlineExceeded, ModelProcessDied, StreamUnavailable, UserCodeError
from kafkaml.input_format import InputFormat
from kafkaml.shapes import DataMismatch
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker, RecordingReporter
from kafkaml.wire.best_epoch import BestEpoch
from kafkaml.wire.checkpoint import Checkpoint
from kafkaml.wire.choices import Targets, TrainingMode
from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.shared_array import SharedArray
from model_training.context import RunContext
from model_training.model_session import Samples
from model_training.modes import classic
from model_training.part import NothingServable
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
    stream=ControlMessage(
        ranges=(StreamRange("digits", 0, 0, 10),), input_format=InputFormat.RAW, input_config={"data_type": "float32"}
    ),
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
        slice_sha256="5" * 64,
        split="seeded",
    )


class Run:
    """A classic run and its parts; ``checkpoint`` is the one that an earlier attempt left."""

    def __init__(self, folder: Path, *, plan: TrainingPlan = PLAN, model: MeanModel | None = None) -> None:
        self.model = model or MeanModel(input_shape=[None, 2, 2])
        self.reporter = RecordingReporter()
        self.data: Callable[[], TrainingData] = data
        self.plan = plan
        self.folder = folder
        self.checkpoint_seconds = 10.0
        self.checkpoint = b""

    def run(self) -> TrainingOutcome:
        context = RunContext(
            plan=self.plan,
            reporters={self.plan.model_name: self.reporter},
            read_slice=self._open,
            open_reader=InMemoryBroker().reader,
            start_process=lambda _plan: self.model,
            scratch=Path(tempfile.mkdtemp(dir=self.folder)),
            fetch_checkpoint=self._fetch,
            checkpoint_seconds=self.checkpoint_seconds,
        )
        (part,) = classic.run(context)
        assert (part.model, part.version) == (self.plan.model_name, None)
        return part.outcome

    def _fetch(self, checkpoint: Checkpoint) -> Path:
        path = self.folder / checkpoint.name
        path.write_bytes(self.checkpoint)
        return path

    def _open(self, on_progress: Callable[[int, int], None]) -> TrainingData:
        on_progress(30, 30)
        return self.data()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_run_reports_everything_in_order(run: Run) -> None:
    outcome = run.run()
    assert run.reporter.order == ["running", "epoch", "epoch", "upload", "upload", "upload", "finished"]
    assert run.reporter.epochs[1] == EpochMetrics(
        epoch=2,
        seconds=0.1,
        training={"loss": 0.5},
        validation={"loss": 2.0},
        learning_rate={"learning_rate": 0.1},
        best_epoch=2,
    )
    assert [progress.epoch for progress in run.reporter.progresses] == [0, 1, 2]
    assert outcome == run.reporter.outcome
    assert outcome.samples == {"training": 20, "validation": 4, "test": 6}
    assert outcome.test_metrics == {"accuracy": 1.0}
    assert outcome.confusion_matrix == [[3, 0], [0, 3]]
    assert outcome.labels == ["0", "1"]
    assert outcome.versions == {"mean": "1.0"}
    assert (outcome.input_shape, outcome.output_shapes) == ([2, 2], [[2]])
    assert outcome.onnx_max_difference == 1e-7
    assert (outcome.seed, outcome.split, outcome.slice_sha256) == (11, "seeded", "5" * 64)
    assert outcome.code_sha256 == hashlib.sha256(b"\0model = 1").hexdigest()
    assert set(outcome.artifacts) == {"model.mean", "model.onnx", "confusion_samples.npz"}
    assert outcome.artifacts["model.mean"] == hashlib.sha256(run.reporter.artifacts["model.mean"]).hexdigest()


def test_a_result_says_which_epoch_is_the_best_and_that_training_stopped_early(tmp_path: Path) -> None:
    run = Run(tmp_path, plan=PLAN.model_copy(update={"fit_arguments": {"epochs": 9, "early_stopping": 1}}))
    run.model.stops_after = 4
    best = run.run().best_epoch
    assert best == BestEpoch(epoch=3, epochs=9, trained=4, monitor="val_loss", value=0.5, restored=True)
    assert best.stopped_early
    # The remaining time is unknown until the first epoch has ended.
    shown = [progress for progress in run.reporter.progresses if progress.epoch]
    assert [progress.remaining_seconds is None for progress in shown] == [True, False, False, False]
    assert all(progress.may_end_sooner for progress in shown)


def test_the_seed_reaches_the_model_process(run: Run) -> None:
    run.run()
    assert [params["seed"] for method, params in run.model.calls if method == "build"] == [11]


def test_artifacts_are_uploaded_after_the_model_process_is_gone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    upload = run.reporter.upload
    monkeypatch.setattr(
        run.reporter, "upload", lambda name, path: (closed.append(run.model.closed), upload(name, path))[1]
    )
    run.run()
    assert closed == [True, True, True]


def test_without_test_samples_there_are_no_test_metrics_and_it_is_said(run: Run) -> None:
    run.data = lambda: data(validation=0, test=0)
    outcome = run.run()
    assert outcome.test_metrics == {}
    assert any("no test metrics" in warning for warning in outcome.warnings)
    assert run.reporter.epochs[0].validation == {}


def test_samples_of_each_cell_are_kept_as_they_were_decoded(tmp_path: Path) -> None:
    # The model takes an additional axis, which the stored samples do not have.
    run = Run(tmp_path, model=MeanModel(input_shape=[None, 2, 2, 1]))
    run.run()
    path = tmp_path / "kept.npz"
    path.write_bytes(run.reporter.artifacts[CONFUSION_SAMPLES])
    kept = ConfusionSamples.read(path)
    assert kept.features.shape == (6, 2, 2)
    assert kept.cell(0, 0).features.max() < 5 < kept.cell(1, 1).features.min()
    assert len(kept.cell(0, 1).features) == 0
    assert kept.cell(1, 1).probability.tolist() == [0.75] * 3


def test_no_confusion_matrix_unless_asked(tmp_path: Path) -> None:
    run = Run(tmp_path, plan=PLAN.model_copy(update={"confusion_matrix": False}))
    outcome = run.run()
    assert outcome.confusion_matrix is None
    assert set(outcome.artifacts) == {"model.mean", "model.onnx"}
    assert outcome.scores == {"accuracy": 1.0}


def test_the_score_and_the_matrix_ask_the_model_once(tmp_path: Path) -> None:
    run = Run(tmp_path)
    outcome = run.run()
    assert outcome.confusion_matrix is not None
    assert outcome.scores == {"accuracy": 1.0}
    assert outcome.baseline is not None
    assert outcome.baseline.scores["accuracy"] < 1
    assert [method for method, _ in run.model.calls].count("predict_classes") == 1


def test_a_regression_is_scored_by_its_errors(tmp_path: Path) -> None:
    # The answers are the number of the class plus one half.
    model = MeanModel(input_shape=[None, 2, 2], outputs=1)
    model.loss = {"kind": "numbers", "ignored": None, "outputs": model.report["outputs"]}

    def predict(_params: Any, arrays: Any, *_: Any) -> dict[str, Any]:
        arrays["out"][:, 0] = model._classes(arrays["features"]) + 0.5
        return {}

    model._predict_scores = predict  # type: ignore[attr-defined]
    outcome = Run(tmp_path, model=model).run()
    assert outcome.scores == {"mean_absolute_error": 0.5, "root_mean_squared_error": 0.5}
    assert outcome.baseline is not None
    assert outcome.baseline.kind == "median"
    assert outcome.evaluation is not None
    (found,) = outcome.evaluation.residuals
    assert {predicted - actual for actual, predicted in found.points} == {0.5}


def test_a_missing_last_axis_of_one_is_added(tmp_path: Path) -> None:
    run = Run(tmp_path, model=MeanModel(input_shape=[None, 2, 2, 1]))
    assert run.run().test_metrics == {"accuracy": 1.0}
    assert run.reporter.artifacts["model.onnx"] == b"onnx of (20, 2, 2, 1)"


def test_another_shape_ends_the_run_before_training(tmp_path: Path) -> None:
    run = Run(tmp_path, model=MeanModel(input_shape=[None, 28, 28]))
    with pytest.raises(DataMismatch, match=r"\(2, 2\).*expects \(28, 28\)"):
        run.run()
    assert run.reporter.order == ["running"]
    assert run.model.closed


def test_a_doubt_about_the_labels_explains_why_training_failed(tmp_path: Path) -> None:
    run = Run(tmp_path, model=MeanModel(input_shape=[None, 2, 2], outputs=1))
    run.data = lambda: replace(data(), training=Samples(part(4, 1).features, shared(np.eye(4, 3))))
    run.model.raises["fit"] = UserCodeError("InvalidArgumentError: incompatible shapes [4,3] vs [4,1]", line=3)
    with pytest.raises(DataMismatch, match=r"labels have the shape \(3,\).*has \(1,\)") as caught:
        run.run()
    assert "incompatible shapes" in caught.value.hint


def test_a_doubt_is_a_warning_where_training_works(tmp_path: Path) -> None:
    run = Run(tmp_path, model=MeanModel(input_shape=[None, 2, 2]))
    run.model.report["outputs"] = [{"name": "y", "shape": [None, 1, 7], "dtype": "float32"}]
    assert any("trained all the same" in warning for warning in run.run().warnings)


def test_a_stream_without_samples_is_a_matter_of_data(run: Run) -> None:
    run.data = lambda: data(0, 0, 0)
    with pytest.raises(DataMismatch, match="no samples are left to train on: the stream holds 0"):
        run.run()


def test_a_model_that_does_not_build_does_not_wait_for_the_stream(run: Run) -> None:
    run.model.raises["build"] = UserCodeError("NameError", line=1)
    with pytest.raises(UserCodeError):
        run.run()


def test_an_unreadable_stream_ends_the_run(run: Run) -> None:
    def gone() -> TrainingData:
        raise StreamUnavailable("deleted by retention")

    run.data = gone
    with pytest.raises(StreamUnavailable):
        run.run()
    assert run.model.closed


@pytest.mark.parametrize(
    "error",
    [UserCodeError("cannot convert"), ModelProcessDied("crashed", reason="crashed"), DeadlineExceeded("too long")],
)
def test_a_model_that_does_not_convert_is_kept_all_the_same(run: Run, error: Exception) -> None:
    run.model.raises["export_onnx"] = error
    outcome = run.run()
    assert set(outcome.artifacts) == {"model.mean", CONFUSION_SAMPLES}
    assert outcome.onnx_max_difference is None
    assert any("not converted to ONNX" in warning for warning in outcome.warnings)


def test_a_newer_attempt_ends_the_run_in_the_middle(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def superseded(_metrics: EpochMetrics) -> None:
        raise ApiError("newer attempt", status=409)

    monkeypatch.setattr(run.reporter, "epoch", superseded)
    with pytest.raises(ApiError):
        run.run()
    assert run.model.closed
    assert run.reporter.outcome is None


def test_what_would_surprise_in_serving_comes_before_other_warnings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.data = lambda: data(test=0)
    monkeypatch.setattr(
        run.model, "_check_answers", lambda _params, arrays, *_: {"warnings": [str(arrays["features"].shape)]}
    )
    assert run.run().warnings[0] == "(20, 2, 2)"


def test_an_answer_that_cannot_be_checked_is_a_warning(run: Run) -> None:
    run.model.raises["check_answers"] = UserCodeError("RuntimeError: no")
    outcome = run.run()
    assert "RuntimeError: no" in outcome.warnings[0]
    assert outcome.test_metrics == {"accuracy": 1.0}


def test_the_preparation_of_features_is_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = run.model._fit
    given: list[object] = [{"scaled": True, "summary": "divided by 255"}]
    monkeypatch.setattr(run.model, "_fit", lambda *arguments: {**fit(*arguments), "preparation": given[0]})
    assert run.run().preparation == given[0]
    for nonsense in ("divided", {"summary": "x" * (1 << 17)}):
        given[0] = nonsense
        with pytest.raises(BrokenError, match="reported the preparation"):
            run.run()


def test_the_wall_limit_bounds_all_steps_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path, plan=PLAN.model_copy(update={"limits": ResourceLimits(wall_seconds=60)}))
    now = [1000.0]
    monkeypatch.setattr("model_training.trained_model.time.monotonic", lambda: now[0])
    run.model.on_epoch = lambda _epoch: now.__setitem__(0, now[0] + 40)
    with pytest.raises(NothingServable, match="limit of 60 s") as caught:
        run.run()
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
        run.run()


def several(*names: str) -> MeanModel:
    model = MeanModel(input_shape=[None, 2, 2])
    model.artifacts = list(names)
    return model


def failing_save(model: MeanModel, monkeypatch: pytest.MonkeyPatch, broken: dict[str, Exception]) -> None:
    """Make the files in ``broken`` fail with their errors."""
    save = model._save

    def one(params: Any, arrays: Any, files: Any, on_event: Any) -> dict[str, Any]:
        (name,) = files
        if name in broken:
            raise broken[name]
        return save(params, arrays, files, on_event)

    monkeypatch.setattr(model, "_save", one)


KERAS_FILES = ("model.keras", "model.py", "model.weights.h5")


def test_weights_are_saved_first_and_whole_models_last(tmp_path: Path) -> None:
    run = Run(tmp_path, model=several(*KERAS_FILES))
    run.run()
    steps = [method for method, _ in run.model.calls]
    assert list(run.reporter.artifacts) == [
        "model.weights.h5",
        "model.py",
        CONFUSION_SAMPLES,
        "model.keras",
        "model.onnx",
    ]
    assert steps[steps.index("fit") :] == [
        "fit",
        "artifact_names",
        "save",
        "save",
        "check_answers",
        "evaluate",
        "predict_classes",
        "save",
        "export_onnx",
    ]


@pytest.mark.parametrize("name", KERAS_FILES)
def test_one_file_that_fails_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    run = Run(tmp_path, model=several(*KERAS_FILES))
    failing_save(run.model, monkeypatch, {name: UserCodeError("NotImplementedError: get_config\n\nExample: ...")})
    outcome = run.run()
    assert set(outcome.artifacts) == {*KERAS_FILES, "model.onnx", CONFUSION_SAMPLES} - {name}
    assert outcome.warnings == [f"{name} could not be saved: NotImplementedError: get_config"]


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        ("evaluate", {"model.weights.h5", "model.py"}),
        ("predict_classes", {"model.weights.h5", "model.py"}),
        ("export_onnx", {*KERAS_FILES, CONFUSION_SAMPLES}),
    ],
)
def test_a_model_process_that_dies_after_training_loses_what_comes_after_only(
    tmp_path: Path, step: str, kept: set[str]
) -> None:
    run = Run(tmp_path, model=several(*KERAS_FILES))
    run.model.raises[step] = ModelProcessDied("the model process was killed", reason="killed")
    outcome = run.run()
    assert run.reporter.order[-1] == "finished"
    assert set(outcome.artifacts) == kept
    assert any("was killed; what comes after it was left out" in warning for warning in outcome.warnings)
    # A dead process gets no further calls.
    assert run.model.calls[-1][0] == step


def test_a_model_process_that_dies_while_saving_the_whole_model_leaves_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, model=several(*KERAS_FILES))
    died = ModelProcessDied("out of memory", reason="memory")
    failing_save(run.model, monkeypatch, {"model.keras": died})
    outcome = run.run()
    assert set(outcome.artifacts) == {"model.weights.h5", "model.py", CONFUSION_SAMPLES}
    assert outcome.test_metrics == {"accuracy": 1.0}
    assert outcome.confusion_matrix is not None


def test_a_metric_that_fails_in_the_test_costs_the_test_metrics_only(run: Run) -> None:
    run.model.raises["evaluate"] = UserCodeError("ValueError: shapes", line=4)
    outcome = run.run()
    assert outcome.test_metrics == {}
    assert outcome.confusion_matrix is not None
    assert "no test metrics: ValueError: shapes" in outcome.warnings


def test_without_any_file_to_serve_from_it_failed_and_what_was_found_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, model=several(*KERAS_FILES))
    reason = UserCodeError("cannot be saved", line=7)
    failing_save(run.model, monkeypatch, {"model.keras": reason, "model.weights.h5": reason})
    run.model.raises["export_onnx"] = UserCodeError("cannot convert")
    with pytest.raises(NothingServable) as caught:
        run.run()
    assert caught.value.reason is reason
    assert caught.value.outcome.test_metrics == {"accuracy": 1.0}
    assert caught.value.outcome.confusion_matrix == [[3, 0], [0, 3]]
    assert set(run.reporter.artifacts) == {"model.py", CONFUSION_SAMPLES}
    assert len(run.reporter.epochs) == 2


def test_a_converted_model_alone_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path, model=several("model.keras"))
    failing_save(run.model, monkeypatch, {"model.keras": UserCodeError("cannot be saved")})
    assert "model.onnx" in run.run().artifacts


def test_a_file_that_the_backend_refuses_is_left_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = run.reporter.upload

    def limited(name: str, path: Path) -> str:
        if name == "model.onnx":
            raise ApiError("larger than KML_MAX_ARTIFACT_BYTES", status=422)
        return upload(name, path)

    monkeypatch.setattr(run.reporter, "upload", limited)
    outcome = run.run()
    assert set(outcome.artifacts) == {"model.mean", CONFUSION_SAMPLES}
    assert "model.onnx was not kept: larger than KML_MAX_ARTIFACT_BYTES" in outcome.warnings


def test_metrics_that_are_not_numbers_are_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.model, "_evaluate", lambda *_: {"metrics": {"loss": float("nan")}})
    assert np.isnan(run.run().test_metrics["loss"])


def test_an_onnx_difference_that_is_not_a_number_is_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    export = run.model._export_onnx
    monkeypatch.setattr(
        run.model, "_export_onnx", lambda *arguments: {**export(*arguments), "max_difference": float("nan")}
    )
    assert run.run().onnx_max_difference is None


def from_one() -> TrainingData:
    plain = data()
    parts = {name: replace(part, labels=shared(part.labels.array + 1)) for name, part in plain.parts.items()}
    return plain.with_parts(parts)


def test_classes_from_one_are_learned_and_shown_by_their_names(run: Run) -> None:
    run.data = from_one
    run.model.loss = {"kind": "classes", "ignored": None, "outputs": []}
    outcome = run.run()
    assert outcome.labels == ["1", "2"]
    assert outcome.confusion_matrix == [[3, 0], [0, 3]]
    assert any("number the classes from 0" in warning for warning in outcome.warnings)


def test_class_names_are_kept_without_a_confusion_matrix(tmp_path: Path) -> None:
    run = Run(tmp_path, plan=PLAN.model_copy(update={"confusion_matrix": False}))
    run.model.loss = {"kind": "classes", "ignored": None, "outputs": []}
    assert run.run().labels == ["0", "1"]


def without_labels() -> TrainingData:
    plain = data()
    parts = {name: replace(part, labels=part.features) for name, part in plain.parts.items()}
    return replace(plain.with_parts(parts), has_labels=False)


def autoencoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, output: list[int | None]) -> tuple[Run, list[Any]]:
    model = MeanModel(input_shape=[None, 2, 2])
    model.report["outputs"] = [{"name": "y", "shape": output, "dtype": "float32"}]
    seen: list[Any] = []

    def fit(params: Any, arrays: Any, _files: Any, _on_event: Any) -> dict[str, Any]:
        seen.append((params["targets_are_features"], arrays["train_labels"]))
        return {"history": {}, "warnings": []}

    monkeypatch.setattr(model, "_fit", fit)
    monkeypatch.setattr(model, "_evaluate", lambda *_: {"metrics": {"loss": 0.5}})
    return Run(tmp_path, model=model), seen


@pytest.mark.parametrize("output", [[None, 2, 2], [None, 4], [None, 2, 2, 1]])
def test_without_labels_a_model_that_gives_back_its_input_learns_the_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: list[int | None]
) -> None:
    run, seen = autoencoder(tmp_path, monkeypatch, output=output)
    run.data = without_labels
    outcome = run.run()
    ((flag, targets),) = seen
    assert flag is True
    assert targets.shape == (20, *output[1:])
    assert targets.tobytes() == part(20, 1).features.array.tobytes()
    assert outcome.test_metrics == {"loss": 0.5}
    assert outcome.confusion_matrix is None
    assert any("the features are the targets" in warning for warning in outcome.warnings)
    assert any("no confusion matrix: the features are the targets" in warning for warning in outcome.warnings)


def test_without_labels_another_model_is_refused_and_the_switch_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = autoencoder(tmp_path, monkeypatch, output=[None, 3])
    run.data = without_labels
    with pytest.raises(DataMismatch, match="have no labels") as caught:
        run.run()
    assert "targets 'features'" in caught.value.hint


def test_features_as_targets_of_another_shape_are_a_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = autoencoder(tmp_path, monkeypatch, output=[None, 3])
    run.data = without_labels
    run.plan = PLAN.model_copy(update={"targets": Targets.FEATURES})
    assert any("give" in warning or "output is" in warning for warning in run.run().warnings)
