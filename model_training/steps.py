"""Warnings, and the steps that follow training. A step that fails loses only its own outcome.

Used by the modes through ``model_training.part``, once for each part of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from kafkaml.errors import DeadlineExceeded, KafkaMLError, ModelProcessDied
from model_training.answers import first_paragraph

__all__ = ["Steps", "Warnings"]

T = TypeVar("T")

# The most warnings that are kept, because nobody reads more.
_MAX_TEXTS = 200


class Warnings:
    """Warnings about a trained model, in the order in which they are shown; each text once.

    Bounded, because a training without end keeps adding to them.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []

    def add(self, *texts: str) -> None:
        self._keep([*self._texts, *texts])

    def put_first(self, *texts: str) -> None:
        """Show ``texts`` before all present warnings."""
        self._keep([*texts, *self._texts])

    @property
    def texts(self) -> list[str]:
        return list(self._texts)

    def _keep(self, texts: Sequence[str]) -> None:
        self._texts = list(dict.fromkeys(texts))[:_MAX_TEXTS]


class Steps:
    """Runs the steps that follow training. A failed step becomes a warning. No step is tried after the model process
    died.
    """

    def __init__(self, warnings: Warnings) -> None:
        self._warnings = warnings
        self._ended_by: KafkaMLError | None = None
        self._first_error: KafkaMLError | None = None

    @property
    def first_error(self) -> KafkaMLError | None:
        """The reason of the first failed step; None while none has failed."""
        return self._first_error

    @property
    def ended_by(self) -> KafkaMLError | None:
        """What ended the model process, after which no step is tried; None while it is alive."""
        return self._ended_by

    def attempt(self, failing: str, step: Callable[[], T], *, warn: Callable[[str], None] | None = None) -> T | None:
        """Return what ``step`` returns, or None after it failed.

        ``failing`` is the beginning of the warning. ``warn`` receives the warning where it should not be appended to
        the others.
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
