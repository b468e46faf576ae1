"""Incremental training: a stream without end is learnt window by window, and what it taught is kept after each.

The order of ``_Learner.learn`` is the whole story of a window: tried before it is learnt, learnt (where that is asked
for with the unlabelled samples that the model is sure of), validated, compared with the champion, reported, kept. One
window is one step. Whatever ends the attempt, another one goes on behind the last window that was kept, and learns the
next as this one would have.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from kafkaml.checkpoints import Contents
from kafkaml.errors import DecodeError, KafkaMLError, ModelProcessDied, StreamUnavailable, UserCodeError
from kafkaml.failpoints import failpoint
from kafkaml.frameworks import FRAMEWORKS, Purpose
from kafkaml.left_out import LeftOut
from kafkaml.logs import get_logger
from kafkaml.wire.checkpoint import WindowEnd, by_partition, by_topic
from kafkaml.wire.contract import SplitBy
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.progress import EpochMetrics, WindowPlace
from kafkaml.wire.semi_supervised import PseudoLabels, SemiSupervised
from kafkaml.wire.training import TrainingPlan
from kafkaml.wire.version import Comparison
from mlcode_executor.process import LimitReason
from model_training.context import RunContext
from model_training.finishing import Learnt, Trial
from model_training.fitting import WindowFit, blamed, fit_windows_to_model
from model_training.interrupts import Interrupted
from model_training.model_session import Samples
from model_training.newest import Newest, share, shared
from model_training.part import TrainedPart, Whence
from model_training.parts import Ended, Parts
from model_training.promotion import PromotionRule
from model_training.pseudo_labels import PseudoLabeller, labels_of, none_chosen, unused_unlabelled
from model_training.rounds import Rounds
from model_training.window import HeldOut, Reading, Window
from model_training.window_samples import Ahead, Order, Ordering, WindowSamples
from model_training.windows import Limits, Windows

__all__ = ["run"]

logger = get_logger(__name__)

# What a trained model is tried on where nothing was held out: enough for its answers in a batch.
_SAMPLE_ROWS = 64
_SAMPLE, _HELD_OUT, _LABELLED, _KEYS = "sample", "held_out", "labelled", "keys_"
# What usually keeps a loss a number.
_STEADIER = "a smaller learning rate, features scaled to 0..1, or clipped gradients (clipnorm=1.0) usually help"
# Arguments of fit that say something of windows, by the names that all frameworks know them by.
_PASSES, _SHUFFLE = "epochs", "shuffle"
_KNOWN_ARGUMENTS = frozenset({_PASSES, _SHUFFLE, "class_weight", "to_tensor", "verbose"})


@dataclass(frozen=True, kw_only=True)
class _Terms:
    """What was asked for: checked, and with the defaults filled in."""

    limits: Limits
    held_out: HeldOut
    rule: PromotionRule | None
    semi_supervised: SemiSupervised | None
    passes: int
    ordering: Ordering
    ignored: Sequence[str]

    @classmethod
    def of(cls, plan: TrainingPlan) -> _Terms:
        """Read the plan; raises SettingsError for what cannot be done."""
        settings = plan.incremental or Incremental()
        rate = plan.stream.validation_rate if settings.validation_rate is None else settings.validation_rate
        given = FRAMEWORKS[plan.framework].arguments[Purpose.FIT].in_common_names(plan.fit_arguments)
        return cls(
            limits=Limits(
                records=settings.window_records,
                seconds=settings.message_poll_timeout / 1000,
                idle_seconds=None if settings.indefinite else settings.stream_timeout / 1000,
            ),
            # As a fraction, because 0.29 of 100 is 28.999... in floating point.
            held_out=HeldOut(rate=Fraction(rate).limit_denominator(1_000_000_000), seed=plan.seed % 2**64),
            rule=PromotionRule.of(settings, validation_rate=rate),
            semi_supervised=plan.semi_supervised,
            passes=given.get(_PASSES, 1),
            ordering=Ordering(seed=plan.seed % 2**64, shuffle=given.get(_SHUFFLE, True), batch_size=plan.batch_size),
            ignored=sorted(set(given) - _KNOWN_ARGUMENTS),
        )


@dataclass
class _State:
    """Where the learning stands after ``step`` windows; with the model's own state it is all there is to go on from."""

    step: int = 0
    reading: Reading = field(default_factory=Reading)
    fit: WindowFit | None = None
    # Samples whose labels cannot be learnt, beside what the reading left out.
    unlearnable: LeftOut = field(default_factory=LeftOut)
    trained: int = 0
    validated: int = 0
    champion: int | None = None
    comparison: Comparison | None = None
    seconds: float = 0.0
    # Whether the model may be converted to ONNX: once that ended the model process it is not tried again.
    converts: bool = True
    held_out: Newest | None = None
    # Those that windows without any are learnt with, and what came of the unlabelled ones; where these are learnt.
    labelled: Newest | None = None
    unlabelled: int = 0
    pseudo_labelled: int = 0
    pseudo_labels: list[PseudoLabels] = field(default_factory=list)
    sample: NDArray[Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all but the arrays."""
        return {
            "reading": self.reading.to_json(),
            "fit": None if self.fit is None else self.fit.to_json(),
            "unlearnable": self.unlearnable.to_json(),
            "trained": self.trained,
            "validated": self.validated,
            "champion": self.champion,
            "comparison": None if self.comparison is None else self.comparison.to_json(),
            "seconds": self.seconds,
            "converts": self.converts,
            "unlabelled": self.unlabelled,
            "pseudo_labelled": self.pseudo_labelled,
            "pseudo_labels": [each.to_json() for each in self.pseudo_labels],
        }

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The samples that are kept, those held out, the newest labelled ones and a few for trying the model, and what
        is known of keys.
        """
        held_out = {} if self.held_out is None else self.held_out.arrays(_HELD_OUT)
        labelled = {} if self.labelled is None else self.labelled.arrays(_LABELLED)
        keys = {f"{_KEYS}{name}": array for name, array in self.reading.state.items()}
        return {**held_out, **labelled, **keys, **({} if self.sample is None else {_SAMPLE: self.sample})}

    @classmethod
    def restored(cls, contents: Contents) -> _State:
        """Return the state that ``to_json`` and ``arrays`` described."""
        document, arrays = contents.document, contents.arrays
        fit, comparison = document["fit"], document["comparison"]
        return cls(
            step=contents.step,
            reading=Reading.from_json(
                document["reading"],
                {name.removeprefix(_KEYS): array for name, array in arrays.items() if name.startswith(_KEYS)},
            ),
            fit=None if fit is None else WindowFit.from_json(fit),
            unlearnable=LeftOut.from_json(document["unlearnable"]),
            trained=document["trained"],
            validated=document["validated"],
            champion=document["champion"],
            comparison=None if comparison is None else Comparison.model_validate(comparison),
            seconds=document["seconds"],
            converts=document["converts"],
            held_out=Newest.from_arrays(arrays, _HELD_OUT),
            sample=arrays.get(_SAMPLE),
            labelled=Newest.from_arrays(arrays, _LABELLED),
            unlabelled=document["unlabelled"],
            pseudo_labelled=document["pseudo_labelled"],
            pseudo_labels=[PseudoLabels.model_validate(each) for each in document["pseudo_labels"]],
        )


def run(context: RunContext) -> Sequence[TrainedPart]:
    """Learn the plan's stream until it is over or stopped; returns the last version of each of its parts."""
    terms = _Terms.of(context.plan)
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
            # Killed from outside, which says nothing of the model; after a step in vain the backend decides.
            if died.reason != LimitReason.KILLED or learner.kept == kept:
                raise
            logger.warning("the model process was killed, going on from the last window kept", cause=died.message)
        except _NewProcessNeeded as needed:
            logger.warning("making a version ended the model process, going on in another one", cause=str(needed))
        kept, begun = learner.kept, learner.begun
        parts.begin_anew()


class _NewProcessNeeded(Exception):
    """The model process ended after all that it learnt was kept."""


class _Learner:
    """Learns with one model process, from a checkpoint on if there is one."""

    def __init__(
        self, context: RunContext, terms: _Terms, parts: Parts, kept: Path | None, begun: WindowEnd | None
    ) -> None:
        self._context = context
        self._plan = context.plan
        self._terms = terms
        self._parts = parts
        self._part = parts.leader
        self._state = _State()
        self._started = self._last_end = time.monotonic()
        # Of the pass that was learnt last.
        self._learning_rate: Mapping[str, float] = {}
        # The model's state behind the present window, where it was saved before the window's end.
        self._saved: Path | None = None
        self.kept, self.begun = kept, begun
        self._ahead = Ahead()

    def run(self) -> Sequence[TrainedPart]:
        """Learn to the end of the stream, or until a person stops it, and finish all parts."""
        with self._context.session() as self._session:
            self._model = self._session.build()
            if self._terms.semi_supervised is not None:
                self._labeller = PseudoLabeller(self._terms.semi_supervised, self._session, self._part.warnings)
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
        # The model process is gone: nobody writes to the files any more.
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
                # A stop waits until the window is learnt and kept: half of it would be lost.
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
        # Without a label, samples teach a model only what it has learnt before.
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
        rounds: list[PseudoLabels] = []
        if terms.semi_supervised is None:
            trained = self._train(samples, order, fit)
        else:
            trained = self._train_in_rounds(samples, order, fit, unlabelled, rounds)
        failpoint("incremental.trained")
        validation: Mapping[str, float] = {}
        if validated:
            with samples.rows(0, validated) as part:
                validation = self._session.evaluate(part)
                newest = Newest(part.features.array, part.labels.array)
                state.held_out = Newest.joined(state.held_out, newest)
        if state.sample is None:
            state.sample = samples.features.array[validated:][:_SAMPLE_ROWS].copy()
        state.step, state.reading = step, window.reading
        state.trained += count - validated
        state.validated += validated
        has_changed = bool(validated) or any(each.added for each in rounds)
        ended_by: KafkaMLError | None = None
        if has_changed and state.held_out is not None and terms.rule is not None:
            ended_by = self._compare(terms.rule)
        now = time.monotonic()
        state.seconds += now - started
        place = WindowPlace(
            records=window.records,
            trained=count - validated,
            validated=validated,
            left_out=window.left_out + len(window) - count,
            lag=windows.ends.behind(window.reading),
            rate=window.records / max(now - self._last_end, 1e-9),
            ended_ms=int(time.time() * 1000),
        )
        self._last_end = now
        self._parts.epoch(
            EpochMetrics(
                epoch=step,
                seconds=now - started,
                training=trained,
                validation=validation,
                before=before,
                window=place,
                pseudo_labels=rounds[-1] if rounds else None,
                learning_rate=self._learning_rate,
            )
        )
        self._keep()
        if ended_by is not None:
            raise _NewProcessNeeded(ended_by.message) from ended_by

    def _fit_to(self, window: Window) -> WindowFit | None:
        """Return how windows are handed to the model, which the first one with samples tells."""
        if self._state.fit is None and len(window):
            self._state.fit = fit_windows_to_model(
                window, self._model.signature, targets=self._plan.targets, describe_loss=self._session.describe_loss
            )
            if self._terms.semi_supervised is not None:
                self._labeller.check(self._state.fit.arrays(window)[1])
        return self._state.fit

    def _count_wrong(self, window: Window, fit: WindowFit, samples: WindowSamples) -> None:
        """Count the samples whose labels cannot be learnt; DecodeError when these are too many."""
        if fit.labels is None:
            return
        rows, labels = samples.wrong
        for row, label in zip(rows.tolist(), labels, strict=True):
            error = DecodeError(
                f"the label is {label!s:.40}: expected {fit.labels.expected}, as the model's loss takes",
                hint="of a stream without end the classes cannot be numbered anew: send the number of each label's "
                "class, from 0 on",
            )
            self._state.unlearnable.add(window.place(row), error)
        records = window.reading.records
        self._state.unlearnable.check(records, records)

    def _train(self, samples: Samples, order: Order, fit: WindowFit) -> Mapping[str, float]:
        """Learn the samples behind those that validate; a stop leaves out passes that did not begin."""
        metrics: Mapping[str, float] = {}
        with samples.rows(order.validated, len(samples)) as training:
            for number in range(self._terms.passes):
                if number and self._context.interrupts.stopped:
                    break
                if number and self._terms.ordering.shuffle:
                    order.mix_again(samples, number)
                try:
                    done = self._session.partial_fit(training)
                except UserCodeError as error:
                    if not fit.doubts:
                        raise
                    raise blamed(error, *fit.doubts[0]) from error
                metrics, self._learning_rate = done.metrics, done.learning_rate
                self._part.warnings.add(*done.warnings)
        lost = [name for name, value in metrics.items() if not math.isfinite(value)]
        if lost:
            self._part.warnings.add(f"the training diverged: {', '.join(lost)} ceased to be a number; {_STEADIER}")
        return metrics

    def _train_in_rounds(
        self,
        samples: Samples,
        order: Order,
        fit: WindowFit,
        unlabelled: NDArray[Any],
        rounds: list[PseudoLabels],
    ) -> Mapping[str, float]:
        """As ``_train``, in rounds with the ``unlabelled`` samples of which the model is sure; ``rounds`` gets them."""
        terms, state = self._terms, self._state
        assert terms.semi_supervised is not None
        own = Newest(samples.features.array[order.validated :], samples.labels.array[order.validated :])
        metrics: Mapping[str, float] = {}
        # A model that has learnt nothing is sure of anything.
        labelled_alone = not state.trained or not len(unlabelled)
        if len(own):
            state.labelled = Newest.joined(state.labelled, own)
            metrics = self._train(samples, order, fit) if labelled_alone else {}
        labelled = own if len(own) else state.labelled
        chosen = 0
        if len(unlabelled) and labelled is not None:
            with shared(unlabelled) as features:
                driver = Rounds(self._labeller, features, most=terms.semi_supervised.rounds, first=1)
                while not (driver.told and self._context.interrupts.stopped) and driver.begin():
                    rows = driver.chosen.rows
                    pseudo = labels_of(driver.chosen.classes, like=labelled.labels[:0], count=driver.classes)
                    union = Newest(
                        np.concatenate([labelled.features, unlabelled[rows]]),
                        np.concatenate([labelled.labels, pseudo]),
                    )
                    metrics = self._train_union(union, fit, driver.told[-1].round)
                    failpoint("incremental.round")
                    if not driver.end():
                        break
            rounds += driver.told
            chosen = len(driver.chosen)
            state.unlabelled += len(unlabelled)
            state.pseudo_labelled += chosen
            state.pseudo_labels = rounds
        if len(own) and not labelled_alone and not chosen:
            metrics = self._train(samples, order, fit)
        return metrics

    def _train_union(self, union: Newest, fit: WindowFit, number: int) -> Mapping[str, float]:
        order = Order(self._terms.ordering, step=self._state.step + 1, count=len(union), validates=0, round_=number)
        with share(union.features, union.labels, rows=order.rows, targets_are_features=False) as samples:
            return self._train(samples, order, fit)

    def _compare(self, rule: PromotionRule) -> KafkaMLError | None:
        """Compare with the champion on the held-out samples, and make a version of what is enough better.

        Returns what ended the model process while it made the version's files: the version has those before it.
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
            # Learnt again, the window gives the whole version.
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
        """Keep what was learnt, where another attempt finds it; the window counts from here on."""
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
        self._state = _State.restored(contents)
        self._part.warnings.add(*contents.document["warnings"])
        if self._state.sample is not None:
            # As the first window did, before the state that followed it: the session learns the model's shapes.
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
        assert state.reading.told is not None
        held_out = state.held_out or Newest(state.sample[:0], state.sample[:0])
        with self._held_out(held_out) as samples:
            trial = Trial(
                sample=state.sample,
                test=samples if len(held_out) else None,
                no_test="no sample was held out, because none validates",
                shown=samples,
                decoded=held_out.features.reshape(len(held_out), *state.reading.told.features[1]),
                has_labels=fit.labels is not None,
                class_names=fit.class_names,
                validation=samples if len(held_out) else None,
                tested="validation",
            )
            wants_matrix = self._plan.confusion_matrix and len(held_out) > 0
            ended = self._parts.finish(self._session, trial, with_matrix=wants_matrix, with_onnx=state.converts)
        self._parts.keep_contract(state.reading.told.settings)
        state.converts = all(each.found.converts for each in ended)
        return ended

    def _learnt(self) -> Learnt:
        state, fit = self._state, self._state.fit
        assert fit is not None
        assert state.reading.told is not None
        tested = 0 if state.held_out is None else len(state.held_out)
        samples = {"training": state.trained, "validation": state.validated, "test": tested}
        warnings = [*fit.warnings, *state.reading.warnings, *state.unlearnable.warnings(state.reading.records)]
        terms = self._terms.semi_supervised
        if terms is not None:
            samples["pseudo_labelled"] = state.pseudo_labelled
            if not state.pseudo_labelled:
                warnings.append(none_chosen(state.unlabelled, terms, self._labeller.surest))
        return Learnt(
            seconds=state.seconds,
            samples=samples,
            slice_sha256=state.reading.sha256,
            split=f"{self._split(state.step)}; the newest {tested} of these test",
            class_names=fit.class_names,
            settings=state.reading.told.settings,
            warnings=warnings,
            pseudo_labels=state.pseudo_labels,
        )

    def _split(self, windows: int) -> str:
        rate, seed = f"{float(self._terms.held_out.rate):g}", f"chosen by seed {self._plan.seed}"
        contract = self._parts.contract
        if contract is None:
            return f"{rate} of each of {windows} windows validates, {seed}"
        match contract.split:
            case SplitBy.TIME:
                return f"the newest {rate} of each of {windows} windows validates"
            case SplitBy.KEY:
                return f"about {rate} of the keys validate in all {windows} windows, {seed}"
        return f"about {rate} of the records validate by their content, {seed}, in {windows} windows"

    def _whence(self) -> Whence:
        state = self._state
        return Whence(step=state.step, positions=state.reading.positions, comparison=state.comparison)

    def _nothing_learnt(self, reading: Reading) -> NoReturn:
        """Say why a stream that is over gave nothing to learn."""
        if reading.records:
            reading.left_out.check(reading.records)
        topics = ", ".join(dict.fromkeys(each.topic for each in self._plan.stream.ranges))
        raise StreamUnavailable(
            f"nothing came: {topics} got {reading.records or 'no'} records since the stream was announced, and "
            f"{self._terms.limits.idle_seconds:g} s passed without one",
            hint="start the deployment, then send; a sink that pauses for longer needs a longer stream_timeout, or an "
            "indefinite deployment",
        )
