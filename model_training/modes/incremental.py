"""Incremental training: learns an unbounded stream window by window, and keeps the state after each.

``_Learner.learn`` tells the whole story of a window in order. The model is tried on the window, learns it, is
validated, and is compared with the champion; the result is reported and kept. In semi-supervised training the model
also learns the unlabelled samples that it is sure of. One window is one step. However the attempt ends, another one
continues after the last kept window and learns the next one identically.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from kafkaml.checkpoints import Contents
from kafkaml.errors import DecodeError, KafkaMLError, ModelProcessDied, StreamUnavailable
from kafkaml.failpoints import failpoint
from kafkaml.logs import get_logger
from kafkaml.wire.checkpoint import WindowEnd, by_partition, by_topic
from kafkaml.wire.contract import Contract, SplitBy
from kafkaml.wire.progress import EpochMetrics, WindowPlace
from kafkaml.wire.semi_supervised import PseudoLabels
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.process import LimitReason
from model_training.context import RunContext
from model_training.finishing import Learnt, Trial
from model_training.fitting import WindowFit, fit_windows_to_model
from model_training.incremental_state import LearningState
from model_training.incremental_terms import Terms
from model_training.interrupts import Interrupted
from model_training.model_session import Samples
from model_training.newest import Newest, share
from model_training.part import TrainedPart, Whence
from model_training.parts import Ended, Parts
from model_training.promotion import PromotionRule
from model_training.pseudo_labels import none_chosen, unused_unlabelled
from model_training.window import Reading, Window
from model_training.window_samples import Ahead, WindowSamples
from model_training.window_trainer import WindowTrainer
from model_training.windows import Windows

__all__ = ["run"]

logger = get_logger(__name__)

# Number of samples to try a trained model on where none were held out: enough for a batch.
_SAMPLE_ROWS = 64


def run(context: RunContext) -> Sequence[TrainedPart]:
    """Learn the plan's stream until it is over or stopped; returns the last version of each of its parts."""
    terms = Terms.of(context.plan)
    parts = Parts(context)
    part = parts.leader
    if terms.ignored:
        part.warnings.add(
            f"{', '.join(terms.ignored)} of the fit arguments have no effect on windows of a stream: each is learnt "
            "whole, as often as 'epochs' says"
        )
    if context.plan.stream.test_rate:
        part.warnings.add("the stream's test_rate has no effect: a stream without end is tested on what validates")
    part.warnings.add(*unused_unlabelled(context.plan))
    kept, begun = context.last_checkpoint(), context.plan.begun
    while True:
        learner = _Learner(context, terms, parts, kept, begun)
        try:
            return learner.run()
        except ModelProcessDied as died:
            # A process that was killed from outside is started again, because the model is not to blame. After an
            # attempt without progress the backend decides.
            if died.reason != LimitReason.KILLED or learner.kept == kept:
                raise
            logger.warning("the model process was killed, going on from the last window kept", cause=died.message)
        except _NewProcessNeeded as needed:
            logger.warning("making a version ended the model process, going on in another one", cause=str(needed))
        kept, begun = learner.kept, learner.begun
        parts.reset()


class _NewProcessNeeded(Exception):
    """The model process ended after all that it learnt was kept."""


