"""Turns a trained model into a result: its files, its metrics and warnings for its user. Used by the modes.

A step that fails loses only its own outcome. Steps that may end the model process come last, for all models of a run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from kafkaml.confusion_samples import CONFUSION_SAMPLES, choose_samples
from kafkaml.logs import get_logger
from kafkaml.named_inputs import FeatureSpan
from kafkaml.wire.best_epoch import BestEpoch
from kafkaml.wire.distributed import Exit
from kafkaml.wire.evaluation import Baseline, Evaluation, Importance
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.scores import Score
from kafkaml.wire.semi_supervised import PseudoLabels
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.shared_array import SharedArray
from model_training.artifacts import in_order_of_worth
from model_training.confusion import ConfusionMatrix, NoConfusionMatrix, confusion_matrix
from model_training.evaluation import class_baseline, curves, residuals, value_baseline
from model_training.importance import evenly, permutation_importance
from model_training.labels import LabelKind
from model_training.model_session import BuiltModel, Samples
from model_training.part import Part
from model_training.scores import class_scores, value_scores
from model_training.trained_model import ClassPredictions, TrainedModel

__all__ = ["Findings", "Finisher", "Learnt", "Trial", "outcome_of"]

logger = get_logger(__name__)

# Number of samples on which the converted model is compared: enough to judge, few enough to copy.
_ONNX_SAMPLES = 32
# Number of records that serving is likely to answer together.
_CHECKED_SAMPLES = 64


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The samples that a trained model is tried on.

    ``sample`` are features (n, *sample_shape) of its training. ``test`` gives the metrics; ``no_test`` is the reason
    when it is None. ``shown`` are the samples of the confusion matrix, ``decoded`` their features as they were decoded.
    ``columns`` returns which of their numbers belong to each named column, in samples of the shape of ``decoded``.
    ``validation`` are samples held out of the training. ``test`` may be the same samples; ``tested`` names the part
    that ``test`` comes from. ``seed`` is the run's.
    """

    sample: NDArray[Any]
    test: Samples | None
    no_test: str
    shown: Samples
    decoded: NDArray[Any]
    has_labels: bool
    class_names: Sequence[str]
    validation: Samples | None = None
    tested: str = "test"
    columns: Callable[[], Sequence[FeatureSpan]] = tuple
    seed: int = 0


@dataclass(frozen=True)
class Judgement:
    """The platform's own scores for the answers to the test samples; each may be missing."""

    scores: Mapping[Score, float] = field(default_factory=dict)
    baseline: Baseline | None = None
    evaluation: Evaluation | None = None

    def with_importance(self, importance: Importance | None) -> Judgement:
        """Return the judgement completed by the importance of columns, if it is known."""
        if importance is None:
            return self
        evaluation = self.evaluation or Evaluation()
        return replace(self, evaluation=evaluation.model_copy(update={"importance": importance}))


