"""Classic training: the model sees a complete slice ``epochs`` times. Step (6) of the journey of a sample.

Called by ``model_training.__main__`` in the worker that the controller launched. A *part* is a model that the run
trains: the plan's own, or each sub-model of a chain. ``run`` tells the whole story in order: stream and model process
side by side, fitting one to the other, training, then by ``parts`` evaluation, files, upload and result. Once the model
is trained, a step that fails loses only its own outcome. Next: ``parts`` reports to ``kafkaml.reporter``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kafkaml.codecs import codec_for, with_learnt
from kafkaml.errors import UserCodeError
from kafkaml.failpoints import failpoint
from kafkaml.frameworks import FRAMEWORKS, Purpose
from kafkaml.logs import get_logger
from kafkaml.named_inputs import FeatureSpan
from kafkaml.wire.best_epoch import BestEpoch
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.training import TrainingPlan
from model_training.context import RunContext
from model_training.epoch_checkpoints import EpochCheckpoints
from model_training.finishing import Learnt, Trial
from model_training.fitting import blamed, fit_to_model
from model_training.model_session import ModelSession, Samples
from model_training.part import TrainedPart
from model_training.parts import Parts
from model_training.remaining import RemainingTime
from model_training.self_training import SelfTraining
from model_training.training_data import TrainingData

__all__ = ["run"]

logger = get_logger(__name__)


def run(context: RunContext) -> Sequence[TrainedPart]:
    """Train the plan's model, or its chain, on the whole slice; returns its one part, or one for each sub-model."""
    plan, parts = context.plan, Parts(context)
    part = parts.leader
    # The stream is read while the model process starts. Whichever fails first ends the run.
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
            checkpoints = EpochCheckpoints(context, session, part, slice_sha256=data.slice_sha256)
            resumed = checkpoints.resume()
            fitting = _Fitting(plan, session, data, parts, checkpoints)
            rounds: SelfTraining | None = None
            if plan.semi_supervised is None:
                fitting.fit(data.training)
            else:
                # Self-training calls ``fit`` once per round.
                rounds = SelfTraining(plan.semi_supervised, session, data, part, checkpoints)
                rounds.run(fitting.fit, resumed)
            failpoint("training.fitted")
            ended = parts.finish(session, _trial(plan, read, data), with_matrix=plan.confusion_matrix)
            parts.keep_contract(data.learnt)
    # The model process has ended, so nothing writes to the files any more.
    failpoint("training.saved")
    hashes = parts.upload()
    failpoint("training.uploaded")
    learnt = Learnt(
        seconds=checkpoints.run_seconds,
        samples=data.counts if rounds is None else {**data.counts, "pseudo_labelled": rounds.chosen},
        slice_sha256=data.slice_sha256,
        split=data.split,
        class_names=data.class_names,
        settings=data.learnt,
        pseudo_labels=() if rounds is None else rounds.reports,
        best_epoch=fitting.best,
    )
    return parts.finished(ended, hashes, model, learnt)


@dataclass
class _Fitting:
    """Fits the model once, or in several rounds with continued epoch numbers, validating after each epoch.

    ``best`` belongs to the last fit, whose model is the result.
    """

    plan: TrainingPlan
    session: ModelSession
    data: TrainingData
    parts: Parts
    checkpoints: EpochCheckpoints
    best: BestEpoch | None = None

    def fit(self, samples: Samples, rounds: SelfTraining | None = None) -> int:
        """Fit ``samples``; returns the epochs done by then, including earlier rounds."""
        before = done = self.checkpoints.around.epochs
        data, parts, remaining = self.data, self.parts, RemainingTime()
        given = FRAMEWORKS[self.plan.framework].arguments[Purpose.FIT].in_common_names(self.plan.fit_arguments)
        asked = before + int(given.get("epochs", 1))

        def on_progress(progress: Progress) -> None:
            left = 0 if rounds is None else rounds.rounds_left * progress.epochs
            epoch, epochs = before + progress.epoch, before + progress.epochs + left
            fraction = progress.batch / progress.batches if progress.batches else 0.0
            counted = {
                "epoch": epoch,
                "epochs": epochs,
                "remaining_seconds": remaining.seconds(epoch=epoch, epochs=epochs, fraction=min(1.0, fraction)),
                "may_end_sooner": left > 0 or given.get("early_stopping") is not None,
            }
            parts.progress(progress.model_copy(update=counted))

        def on_epoch(metrics: EpochMetrics) -> None:
            nonlocal done
            done = before + metrics.epoch
            remaining.epoch_done()
            best = None if metrics.best_epoch is None else before + metrics.best_epoch
            more: dict[str, Any] = {"epoch": done, "best_epoch": best}
            if rounds is not None:
                more["pseudo_labels"], rounds.unreported = rounds.unreported, None
            parts.epoch(metrics.model_copy(update=more))
            failpoint("training.epoch")

        try:
            fitted = self.session.fit(
                samples,
                data.validation if len(data.validation) else None,
                on_progress=on_progress,
                on_epoch=on_epoch,
                pauses=self.checkpoints,
            )
        except UserCodeError as error:
            if not data.doubts:
                raise
            doubt = data.doubts[0]
            raise blamed(error, doubt.message, doubt.hint) from error
        parts.leader.warnings.add(
            *fitted.warnings, *(f"{doubt.message}; it was trained all the same" for doubt in data.doubts)
        )
        if (best := fitted.best) is not None:
            self.best = BestEpoch(
                epoch=before + best.epoch,
                epochs=asked,
                trained=done,
                monitor=best.monitor,
                value=best.value,
                restored=best.restored,
            )
        return done


def _trial(plan: TrainingPlan, read: TrainingData, data: TrainingData) -> Trial:
    """Return the samples to try the model on: test samples, or for the confusion matrix the training samples where
    there are none.
    """

    def columns() -> Sequence[FeatureSpan]:
        config = with_learnt(plan.stream.input_config, data.learnt)
        return codec_for(plan.stream.input_format, config).features.feature_spans()

    shown = "test" if len(data.test) else "training"
    return Trial(
        sample=data.training.features.array,
        test=data.test if len(data.test) else None,
        no_test="the stream was announced with test_rate 0, or is too short for it",
        shown=data.parts[shown],
        decoded=read.parts[shown].features.array,
        has_labels=data.has_labels,
        class_names=data.class_names,
        validation=data.validation if len(data.validation) else None,
        columns=columns,
        seed=plan.seed,
    )
