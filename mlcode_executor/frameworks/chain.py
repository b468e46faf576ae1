"""A chain of sub-models as one network with several exits: what both frameworks' handlers need of it.

Every exit but the top's sub-model answers ``(to_upper, prediction)``; all are trained at once on the same labels, the
losses being summed with a weight for each (BranchyNet: Teerapittayanon et al., 2016).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks.base import Array, ModelReport

__all__ = [
    "ChainTerms",
    "are_probabilities",
    "chain_report",
    "check_links",
    "exit_outputs",
    "of_sub_model",
    "seconds_per_sample",
]

# Probabilities in half precision add up to one only about.
_TOLERANCE = 0.01
_TIMED_ANSWERS = 30

Shape = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class ChainTerms:
    """What a chain is compiled with. ``names`` are the exits' from below, ``weights`` those of their losses."""

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
            names=[str(each["name"]) for each in chain],
            weights=[float(each["loss_weight"]) for each in chain],
            optimizer=str(training["optimizer"]),
            learning_rate=float(training["learning_rate"]),
            loss=str(training["loss"]),
            metrics=[str(each) for each in training["metrics"]],
        )

    @property
    def evaluated(self) -> list[str]:
        """The names of what an evaluation gives; of one exit alone, as of an ordinary model."""
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
    """Say in errors of the user's code of which sub-model's it is, with ``about`` it in brackets."""
    try:
        yield
    except UserCodeError as error:
        raise UserCodeError(
            f"sub-model {name!r}{about and f' ({about})'}: {error.message}",
            traceback_text=error.traceback_text,
            line=error.line,
            source=error.source,
            kind=error.kind,
            hint=error.hint,
        ) from error


def exit_outputs(name: str, outputs: Sequence[Any], *, is_top: bool) -> tuple[Any, Any]:
    """Return what goes up (None of the top) and the prediction; UserCodeError for another number of outputs."""
    expected = 1 if is_top else 2
    if len(outputs) != expected:
        raise UserCodeError(
            f"the sub-model {name!r} answers {len(outputs)} arrays: expected "
            + ("its prediction alone, it is the top of its chain" if is_top else "(to_upper, prediction)"),
            kind="invalid",
            hint="a sub-model with an upper model gives two outputs in this order: what goes up, and its prediction",
        )
    return (None if is_top else outputs[0]), outputs[-1]


def check_links(names: Sequence[str], given: Sequence[Shape], taken: Sequence[Shape]) -> None:
    """Raise UserCodeError where what a sub-model gives up is not what the one above takes.

    ``given[i]`` is what sub-model i gives up, ``taken[i]`` what sub-model i takes, both of one sample; None: any size.
    """
    for index, (gives, takes) in enumerate(zip(given, taken[1:], strict=True)):
        fits = len(gives) == len(takes) and all(
            None in (one, other) or one == other for one, other in zip(gives, takes, strict=True)
        )
        if not fits:
            lower, upper = names[index], names[index + 1]
            raise UserCodeError(
                f"{upper!r} takes samples of shape {_text(takes)}: {lower!r} below it gives up {_text(gives)}",
                kind="invalid",
                hint=f"give {upper!r} an input of shape {_text(gives)}, or {lower!r} a first output of {_text(takes)}",
            )


def are_probabilities(answers: Sequence[Array]) -> bool:
    """Whether ``answers`` (each (n, classes)) of one exit are probabilities, told by their values.

    A softmax adds up to one; a sigmoid stays within 0 and 1 whatever goes in, so samples far out of the ordinary tell.
    """
    for each in answers:
        rows = each.reshape(len(each), -1).astype(np.float64)
        if not np.isfinite(rows).all() or (rows < 0).any() or (rows > 1 + _TOLERANCE).any():
            return False
    return True


def seconds_per_sample(predict: Callable[[Array], Any], features: Array) -> float:
    """Return how long one answer takes, in batches of one: the median of some, after one that warms up."""
    sample = np.ascontiguousarray(features[:1])
    predict(sample)
    times = []
    for _ in range(_TIMED_ANSWERS):
        started = time.perf_counter()
        predict(sample)
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def _text(shape: Shape) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)}{',' if len(shape) == 1 else ''})"