class _Learner:
    """Learns with one model process, from a checkpoint on if there is one.

    It has over 12 fields because a window needs what those before it have left.
    """

    def __init__(
        self, context: RunContext, terms: Terms, parts: Parts, kept: Path | None, begun: WindowEnd | None
    ) -> None:
        self._context = context
        self._plan = context.plan
        self._terms = terms
        self._parts = parts
        self._part = parts.leader
        self._state = LearningState()
        self._started = self._last_end = time.monotonic()
        # The model's state after the present window, if it was saved before the window's end.
        self._saved: Path | None = None
        self.kept, self.begun = kept, begun
        self._ahead = Ahead()

    def run(self) -> Sequence[TrainedPart]:
        """Learn to the end of the stream, or until a user stops it, and finish all parts."""
        with self._context.session() as self._session:
            self._model = self._session.build()
            self._trainer = WindowTrainer(self._session, self._terms, self._context.interrupts, self._part.warnings)
            self._part.warnings.add(*self._model.warnings)
            if self._terms.rule is not None:
                self._terms.rule.check_built(self._parts.monitorable(self._model.metrics))
            failpoint("training.built")
            if self.kept is not None:
                self._restore(self.kept)
            try:
                self._learn_all()
            except Interrupted as stop:
                if stop.error is not None or not self._state.step or not self._context.stop_asked():
                    raise
                logger.info("stopped, the model is kept", windows=self._state.step)
            ended = self._finish()
        # The model process has ended, so nothing writes to the files any more.
        failpoint("training.saved")
        artifacts = self._parts.upload()
        failpoint("training.uploaded")
        return self._parts.finished(ended, artifacts, self._model, self._learnt(), self._whence())

    def _learn_all(self) -> None:
        self._context.interrupts.check()
        first_end = None
        if self.begun is not None and self.begun.step == self._state.step + 1:
            first_end = by_partition(self.begun.positions)
        terms, last = self._terms, self._state.reading
        reading = self._context.windows(terms.limits, last, held_out=terms.held_out, first_end=first_end)
        with self._ahead, reading as windows:
            while True:
                window, samples = self._ahead.take(iter(windows))
                if window is None:
                    break
                last = window.reading
                failpoint("incremental.window")
                # A stop waits until the window is learnt and kept, because otherwise half of it would be lost.
                with self._context.interrupts.held():
                    self._learn(window, samples, windows)
        if not self._state.step:
            self._nothing_learnt(last)

    def _learn(self, window: Window, copied: WindowSamples | None, windows: Windows) -> None:
        fit = self._fit_to(window)
        if fit is not None:
            with copied or self._copied(window, fit, self._state.step + 1) as samples:
                self.learn(window, samples, fit, windows)

    def _copied(self, window: Window, fit: WindowFit, step: int) -> WindowSamples:
        rate = self._terms.held_out.rate
        return WindowSamples.of(window, fit, self._terms.ordering, step=step, validated=lambda count: int(rate * count))

    def learn(self, window: Window, copied: WindowSamples, fit: WindowFit, windows: Windows) -> None:
        """Make one step; a stop before the model learnt anything of the window leaves it to another attempt."""
        started, state, terms = time.monotonic(), self._state, self._terms
        self._count_wrong(window, fit, copied)
        count, unlabelled = len(copied), fit.unlabelled(window)
        # Unlabelled samples only reinforce what a model has learnt before.
        if not count and not (len(unlabelled) and state.trained):
            return
        step, order, samples = copied.step, copied.order, copied.samples
        validated = order.validated
        self.begun = WindowEnd(step=step, positions=by_topic(window.reading.positions))
        self._part.reporter.window(self.begun)
        # Small windows are tried whole, large ones on some of their samples.
        before = self._session.evaluate(copied.tried or samples) if count else {}
        if terms.rule is not None and not state.trained:
            terms.rule.check(self._parts.monitored(before))
        if self._context.interrupts.stopped:
            return
        self._ahead.begin(iter(windows), lambda following: self._copied(following, fit, step + 1))
        rounds: Sequence[PseudoLabels] = ()
        if terms.semi_supervised is None:
            trained = self._trainer.train(samples, order, fit)
        else:
            trained, rounds = self._trainer.train_in_rounds(samples, order, fit, unlabelled, state)
        failpoint("incremental.trained")
        validation = self._validate(samples, validated)
        if state.sample is None:
            state.sample = samples.features.array[validated:][:_SAMPLE_ROWS].copy()
        state.step, state.reading = step, window.reading
        state.trained += count - validated
        state.validated += validated
        has_changed = bool(validated) or any(round_.added for round_ in rounds)
        ended_by: KafkaMLError | None = None
        if has_changed and state.held_out is not None and terms.rule is not None:
            ended_by = self._compare(terms.rule)
        now = time.monotonic()
        state.seconds += now - started
        self._parts.epoch(
            EpochMetrics(
                epoch=step,
                seconds=now - started,
                training=trained,
                validation=validation,
                before=before,
                window=self._place(window, windows, count, validated, now),
                pseudo_labels=rounds[-1] if rounds else None,
                learning_rate=self._trainer.learning_rate,
            )
        )
        self._keep()
        if ended_by is not None:
            raise _NewProcessNeeded(ended_by.message) from ended_by

    def _validate(self, samples: Samples, validated: int) -> Mapping[str, float]:
        """Evaluate the first ``validated`` samples, and keep the newest ones for comparisons."""
        if not validated:
            return {}
        with samples.rows(0, validated) as part:
            metrics = self._session.evaluate(part)
            newest = Newest(part.features.array, part.labels.array)
            self._state.held_out = Newest.joined(self._state.held_out, newest)
        return metrics

    def _place(self, window: Window, windows: Windows, count: int, validated: int, now: float) -> WindowPlace:
        """Return what is shown of a window of which ``count`` samples were learnt or ``validated``."""
        since, self._last_end = self._last_end, now
        return WindowPlace(
            records=window.records,
            trained=count - validated,
            validated=validated,
            left_out=window.left_out + len(window) - count,
            lag=windows.ends.behind(window.reading),
            rate=window.records / max(now - since, 1e-9),
            ended_ms=int(time.time() * 1000),
        )

    def _fit_to(self, window: Window) -> WindowFit | None:
        """Return how windows are handed to the model, decided by the first one with samples."""
        if self._state.fit is None and len(window):
            self._state.fit = fit_windows_to_model(
                window, self._model.signature, targets=self._plan.targets, describe_loss=self._session.describe_loss
            )
            if self._trainer.labeller is not None:
                self._trainer.labeller.check(self._state.fit.arrays(window)[1])
        return self._state.fit

    def _count_wrong(self, window: Window, fit: WindowFit, samples: WindowSamples) -> None:
        """Count the samples whose labels cannot be learnt; DecodeError when these are too many."""
        if fit.labels is None:
            return
        rows, labels = samples.wrong
        for row, label in zip(rows.tolist(), labels, strict=True):
            error = DecodeError(
                f"the label is {label!s:.40}: expected {fit.labels.expected}, as the model's loss takes",
                hint="the classes of a stream without end cannot be renumbered: send the number of each label's "
                "class, from 0 on",
            )
            self._state.unlearnable.add(window.place(row), error)
        records = window.reading.records
        self._state.unlearnable.check(records, records)

    def _compare(self, rule: PromotionRule) -> KafkaMLError | None:
        """Compare the model with the champion on the held-out samples, and make it a version if it is better by enough.

        Returns the error that ended the model process while it wrote the version's files, if any. The version then has
        the files written before.
        """
        state = self._state
        assert state.held_out is not None
        with self._held_out(state.held_out) as samples:
            challenger = self._session.evaluate(samples)
            champion = None if state.champion is None else self._session.evaluate(samples, champion=True)
        state.comparison = rule.compare(
            self._parts.monitored(challenger),
            None if champion is None else self._parts.monitored(champion),
            number=state.champion,
            samples=len(state.held_out),
        )
        if not state.comparison.promotes:
            return None
        self._session.keep_champion()
        self._saved = self._session.save_state(self._part.folder)
        ended = self._finish()
        ended_by = self._parts.ended_by
        if isinstance(ended_by, ModelProcessDied) and ended_by.reason == LimitReason.KILLED:
            # Learning the window again will give the complete version.
            raise ended_by
        artifacts, learnt = self._parts.upload(), self._learnt()
        state.champion = self._parts.version_finished(ended, artifacts, self._model, learnt, self._whence()).version
        logger.info("the model has improved", version=state.champion, window=state.step)
        failpoint("incremental.version")
        return ended_by

    def _held_out(self, held_out: Newest) -> Samples:
        without_labels = self._state.fit is not None and self._state.fit.labels is None
        return share(held_out.features, held_out.labels, targets_are_features=without_labels)

    def _keep(self) -> None:
        """Save what was learnt where another attempt finds it. From then on the window counts as learnt."""
        state, state_file = self._state, self._saved or self._session.save_state(self._part.folder)
        self._saved = None
        failpoint("incremental.state_saved")
        contents = Contents(
            step=state.step,
            state=state_file,
            document={**state.to_json(), "warnings": self._part.warnings.texts},
            arrays=state.arrays,
            records=state.reading.records,
            positions=self._whence().wire_positions,
        )
        self.kept = self._context.keep_checkpoint(self._part, contents)

    def _restore(self, path: Path) -> None:
        contents = self._context.read_checkpoint(path)
        self._state = LearningState.restored(contents)
        self._part.warnings.add(*contents.document["warnings"])
        if self._state.sample is not None:
            # Repeat the first window's set-up before restoring the state, so that the session knows the model's shapes.
            row = self._state.sample[:1]
            with share(row, row, targets_are_features=False) as sample:
                self._session.describe_loss(sample.features, self._model.signature)
        self._session.restore_state(contents.state)
        logger.info("going on from a checkpoint", step=self._state.step, records=self._state.reading.records)

    def _finish(self) -> Sequence[Ended]:
        """Have the files of all models written, and try them on what was held out."""
        state, fit = self._state, self._state.fit
        assert fit is not None
        assert state.sample is not None
        assert state.reading.decided is not None
        held_out = state.held_out or Newest(state.sample[:0], state.sample[:0])
        with self._held_out(held_out) as samples:
            trial = Trial(
                sample=state.sample,
                test=samples if len(held_out) else None,
                no_test="no sample was held out, because none validates",
                shown=samples,
                decoded=held_out.features.reshape(len(held_out), *state.reading.decided.features[1]),
                has_labels=fit.labels is not None,
                class_names=fit.class_names,
                validation=samples if len(held_out) else None,
                tested="validation",
            )
            wants_matrix = self._plan.confusion_matrix and len(held_out) > 0
            ended = self._parts.finish(self._session, trial, with_matrix=wants_matrix, with_onnx=state.converts)
        self._parts.keep_contract(state.reading.decided.settings)
        state.converts = all(outcome.found.converts for outcome in ended)
        return ended

    def _learnt(self) -> Learnt:
        state, fit = self._state, self._state.fit
        assert fit is not None
        assert state.reading.decided is not None
        tested = 0 if state.held_out is None else len(state.held_out)
        samples = {"training": state.trained, "validation": state.validated, "test": tested}
        warnings = [*fit.warnings, *state.reading.warnings, *state.unlearnable.warnings(state.reading.records)]
        terms, labeller = self._terms.semi_supervised, self._trainer.labeller
        if terms is not None and labeller is not None:
            samples["pseudo_labelled"] = state.pseudo_labelled
            if not state.pseudo_labelled:
                warnings.append(none_chosen(state.unlabelled, terms, labeller.surest))
        split = _split_text(self._terms, self._plan, self._parts.contract, state.step)
        return Learnt(
            seconds=state.seconds,
            samples=samples,
            slice_sha256=state.reading.sha256,
            split=f"{split}; the newest {tested} of these test",
            class_names=fit.class_names,
            settings=state.reading.decided.settings,
            warnings=warnings,
            pseudo_labels=state.pseudo_labels,
        )

    def _whence(self) -> Whence:
        state = self._state
        return Whence(step=state.step, positions=state.reading.positions, comparison=state.comparison)

    def _nothing_learnt(self, reading: Reading) -> NoReturn:
        """Return why a finished stream gave nothing to learn."""
        if reading.records:
            reading.left_out.check(reading.records)
        topics = ", ".join(dict.fromkeys(stream_range.topic for stream_range in self._plan.stream.ranges))
        raise StreamUnavailable(
            f"nothing came: {topics} got {reading.records or 'no'} records since the stream was announced, and "
            f"{self._terms.limits.idle_seconds:g} s passed without one",
            hint="start the deployment, then send; a sink that pauses for longer needs a longer stream_timeout, or an "
            "indefinite deployment",
        )


def _split_text(terms: Terms, plan: TrainingPlan, contract: Contract | None, windows: int) -> str:
    rate, seed = f"{float(terms.held_out.rate):g}", f"chosen by seed {plan.seed}"
    if contract is None:
        return f"{rate} of each of {windows} windows validates, {seed}"
    match contract.split:
        case SplitBy.TIME:
            return f"the newest {rate} of each of {windows} windows validates"
        case SplitBy.KEY:
            return f"about {rate} of the keys validate in all {windows} windows, {seed}"
    return f"about {rate} of the records validate by their content, {seed}, in {windows} windows"
