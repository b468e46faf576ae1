"""Warnings, and the steps that follow training: one that fails costs what it would have given and no more.

Used by the modes through ``model_training.part``, once for each part of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from kafkaml.errors import DeadlineExceeded, KafkaMLError, ModelProcessDied
from model_training.answers import first_paragraph

__all__ = ["Steps", "Warnings"]

T = TypeVar("T")

# More are read by nobody.
_MAX_TEXTS = 200


class Warnings:
    """What a person should know of a trained model, in the order in which it is shown; each text once.

    Bounded, because a training without end goes on saying things.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []

    def add(self, *texts: str) -> None:
        self._keep([*self._texts, *texts])

    def put_first(self, *texts: str) -> None:
        """Show ``texts`` before all that is there."""
        self._keep([*texts, *self._texts])

    @property
    def texts(self) -> list[str]:
        return list(self._texts)

    def _keep(self, texts: Sequence[str]) -> None:
        self._texts = list(dict.fromkeys(texts))[:_MAX_TEXTS]


class Steps:
    """Runs the steps that follow training. One that fails is a warning; after the model process died none is tried."""

    def __init__(self, warnings: Warnings) -> None:
        self._warnings = warnings
        self._ended_by: KafkaMLError | None = None
        self._first_error: KafkaMLError | None = None

    @property
    def first_error(self) -> KafkaMLError | None:
        """Why the first step that failed did; None while none has."""
        return self._first_error

    @property
    def ended_by(self) -> KafkaMLError | None:
        """What ended the model process, so that no step is tried any more; None while it is there."""
        return self._ended_by

    def attempt(self, failing: str, step: Callable[[], T], *, warn: Callable[[str], None] | None = None) -> T | None:
        """Return what ``step`` returns, or None after it failed.

        ``failing`` begins the warning, which goes to ``warn`` where it does not belong behind all others.
        """
        if self._ended_by is not None:
            return None
        try:
            return step()
        except KafkaMLError as error:
            more = ""
            if isinstance(error, (ModelProcessDied, DeadlineExceeded)):
                self._ended_by, more = error, "; what comes after it was left out"
            self.failed(error, f"{failing}: {first_paragraph(error.message)}{more}", warn=warn)
            return None

    def failed(self, error: KafkaMLError, warning: str, *, warn: Callable[[str], None] | None = None) -> None:
        """Keep ``warning`` of a step that failed with ``error``."""
        self._first_error = self._first_error or error
        (warn or self._warnings.add)(warning)
