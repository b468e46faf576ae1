"""Run: what a training and an inference have in common, from the wish to the end of its last attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import models

from backend.launchers.names import RunKind
from kafkaml.wire.state import RunState

__all__ = ["ENDED_STATES", "STATE_CHOICES", "DesiredState", "Run", "model_of"]


# The states of a run. Workers and clients use the same words; Django wants each as a pair.
STATE_CHOICES = [(state.value, state.value.title()) for state in RunState]
ENDED_STATES = [state for state in RunState if state.ended]


class DesiredState(models.TextChoices):
    """The state that a user wants. The controller brings it about.

    * ``run``: To train or to serve.
    * ``stopped``: To end.
    """

    RUN = "run"
    STOPPED = "stopped"


class Run(models.Model):
    """Something that a user wants to run, and its progress. ``transitions`` changes it.

    ``attempt`` counts launches; what an older attempt reports is refused. ``launched_at`` is empty while the attempt
    is only intended. ``next_retry_at`` is set while a failed attempt waits to be repeated.
    """

    kind: ClassVar[RunKind]
    # The noun for a run in error messages, and the topic of the events that notify pages about it.
    noun: ClassVar[str]
    events_topic: ClassVar[str]

    desired = models.CharField(max_length=10, choices=DesiredState.choices, default=DesiredState.RUN)
    state = models.CharField(max_length=10, choices=STATE_CHOICES, default=RunState.CREATED)
    attempt = models.PositiveIntegerField(default=0)
    # Attempts since the user last started the run; bounds the automatic retries.
    tries = models.PositiveIntegerField(default=0)
    failure = models.JSONField(null=True, blank=True)
    log_tail = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    launched_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    next_retry_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        ordering = ["-id"]

    @property
    def ended(self) -> bool:
        return RunState(self.state).ended

    @property
    def may_have_work(self) -> bool:
        """Whether a process of the run may exist. An attempt is counted before it is launched."""
        return not self.ended and self.attempt > 0

    @property
    def ready(self) -> bool:
        """Whether everything is there that an attempt needs."""
        return True

    @property
    def head(self) -> int:
        """The id of the row that users start and stop: this row, unless it is part of another row's run."""
        return int(self.pk)

    def companions(self) -> Sequence[Run]:
        """Return the rows whose state is that of this one, and changes with it."""
        return ()

    def shown(self) -> dict[str, Any]:
        """Return what pages get with every change, in addition to id, state, attempt and failure."""
        return {}

    def forget_attempt(self) -> None:
        """Drop what belongs to the present attempt. Called with the row locked; the caller saves."""

    def halt(self) -> None:
        """Note that nothing of the run is running any more, with its state unchanged. Called with the row locked; the
        caller saves.
        """


def model_of(kind: RunKind) -> type[Run]:
    """Return the model whose rows are runs of ``kind``."""
    return next(model for model in Run.__subclasses__() if model.kind is kind)