@dataclass(frozen=True)
class Findings:
    """The outcomes of the steps after training; each may be missing. ``converts`` is false where a conversion ended the
    model process.
    """

    metrics: Mapping[str, float]
    matrix: ConfusionMatrix | None
    onnx_difference: float | None
    converts: bool = True
    exit: Exit | None = None
    judgement: Judgement = field(default_factory=Judgement)


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What a model was trained on: see the fields of ``TrainingOutcome``."""

    seconds: float
    samples: Mapping[str, int]
    slice_sha256: str
    split: str
    class_names: Sequence[str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    pseudo_labels: Sequence[PseudoLabels] = ()
    best_epoch: BestEpoch | None = None


class Finisher:
    """Brings one trained model to its result: ``keep``, ``examine`` and ``convert``, in this order.

    ``evaluate`` gives the model's own metrics on samples.
    """

    def __init__(
        self,
        model: TrainedModel,
        part: Part,
        trial: Trial,
        *,
        evaluate: Callable[[Samples], Mapping[str, float]],
    ) -> None:
        self.model = model
        self.part = part
        self._trial = trial
        self._evaluate = evaluate
        self._later: Sequence[str] = ()
        self._metrics: Mapping[str, float] = {}
        self._matrix: ConfusionMatrix | None = None
        self._judgement = Judgement()
        self._predicted: tuple[Samples, ClassPredictions] | None = None

    def keep(self) -> None:
        """Save the files that the model is served from."""
        found = self.part.steps.attempt("the trained model could not be saved", self.model.artifact_names)
        if found is not None:
            self.part.warnings.add(*found.warnings)
        at_once, self._later = in_order_of_worth(() if found is None else found.names)
        self.part.files.save(self.model, at_once)

    def examine(self, *, with_matrix: bool) -> None:
        """Evaluate the model, and let it answer samples as in serving."""
        attempt, test = self.part.steps.attempt, self._trial.test
        _check_answers(self.model, self._trial, self.part)
        if test is not None:
            self._metrics = attempt("no test metrics", lambda: self._evaluate(test)) or {}
            self._judgement = attempt("no score to compare frameworks by", lambda: self._judge(test)) or Judgement()
            importance = attempt("the importance of columns is not known", lambda: self._importance(test))
            self._judgement = self._judgement.with_importance(importance)
        else:
            self.part.warnings.add(f"no test metrics: {self._trial.no_test}")
        if with_matrix:
            self._matrix = attempt("no confusion matrix", self._confusion_matrix)

    def convert(self, *, with_onnx: bool) -> Findings:
        """Make the files that may end the model process while being written; returns all outcomes."""
        self.part.files.save(self.model, self._later)
        difference: float | None = None
        if with_onnx and self.part.steps.ended_by is None:
            difference = self.part.steps.attempt(
                "not converted to ONNX, inference will be slower",
                lambda: _export_onnx(self.model, self._trial, self.part),
            )
            with_onnx = self.part.steps.ended_by is None
        return Findings(self._metrics, self._matrix, difference, converts=with_onnx, judgement=self._judgement)

    def _classes(self, samples: Samples) -> ClassPredictions:
        """Predict the classes of ``samples`` and cache them, because the score and the matrix mostly use
        the same ones.
        """
        if self._predicted is None or self._predicted[0] is not samples:
            self._predicted = samples, self.model.predict_classes(samples.features)
        return self._predicted[1]

    def _judge(self, test: Samples) -> Judgement:
        """Score the answers to ``test``. Models that predict neither a class nor their labels get no score."""
        labels, width = test.labels.array, self.model.predicted_numbers
        # Each framework prepares features that are targets in its own way.
        if not self._trial.has_labels or not self.model.answers_once:
            return Judgement()
        if self.model.label_kind is not LabelKind.NUMBERS:
            try:
                return _judged_classes(labels, self._classes(test), self._trial.class_names)
            except NoConfusionMatrix:
                return Judgement()
        if width is None or width != labels[:1].size:
            return Judgement()
        answers = self.model.predictions(test.features)
        found = Evaluation(residuals=residuals(labels, answers))
        return Judgement(value_scores(labels, answers), value_baseline(labels), found)

    def _importance(self, test: Samples) -> Importance | None:
        """Return what each column of the samples does for the score; None without a score or columns."""
        trial, model, scores = self._trial, self.model, self._judgement.scores
        places = evenly(len(test))
        labels = test.labels.array[places]

        def accuracy(features: SharedArray) -> float:
            answers = model.predict_classes(features)
            return class_scores(labels, answers.classes, classes=answers.count)[Score.ACCURACY]

        def error(features: SharedArray) -> float:
            return value_scores(labels, model.predictions(features))[Score.ROOT_MEAN_SQUARED_ERROR]

        asks = {Score.ACCURACY: accuracy, Score.ROOT_MEAN_SQUARED_ERROR: error}
        score = next((score for score in asks if score in scores), None)
        spans = trial.columns() if score is not None else ()
        if score is None or not spans:
            return None
        return permutation_importance(
            test.features.array[places],
            spans,
            sample_shape=trial.decoded.shape[1:],
            score=score,
            ask=asks[score],
            seed=trial.seed,
        )

    def _confusion_matrix(self) -> ConfusionMatrix | None:
        """Return the matrix; decoded samples of its cells are added to the part's files."""
        trial, samples = self._trial, self._trial.shown
        try:
            if not trial.has_labels:
                raise NoConfusionMatrix("the features are the targets, so there are no classes")
            predictions = self._classes(samples)
            matrix = confusion_matrix(
                samples.labels.array, predictions.classes, classes=predictions.count, names=trial.class_names
            )
        except NoConfusionMatrix as error:
            self.part.warnings.add(f"no confusion matrix: {error}")
            return None
        chosen = choose_samples(
            trial.decoded,
            actual=matrix.actual,
            predicted=predictions.classes,
            probability=predictions.probability,
        )
        path = self.part.folder / CONFUSION_SAMPLES
        chosen.write(path)
        self.part.files.add(path)
        logger.info("samples of the confusion matrix are kept", samples=len(chosen.actual), per_cell=chosen.per_cell)
        return matrix


