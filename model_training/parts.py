"""Parts: the models that a run trains together: one, or the sub-models of a chain from below. Used by the modes.

Reports during training go to each model's own result, with the metrics split. The last part leads: it holds the run's
warnings, checkpoints and windows, and is reported last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kafkaml.artifacts import CONTRACT_FILE
from kafkaml.codecs import with_learnt
from kafkaml.codecs.columns import contract_of
from kafkaml.errors import KafkaMLError
from kafkaml.exit_samples import EXITS_FILE, MAX_SAMPLES, ExitSamples, TierSamples
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.input_format import InputFormat
from kafkaml.wire.contract import Contract, contract_document
from kafkaml.wire.contract import Learnt as ContractLearnt
from kafkaml.wire.distributed import Exit, Scores
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.shared_array import SharedArray
from model_training.chain import ChainMetrics
from model_training.confusion import NoConfusionMatrix, classes_of
from model_training.context import RunContext
from model_training.exits import answered, temperature
from model_training.finishing import Findings, Finisher, Learnt, Trial, outcome_of
from model_training.model_session import BuiltModel, ModelSession, Samples
from model_training.part import NothingServable, Part, TrainedPart, Whence
from model_training.sub_model import SubModel
from model_training.trained_model import TrainedModel

__all__ = ["Ended", "Parts"]

# Samples to build a sub-model with, and to see whether it answers.
_DESCRIBED_SAMPLES = 64


@dataclass(frozen=True)
class Ended:
    """A trained model, and what the steps after its training found."""

    model: TrainedModel
    found: Findings


class Parts:
    """All models of the run, each with its part."""

    def __init__(self, context: RunContext) -> None:
        plan = context.plan
        self._plans: Sequence[TrainingPlan] = [
            plan.model_copy(update=part_plan.model_dump(include={"result_id", "model_name", "code", "imports"}))
            for part_plan in plan.chain
        ] or [plan]
        self._metrics = ChainMetrics(plan) if plan.chain else None
        self._parts = [context.part(plan.model_name) for plan in self._plans]

    @property
    def leader(self) -> Part:
        """The part of the run itself."""
        return self._parts[-1]

    def reset(self) -> None:
        """Forget the steps and files of the previous version, or of a model process that has ended."""
        for part in self._parts:
            part.reset()

    def progress(self, progress: Progress) -> None:
        """Report the run's progress, to each part with its own metrics."""
        for number, part in enumerate(self._parts):
            part.reporter.progress(progress.model_copy(update={"metrics": self._own(number, progress.metrics)}))

    def epoch(self, metrics: EpochMetrics) -> None:
        """Report an epoch or a window, to each part with its own metrics."""
        for number, part in enumerate(self._parts):
            own = {name: self._own(number, getattr(metrics, name)) for name in ("training", "validation", "before")}
            part.reporter.epoch(metrics.model_copy(update=own))

    def monitored(self, metrics: Mapping[str, float]) -> Mapping[str, float]:
        """Return the metrics of an evaluation that can decide about versions."""
        return metrics if self._metrics is None else self._metrics.monitored(metrics)

    def monitorable(self, names: Sequence[str]) -> Sequence[str]:
        """Return the names of the metrics that ``monitored`` returns; ``names`` are those of an evaluation."""
        return names if self._metrics is None else self._metrics.monitorable

    def finish(
        self, session: ModelSession, trial: Trial, *, with_matrix: bool, with_onnx: bool = True
    ) -> Sequence[Ended]:
        """Save the servable files of all models, then evaluate, then make the files that may end the model process."""
        finishers = self._finishers(session, trial)
        for finisher in finishers:
            finisher.keep()
        for finisher in finishers:
            finisher.examine(with_matrix=with_matrix)
        exits = self._exits([finisher.model for finisher in finishers], trial)
        with_onnx = with_onnx and FRAMEWORKS[self._plans[0].framework].converts
        ended = []
        for finisher, exit_ in zip(finishers, exits, strict=True):
            found = finisher.convert(with_onnx=with_onnx)
            with_onnx = found.converts
            ended.append(Ended(finisher.model, replace(found, exit=exit_)))
        return ended

    @property
    def contract(self) -> Contract | None:
        """The contract by which the stream is read, where it is a data set of columns."""
        stream = self._plans[0].stream
        return contract_of(stream.input_config)[0] if stream.input_format == InputFormat.COLUMNS else None

    def keep_contract(self, learnt: Mapping[str, Any]) -> None:
        """Add the contract of the stream, if it has one, completed by what was ``learnt``, to the files of
        every part.
        """
        if self.contract is None:
            return
        contract, found = contract_of(with_learnt(self._plans[0].stream.input_config, learnt))
        for part in self._parts:
            path = part.folder / CONTRACT_FILE
            path.write_bytes(contract_document(contract, found or ContractLearnt()))
            part.files.add(path)

    def upload(self) -> Sequence[Mapping[str, str]]:
        """Send the files of all parts; returns their hashes by name. Called after the model process has ended."""
        return [part.files.upload(part.reporter) for part in self._parts]

    def version_finished(
        self,
        ended: Sequence[Ended],
        artifacts: Sequence[Mapping[str, str]],
        built: BuiltModel,
        learnt: Learnt,
        whence: Whence,
    ) -> TrainedPart:
        """Report a version of every model while the training continues; returns the leader's."""
        outcomes = self._outcomes(ended, artifacts, built, learnt)
        *_, last = [part.version_finished(outcome, whence) for part, outcome in zip(self._parts, outcomes, strict=True)]
        return last

    def finished(
        self,
        ended: Sequence[Ended],
        artifacts: Sequence[Mapping[str, str]],
        built: BuiltModel,
        learnt: Learnt,
        whence: Whence | None = None,
    ) -> Sequence[TrainedPart]:
        """Report the end of every part until the backend has confirmed it, the leader's last."""
        outcomes = self._outcomes(ended, artifacts, built, learnt)
        return [part.finished(outcome, whence) for part, outcome in zip(self._parts, outcomes, strict=True)]

    @property
    def ended_by(self) -> KafkaMLError | None:
        """What ended the model process in a step after training; None while it is alive."""
        return next((part.steps.ended_by for part in self._parts if part.steps.ended_by is not None), None)

    def _own(self, number: int, metrics: Mapping[str, float]) -> Mapping[str, float]:
        return metrics if self._metrics is None else self._metrics.of(number, metrics)

    def _outcomes(
        self,
        ended: Sequence[Ended],
        artifacts: Sequence[Mapping[str, str]],
        built: BuiltModel,
        learnt: Learnt,
    ) -> Sequence[TrainingOutcome]:
        """Return the outcomes of all parts before any is reported. Raises NothingServable where one of them cannot be
        served.
        """
        outcomes = [
            outcome_of(
                part,
                outcome.model,
                built,
                plan,
                # Warnings about the data are reported once.
                learnt=learnt if part is self.leader else replace(learnt, warnings=()),
                found=outcome.found,
                artifacts=files,
            )
            for part, outcome, plan, files in zip(self._parts, ended, self._plans, artifacts, strict=True)
        ]
        for part, outcome in zip(self._parts, outcomes, strict=True):
            try:
                part.check_servable(outcome)
            except NothingServable as lost:
                # The leader reports the run as a whole.
                raise NothingServable(lost.reason, outcomes[-1]) from lost
        return outcomes

    def _finishers(self, session: ModelSession, trial: Trial) -> Sequence[Finisher]:
        if self._metrics is None:
            return [Finisher(session, self.leader, trial, evaluate=session.evaluate)]
        whole: Mapping[str, float] | None = None
        metrics = self._metrics

        def evaluate(number: int, samples: Samples) -> Mapping[str, float]:
            """Return the metrics of exit ``number``; all exits are evaluated together, once."""
            nonlocal whole
            if whole is None:
                whole = session.evaluate(samples)
            return metrics.of(number, whole)

        finishers = []
        for number, part in enumerate(self._parts):
            model = session.sub_model(number)
            describe = partial(model.describe, trial.sample[:_DESCRIBED_SAMPLES])
            part.steps.attempt("the sub-model does not answer samples of its training", describe)
            finishers.append(Finisher(model, part, trial, evaluate=partial(evaluate, number)))
        return finishers

    def _exits(self, models: Sequence[TrainedModel], trial: Trial) -> Sequence[Exit | None]:
        """Return what is known of each exit, and add their answers to held-out samples to the leader's files."""
        known: list[Exit | None] = []
        answers: list[TierSamples] = []
        shown, of = (trial.test, trial.tested) if trial.test is not None else (trial.validation, "validation")
        for part, model in zip(self._parts, models, strict=True):
            exit_: Exit | None = None
            if isinstance(model, SubModel):
                describe = partial(_described, model, trial, part)
                exit_ = part.steps.attempt("what its exit answers is not known", describe)
                if exit_ is not None and exit_.scores is not Scores.VALUES and shown is not None:
                    ask = partial(_answered, model, part.model, exit_, shown)
                    found = part.steps.attempt("how sure its exit is, and how right, is not known", ask)
                    answers += [] if found is None else [found]
            known.append(exit_)
        if not answers or len(answers) < len(known):
            return known
        if of != "test":
            self.leader.warnings.add(
                f"how sure and how right the exits are is measured on samples of {of}: there are none that test"
            )
        path = self.leader.folder / EXITS_FILE
        path.write_bytes(ExitSamples(of, tuple(answers)).to_bytes())
        self.leader.files.add(path)
        return known


