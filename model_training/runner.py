"""TrainingRunner: one attempt at training one model, from its plan to the confirmed result.

Wired by ``__main__``; the order of ``run`` is the whole story: stream, splits, model process, training, weights,
evaluation, other files, result. Once the model is trained, a step that fails costs what it would have given and no
more. Holds the credentials' side of the work: user code runs in the model process only.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from kafkaml.confusion_samples import CONFUSION_SAMPLES, choose_samples
from kafkaml.errors import FailedError, KafkaMLError, UserCodeError
from kafkaml.failpoints import failpoint
from kafkaml.logs import get_logger
from kafkaml.reporter import ResultReporter
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import Progress
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.process import ModelProcess
from model_training.artifacts import SavedFiles, Steps, in_order_of_worth
from model_training.background import in_background
from model_training.confusion import ConfusionMatrix, NoConfusionMatrix, confusion_matrix
from model_training.fitting import fit_to_model
from model_training.model_session import ModelSession
from model_training.modes import MODES
from model_training.shapes import DataMismatch
from model_training.training_data import TrainingData

__all__ = ["NothingServable", "TrainingRunner"]

logger = get_logger(__name__)

# Enough to compare the converted model's answers on, little enough to copy.
_ONNX_SAMPLES = 32
# As many records as are likely to be answered together.
_CHECKED_SAMPLES = 64


class NothingServable(FailedError):
    """The model was trained and no file of it could be kept. ``outcome`` is what is known all the same."""

    def __init__(self, reason: KafkaMLError, outcome: TrainingOutcome) -> None:
        super().__init__(reason.message, hint=reason.hint)
        self.reason = reason
        self.outcome = outcome


@dataclass(frozen=True)
class _Findings:
    """What the steps after training found; each may be missing."""

    metrics: Mapping[str, float]
    matrix: ConfusionMatrix | None
    onnx_difference: float | None


@dataclass(frozen=True, kw_only=True)
class TrainingRunner:
    """Runs ``plan``. ``open_data`` reads the stream (its callback raises when the run ends early), ``start_process``
    starts the model process; ``scratch`` is an empty folder that the caller removes.
    """

    plan: TrainingPlan
    reporter: ResultReporter
    open_data: Callable[[Callable[[int, int], None]], TrainingData]
    start_process: Callable[[], AbstractContextManager[ModelProcess]]
    scratch: Path
    _warnings: list[str] = field(default_factory=list)

    def run(self) -> TrainingOutcome:
        """Train and report until the backend confirmed the result, which is returned; errors are left to the caller."""
        started = time.monotonic()
        self.reporter.running()
        steps = Steps(self._warnings)
        files = SavedFiles(self.scratch, steps, self._warnings)
        # The stream is read while the model process starts: whichever fails first ends the run.
        with in_background(self._read) as reading, self.start_process() as process:
            session = ModelSession(process, self.plan)
            model = session.build()
            self._warnings.extend(model.warnings)
            failpoint("training.built")
            with (
                reading.result() as read,
                fit_to_model(
                    read,
                    model.signature,
                    targets=self.plan.targets,
                    describe_loss=session.describe_loss,
                    folder=self.scratch,
                ) as data,
            ):
                logger.info("data are ready", samples=data.counts, seconds=round(time.monotonic() - started, 3))
                self._warnings.extend(data.warnings)
                self._warnings.extend(self._train(session, data))
                failpoint("training.fitted")
                found = self._after_training(session, read, data, steps, files)
        # The model process is gone: nobody writes to the files any more.
        hashes = self._upload(files)
        outcome = TrainingOutcome(
            seconds=time.monotonic() - started,
            samples=data.counts,
            test_metrics=found.metrics,
            artifacts=hashes,
            versions=model.versions,
            code_sha256=hashlib.sha256(f"{self.plan.imports}\0{self.plan.code}".encode()).hexdigest(),
            slice_sha256=data.slice_sha256,
            confusion_matrix=found.matrix.counts.tolist() if found.matrix else None,
            labels=found.matrix.labels if found.matrix else tuple(data.class_names),
            warnings=list(dict.fromkeys(self._warnings)),
            onnx_max_difference=found.onnx_difference,
            seed=self.plan.seed,
            split=data.split,
            isolation=process.isolation_level,
            preparation=session.preparation,
            learnt=dict(data.learnt),
        )
        if steps.first_error is not None and not files.serving(hashes):
            raise NothingServable(steps.first_error, outcome) from steps.first_error
        self.reporter.finished(outcome)
        return outcome

    def _read(self, checkpoint: Callable[[int, int], None]) -> TrainingData:
        started, records = time.monotonic(), 0

        def on_progress(done: int, total: int) -> None:
            nonlocal records
            checkpoint(done, total)
            records = done
            self.reporter.progress(Progress(epoch=0, epochs=0, batch=done, batches=total))

        data = self.open_data(on_progress)
        seconds = round(time.monotonic() - started, 3)
        if records:
            logger.info("the stream was read from Kafka", records=records, seconds=seconds)
        else:
            logger.info("the stream was read before, its slice is taken from the cache", seconds=seconds)
        return data

    def _train(self, session: ModelSession, data: TrainingData) -> Sequence[str]:
        try:
            warnings = MODES[self.plan.mode](session, data, self.reporter)
        except UserCodeError as error:
            if not data.doubts:
                raise
            doubt = data.doubts[0]
            raise DataMismatch(doubt.message, hint=f"{doubt.hint} (training failed with: {error.message})") from error
        return [*warnings, *(f"{each.message}; it was trained all the same" for each in data.doubts)]

    def _after_training(
        self, session: ModelSession, read: TrainingData, data: TrainingData, steps: Steps, files: SavedFiles
    ) -> _Findings:
        """Save what serves, then evaluate, then the files whose making may end the model process."""
        names = steps.attempt("the trained model could not be saved", session.artifact_names) or ()
        at_once, later = in_order_of_worth(names)
        files.save(session, at_once)
        self._check_answers(session, data, steps)
        metrics: Mapping[str, float] = {}
        if len(data.test):
            metrics = steps.attempt("no test metrics", lambda: session.evaluate(data.test)) or {}
        else:
            self._warnings.append("no test metrics: the stream was announced with test_rate 0, or is too short for it")
        matrix = None
        if self.plan.confusion_matrix:
            matrix = steps.attempt("no confusion matrix", lambda: self._confusion_matrix(session, read, data, files))
        files.save(session, later)
        difference = steps.attempt(
            "not converted to ONNX, inference will be slower", lambda: self._export_onnx(session, data, files)
        )
        return _Findings(metrics, matrix, difference)

    def _check_answers(self, session: ModelSession, data: TrainingData, steps: Steps) -> None:
        """Put what would surprise in serving before all other warnings."""
        sample, before = data.training.features.array[:_CHECKED_SAMPLES], len(self._warnings)
        found = steps.attempt(
            "the trained model does not answer its own samples in batches", lambda: session.check_answers(sample)
        )
        added = self._warnings[before:]
        self._warnings[:] = [*(found or ()), *added, *self._warnings[:before]]

    def _confusion_matrix(
        self, session: ModelSession, decoded: TrainingData, data: TrainingData, files: SavedFiles
    ) -> ConfusionMatrix | None:
        """Return the matrix; samples of its cells, as they were decoded, are added to ``files``."""
        part = "test" if len(data.test) else "training"
        samples = data.parts[part]
        try:
            if not data.has_labels:
                raise NoConfusionMatrix("the features are the targets, so there are no classes")
            predictions = session.predict_classes(samples)
            matrix = confusion_matrix(
                samples.labels.array, predictions.classes, classes=predictions.count, names=data.class_names
            )
        except NoConfusionMatrix as error:
            self._warnings.append(f"no confusion matrix: {error}")
            return None
        chosen = choose_samples(
            decoded.parts[part].features.array,
            actual=matrix.actual,
            predicted=predictions.classes,
            probability=predictions.probability,
        )
        path = self.scratch / CONFUSION_SAMPLES
        chosen.write(path)
        files.add(path)
        logger.info("samples of the confusion matrix are kept", samples=len(chosen.actual), per_cell=chosen.per_cell)
        return matrix

    def _export_onnx(self, session: ModelSession, data: TrainingData, files: SavedFiles) -> float | None:
        """Add the converted model to ``files``; serving falls back to the framework where there is none."""
        export = session.export_onnx(self.scratch, data.training.features.array[:_ONNX_SAMPLES])
        if export.path is None:
            self._warnings.append(f"not converted to ONNX, inference will be slower: {export.reason}")
            return None
        files.add(export.path, serves=True)
        return export.max_difference

    def _upload(self, files: SavedFiles) -> Mapping[str, str]:
        failpoint("training.saved")
        hashes = files.upload(self.reporter)
        failpoint("training.uploaded")
        return hashes