def _judged_classes(labels: NDArray[Any], predictions: ClassPredictions, names: Sequence[str]) -> Judgement:
    count, classes = predictions.count, predictions.classes
    two = curves(labels, classes, predictions.probability, classes=count, names=names)
    return Judgement(
        class_scores(labels, classes, classes=count),
        class_baseline(labels, classes=count, names=names),
        None if two is None else Evaluation(curves=two),
    )


def outcome_of(
    part: Part,
    trained: TrainedModel,
    built: BuiltModel,
    plan: TrainingPlan,
    *,
    learnt: Learnt,
    found: Findings,
    artifacts: Mapping[str, str],
) -> TrainingOutcome:
    """Return the outcome of a trained model whose files are uploaded as ``artifacts``."""
    return TrainingOutcome(
        seconds=learnt.seconds,
        samples=learnt.samples,
        test_metrics=found.metrics,
        scores=found.judgement.scores,
        baseline=found.judgement.baseline,
        evaluation=found.judgement.evaluation,
        artifacts=artifacts,
        versions=built.versions,
        code_sha256=hashlib.sha256(f"{plan.imports}\0{plan.code}".encode()).hexdigest(),
        slice_sha256=learnt.slice_sha256,
        confusion_matrix=found.matrix.counts.tolist() if found.matrix else None,
        labels=found.matrix.labels if found.matrix else tuple(learnt.class_names),
        warnings=[*part.warnings.texts, *learnt.warnings],
        onnx_max_difference=found.onnx_difference,
        seed=plan.seed,
        split=learnt.split,
        isolation=trained.isolation,
        preparation=trained.preparation,
        input_shape=list(trained.input_shape),
        output_shapes=[list(shape) for shape in trained.output_shapes],
        exit=found.exit,
        pseudo_labels=list(learnt.pseudo_labels),
        best_epoch=learnt.best_epoch,
        learnt=dict(learnt.settings),
    )


def _check_answers(model: TrainedModel, trial: Trial, part: Part) -> None:
    """Check that the model answers its own samples as in training; warnings about that come before all others."""
    found = part.steps.attempt(
        "the trained model does not answer its own samples in batches",
        lambda: model.check_answers(trial.sample[:_CHECKED_SAMPLES]),
        warn=part.warnings.put_first,
    )
    part.warnings.put_first(*(found or ()))


def _export_onnx(model: TrainedModel, trial: Trial, part: Part) -> float | None:
    """Add the converted model to the part's files; serving falls back to the framework where there is none."""
    export = model.export_onnx(part.folder, trial.sample[:_ONNX_SAMPLES])
    if export.path is None:
        part.warnings.add(f"not converted to ONNX, inference will be slower: {export.reason}")
        return None
    part.files.add(export.path, serves=True)
    return export.max_difference
