"""TrainingRunner: one attempt at training one model, from its plan to the confirmed result.

Wired by ``__main__``; the order of ``run`` is the whole story: stream, splits, model process, training, evaluation,
artifacts, result. Holds the credentials' side of the work: user code runs in the model process only.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from kafkaml.confusion_samples import CONFUSION_SAMPLES, choose_samples
from kafkaml.errors import FailedError, RefusedError, UserCodeError
from kafkaml.failpoints import failpoint
from kafkaml.jobs import TrainingPlan
from kafkaml.logs import get_logger
from kafkaml.results import Progress, ResultReporter, TrainingOutcome
from mlcode_executor.process import ModelProcess
from model_training.background import in_background
from model_training.confusion import ConfusionMatrix, NoConfusionMatrix, confusion_matrix
from model_training.model_session import ModelSession
from model_training.modes import MODES
from model_training.shapes import DataMismatch
from model_training.training_data import TrainingData

__all__ = ["TrainingRunner"]

logger = get_logger(__name__)

# Enough to compare the converted model's answers on, little enough to copy.
_ONNX_SAMPLES = 32
# As many records as are likely to be answered together.
_CHECKED_SAMPLES = 64


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
        # The stream is read while the model process starts: whichever fails first ends the run.
        with in_background(self._read) as reading, self.start_process() as process:
            session = ModelSession(process, self.plan)
            model = session.build()
            self._warnings.extend(model.warnings)
            failpoint("training.built")
            with reading.result() as read, read.for_model(model.signature) as data:
                logger.info("data are ready", samples=data.counts, seconds=round(time.monotonic() - started, 3))
                self._warnings.extend(data.warnings)
                self._warnings.extend(self._train(session, data))
                failpoint("training.fitted")
                self._check_answers(session, data)
                metrics = session.evaluate(data.test) if len(data.test) else self._no_test()
                kept: dict[str, Path] = {}
                matrix = self._confusion_matrix(session, read, data, kept) if self.plan.confusion_matrix else None
                paths = dict(session.save(self.scratch))
                onnx_difference = self._export_onnx(session, data, paths)
                paths |= kept
        # The model process is gone: nobody writes to the files any more.
        outcome = TrainingOutcome(
            seconds=time.monotonic() - started,
            samples=data.counts,
            test_metrics=metrics,
            artifacts=self._upload(paths),
            versions=model.versions,
            code_sha256=hashlib.sha256(f"{self.plan.imports}\0{self.plan.code}".encode()).hexdigest(),
            slice_sha256=data.slice_sha256,
            confusion_matrix=matrix.counts.tolist() if matrix else None,
            labels=matrix.labels if matrix else (),
            warnings=list(dict.fromkeys(self._warnings)),
            onnx_max_difference=onnx_difference,
            seed=self.plan.seed,
            split=data.split,
            isolation=process.isolation_level,
            preparation=session.preparation,
            learnt=dict(data.learnt),
        )
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

    def _check_answers(self, session: ModelSession, data: TrainingData) -> None:
        """Put what would surprise in serving before all other warnings."""
        try:
            self._warnings[:0] = session.check_answers(data.training.features.array[:_CHECKED_SAMPLES])
        except (UserCodeError, RefusedError) as error:
            self._warnings.insert(0, f"the trained model does not answer its own samples in batches: {error.message}")

    def _no_test(self) -> Mapping[str, float]:
        self._warnings.append("no test metrics: the stream was announced with test_rate 0, or is too short for it")
        return {}

    def _confusion_matrix(
        self, session: ModelSession, decoded: TrainingData, data: TrainingData, kept: dict[str, Path]
    ) -> ConfusionMatrix | None:
        """Return the matrix; samples of its cells, as they were decoded, are added to ``kept``."""
        part = "test" if len(data.test) else "training"
        samples = data.parts[part]
        try:
            predictions = session.predict_classes(samples)
            matrix = confusion_matrix(
                samples.labels.array, predictions.classes, classes=predictions.count, names=data.class_names
            )
        except (NoConfusionMatrix, UserCodeError, RefusedError) as error:
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
        kept[path.name] = path
        logger.info("samples of the confusion matrix are kept", samples=len(chosen.actual), per_cell=chosen.per_cell)
        return matrix

    def _export_onnx(self, session: ModelSession, data: TrainingData, paths: dict[str, Path]) -> float | None:
        """Add the converted model to ``paths``; serving falls back to the framework where there is none."""
        try:
            export = session.export_onnx(self.scratch, data.training.features.array[:_ONNX_SAMPLES])
        except (FailedError, RefusedError) as error:
            self._warnings.append(f"not converted to ONNX, inference will be slower: {error.message}")
            return None
        if export.path is None:
            self._warnings.append(f"not converted to ONNX, inference will be slower: {export.reason}")
            return None
        paths[export.path.name] = export.path
        return export.max_difference

    def _upload(self, paths: Mapping[str, Path]) -> Mapping[str, str]:
        failpoint("training.saved")
        hashes = {name: self.reporter.upload(name, path) for name, path in paths.items()}
        failpoint("training.uploaded")
        return hashes
