"""Classic training: all samples are there and the model sees them ``epochs`` times. Step (6) of a sample's journey.

The order of ``run`` is the whole story: stream, splits, model process, training, weights, evaluation, other files,
result. Once the model is trained, a step that fails costs what it would have given and no more.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafkaml.confusion_samples import CONFUSION_SAMPLES, choose_samples
from kafkaml.errors import UserCodeError
from kafkaml.failpoints import failpoint
from kafkaml.logs import get_logger
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.training import TrainingPlan
from model_training.artifacts import in_order_of_worth
from model_training.confusion import ConfusionMatrix, NoConfusionMatrix, confusion_matrix
from model_training.context import RunContext
from model_training.fitting import fit_to_model
from model_training.model_session import ModelSession
from model_training.part import Part, TrainedPart
from model_training.shapes import DataMismatch
from model_training.training_data import TrainingData

__all__ = ["run"]

logger = get_logger(__name__)

# Enough to compare the converted model's answers on, little enough to copy.
_ONNX_SAMPLES = 32
# As many records as are likely to be answered together.
_CHECKED_SAMPLES = 64


@dataclass(frozen=True)
class _Findings:
    """What the steps after training found; each may be missing."""

    metrics: Mapping[str, float]
    matrix: ConfusionMatrix | None
    onnx_difference: float | None


def run(context: RunContext) -> Sequence[TrainedPart]:
    """Train the plan's model on the whole slice; returns its one part."""
    plan, part = context.plan, context.part()
    # The stream is read while the model process starts: whichever fails first ends the run.
    with context.slice() as reading, context.session() as session:
        model = session.build()
        part.warnings.add(*model.warnings)
        failpoint("training.built")
        with (
            reading.result() as read,
            fit_to_model(
                read,
                model.signature,
                targets=plan.targets,
                describe_loss=session.describe_loss,
                folder=part.folder,
            ) as data,
        ):
            seconds = round(time.monotonic() - context.started, 3)
            logger.info("data are ready", samples=data.counts, seconds=seconds)
            part.warnings.add(*data.warnings)
            _train(session, data, part)
            failpoint("training.fitted")
            found = _after_training(session, read, data, part, plan)
    # The model process is gone: nobody writes to the files any more.
    failpoint("training.saved")
    hashes = part.files.upload(part.reporter)
    failpoint("training.uploaded")
    outcome = TrainingOutcome(
        seconds=time.monotonic() - context.started,
        samples=data.counts,
        test_metrics=found.metrics,
        artifacts=hashes,
        versions=model.versions,
        code_sha256=hashlib.sha256(f"{plan.imports}\0{plan.code}".encode()).hexdigest(),
        slice_sha256=data.slice_sha256,
        confusion_matrix=found.matrix.counts.tolist() if found.matrix else None,
        labels=found.matrix.labels if found.matrix else tuple(data.class_names),
        warnings=part.warnings.texts,
        onnx_max_difference=found.onnx_difference,
        seed=plan.seed,
        split=data.split,
        isolation=session.isolation,
        preparation=session.preparation,
        learnt=dict(data.learnt),
    )
    return [part.finished(outcome)]


def _train(session: ModelSession, data: TrainingData, part: Part) -> None:
    """Fit once on the training samples, validating after each epoch when there are samples for it."""
    try:
        warnings = session.fit(
            data.training,
            data.validation if len(data.validation) else None,
            on_progress=part.reporter.progress,
            on_epoch=part.reporter.epoch,
        )
    except UserCodeError as error:
        if not data.doubts:
            raise
        doubt = data.doubts[0]
        raise DataMismatch(doubt.message, hint=f"{doubt.hint} (training failed with: {error.message})") from error
    part.warnings.add(*warnings, *(f"{doubt.message}; it was trained all the same" for doubt in data.doubts))


def _after_training(
    session: ModelSession, read: TrainingData, data: TrainingData, part: Part, plan: TrainingPlan
) -> _Findings:
    """Save what serves, then evaluate, then the files whose making may end the model process."""
    attempt = part.steps.attempt
    names = attempt("the trained model could not be saved", session.artifact_names) or ()
    at_once, later = in_order_of_worth(names)
    part.files.save(session, at_once)
    _check_answers(session, data, part)
    metrics: Mapping[str, float] = {}
    if len(data.test):
        metrics = attempt("no test metrics", lambda: session.evaluate(data.test)) or {}
    else:
        part.warnings.add("no test metrics: the stream was announced with test_rate 0, or is too short for it")
    matrix = None
    if plan.confusion_matrix:
        matrix = attempt("no confusion matrix", lambda: _confusion_matrix(session, read, data, part))
    part.files.save(session, later)
    difference = attempt("not converted to ONNX, inference will be slower", lambda: _export_onnx(session, data, part))
    return _Findings(metrics, matrix, difference)


def _check_answers(session: ModelSession, data: TrainingData, part: Part) -> None:
    """Put what would surprise in serving before all other warnings."""
    sample = data.training.features.array[:_CHECKED_SAMPLES]
    found = part.steps.attempt(
        "the trained model does not answer its own samples in batches",
        lambda: session.check_answers(sample),
        warn=part.warnings.put_first,
    )
    part.warnings.put_first(*(found or ()))


def _confusion_matrix(
    session: ModelSession, decoded: TrainingData, data: TrainingData, part: Part
) -> ConfusionMatrix | None:
    """Return the matrix; samples of its cells, as they were decoded, are added to the part's files."""
    name = "test" if len(data.test) else "training"
    samples = data.parts[name]
    try:
        if not data.has_labels:
            raise NoConfusionMatrix("the features are the targets, so there are no classes")
        predictions = session.predict_classes(samples)
        matrix = confusion_matrix(
            samples.labels.array, predictions.classes, classes=predictions.count, names=data.class_names
        )
    except NoConfusionMatrix as error:
        part.warnings.add(f"no confusion matrix: {error}")
        return None
    chosen = choose_samples(
        decoded.parts[name].features.array,
        actual=matrix.actual,
        predicted=predictions.classes,
        probability=predictions.probability,
    )
    path = part.folder / CONFUSION_SAMPLES
    chosen.write(path)
    part.files.add(path)
    logger.info("samples of the confusion matrix are kept", samples=len(chosen.actual), per_cell=chosen.per_cell)
    return matrix


def _export_onnx(session: ModelSession, data: TrainingData, part: Part) -> float | None:
    """Add the converted model to the part's files; serving falls back to the framework where there is none."""
    export = session.export_onnx(part.folder, data.training.features.array[:_ONNX_SAMPLES])
    if export.path is None:
        part.warnings.add(f"not converted to ONNX, inference will be slower: {export.reason}")
        return None
    part.files.add(export.path, serves=True)
    return export.max_difference