def _described(model: SubModel, trial: Trial, part: Part) -> Exit:
    """Return what ``model``'s exit answers, and its temperature, estimated from validation samples where
    there are any.
    """
    validation = trial.validation if trial.validation is not None and len(trial.validation) else None
    classes: NDArray[np.int64] = np.zeros(0, np.int64)
    if validation is None:
        with SharedArray.allocate(trial.sample.shape, trial.sample.dtype) as features:
            features.array[...] = trial.sample
            scores = model.scores(features)
        kind = model.kind(scores)
    else:
        with validation.rows(0, min(len(validation), MAX_SAMPLES)) as samples:
            scores = model.scores(samples.features)
            kind = model.kind(scores)
            if kind is not Scores.VALUES:
                classes = _classes(samples, scores, part)
    width = max(2, scores.shape[1])
    return Exit(
        scores=kind,
        classes=0 if kind is Scores.VALUES else width,
        temperature=temperature(scores[: len(classes)], classes, kind),
        upper_bytes=model.upper_bytes,
        seconds_per_sample=model.seconds_per_sample,
    )


def _answered(model: SubModel, name: str, exit_: Exit, held_out: Samples) -> TierSamples | None:
    with held_out.rows(0, min(len(held_out), MAX_SAMPLES)) as samples:
        scores = model.scores(samples.features)
        try:
            classes, _ = classes_of(samples.labels.array, exit_.classes)
        except NoConfusionMatrix:
            return None
        return answered(name, scores, classes, exit_.scores, temperature=exit_.temperature)


def _classes(samples: Samples, scores: NDArray[np.float32], part: Part) -> NDArray[np.int64]:
    try:
        return classes_of(samples.labels.array, max(2, scores.shape[1]))[0]
    except NoConfusionMatrix as error:
        part.warnings.add(f"no temperature is fitted to its exit: {error}")
        return np.zeros(0, np.int64)
