"""A chain of sub-models as one network with several exits: the parts that both frameworks' handlers share.

Every exit but the top's sub-model answers ``(to_upper, prediction)``; all are trained together on the same labels, with
a weighted sum of the losses (BranchyNet: Teerapittayanon et al., 2016).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from kafkaml.chains import exits_gap, outputs_gap, shape_gap
from kafkaml.errors import UserCodeError
from kafkaml.wire.framework import Framework
from mlcode_executor.frameworks.base import Array, ModelReport

__all__ = [
    "ChainTerms",
    "are_probabilities",
    "chain_report",
    "check_reports",
    "exit_outputs",
    "of_sub_model",
    "seconds_per_sample",
]

# Tolerance for the sum of probabilities. In half precision they add up to one only approximately.
_TOLERANCE = 0.01
_TIMED_ANSWERS = 30


@dataclass(frozen=True, kw_only=True)
class ChainTerms:
    """The settings of a chain's training. ``names`` are the exits from below, ``weights`` the weights of
    their losses.
    """

    names: Sequence[str]
    weights: Sequence[float]
    optimizer: str
    learning_rate: float
    loss: str
    metrics: Sequence[str]

    @classmethod
    def of(cls, chain: Sequence[Mapping[str, Any]], training: Mapping[str, Any]) -> Self:
        """Read the parameters ``chain`` and ``chain_training`` of ``build``."""
        return cls(
            names=[str(part["name"]) for part in chain],
            weights=[float(part["loss_weight"]) for part in chain],
            optimizer=str(training["optimizer"]),
            learning_rate=float(training["learning_rate"]),
            loss=str(training["loss"]),
            metrics=[str(metric) for metric in training["metrics"]],
        )

    @property
    def evaluated(self) -> list[str]:
        """The metric names of an evaluation; a single exit has those of an ordinary model."""
        if len(self.names) == 1:
            return ["loss", *self.metrics]
        return ["loss", *(f"{name}_{metric}" for name in self.names for metric in ("loss", *self.metrics))]


def chain_report(
    terms: ChainTerms, reports: Sequence[ModelReport], *, notes: Sequence[str], labels: str
) -> ModelReport:
    """Return the report of the whole chain from those of its sub-models: the lowest one's inputs, the top's outputs."""
    named = list(zip(terms.names, reports, strict=True))
    return ModelReport(
        summary="\n\n".join(f"{name}\n{report.summary}" for name, report in named),
        inputs=reports[0].inputs,
        outputs=reports[-1].outputs,
        parameters=sum(report.parameters for report in reports),
        trainable_parameters=sum(report.trainable_parameters for report in reports),
        metrics=terms.evaluated,
        labels=labels,
        warnings=[f"{name}: {warning}" for name, report in named for warning in report.warnings],
        notes=[*notes, *(f"{name}: {note}" for name, report in named for note in report.notes)],
        versions=reports[0].versions,
    )


@contextmanager
def of_sub_model(name: str, about: str = "") -> Iterator[None]:
    """Name the sub-model in errors of its code, with ``about`` in brackets."""
    try:
        yield
    except UserCodeError as error:
        whose = f"sub-model {name!r}"
        raise UserCodeError(
            f"{whose}{about and f' ({about})'}: {error.message.removeprefix(f'{whose}: ')}",
            traceback_text=error.traceback_text,
            line=error.line,
            source=error.source,
            kind=error.kind,
            hint=error.hint,
        ) from error


def exit_outputs(name: str, outputs: Sequence[Any], *, is_top: bool) -> tuple[Any, Any]:
    """Return what goes up (None for the top) and the prediction. Raises UserCodeError for another number of outputs."""
    if gap := outputs_gap(name, len(outputs), top=is_top):
        raise UserCodeError(gap, kind="invalid")
    return (None if is_top else outputs[0]), outputs[-1]


def check_reports(names: Sequence[str], reports: Sequence[ModelReport], framework: Framework) -> None:
    """Raise UserCodeError where, as far as reports from below tell, sub-models do not belong together."""
    for index, (name, report) in enumerate(zip(names, reports, strict=True)):
        if report.outputs:
            exit_outputs(name, report.outputs, is_top=index == len(names) - 1)
    for (lower, below), (upper, above) in itertools.pairwise(zip(names, reports, strict=True)):
        gap = ""
        if below.outputs and above.inputs:
            gap = shape_gap(lower, below.outputs[0].shape[1:], upper, above.inputs[0].shape[1:], framework)
        if not gap and below.outputs and above.outputs:
            gap = exits_gap(lower, below.outputs[-1].shape[1:], upper, above.outputs[-1].shape[1:])
        if gap:
            raise UserCodeError(gap, kind="invalid")


def are_probabilities(answers: Sequence[Array]) -> bool:
    """Whether ``answers`` (each (n, classes)) of one exit are probabilities, judged by their values.

    A softmax adds up to one. A sigmoid stays within 0 and 1 for any input, which extreme samples show.
    """
    for answer in answers:
        rows = answer.reshape(len(answer), -1).astype(np.float64)
        if not np.isfinite(rows).all() or (rows < 0).any() or (rows > 1 + _TOLERANCE).any():
            return False
    return True


def seconds_per_sample(predict: Callable[[Array], Any], features: Array) -> float:
    """Return how long one answer takes in batches of one: the median of a few, after a warm-up."""
    sample = np.ascontiguousarray(features[:1])
    predict(sample)
    times = []
    for _ in range(_TIMED_ANSWERS):
        started = time.perf_counter()
        predict(sample)
        times.append(time.perf_counter() - started)
    return float(np.median(times))
