"""Users' actions on runs of every kind: stop them, and restart ended ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import transaction
from django.utils import timezone

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.errors import Conflict
from backend.runs.models import DesiredState, Run
from backend.runs.transitions import publish_run
from kafkaml.wire.state import RunState

__all__ = ["restart", "stop"]

R = TypeVar("R", bound=Run)


def stop(run: R, *, actor: Actor) -> R:
    """Stop a run; a run that has ended stays as it is."""
    with transaction.atomic():
        locked = _lock(run)
        if locked.ended:
            return locked
        before = state_hash(locked)
        locked.desired = DesiredState.STOPPED
        locked.next_retry_at = None
        if not locked.may_have_work:
            # Nothing was ever launched, so nothing needs to be ended first.
            locked.state = RunState.STOPPED
            locked.ended_at = timezone.now()
        locked.save()
        record(actor, "stop", locked, before=before, after=state_hash(locked))
        publish_run(locked, desired=locked.desired)
    return locked


def restart(run: R, *, actor: Actor, change: Callable[[R], None] | None = None) -> R:
    """Restart an ended run; raises Conflict when it has not ended.

    ``change`` is called before the row is saved. It makes the changes that only this kind of run needs, and may refuse.
    """
    with transaction.atomic():
        locked = _lock(run)
        if not locked.ended:
            raise Conflict(f"{locked.noun} {locked.pk} is {locked.state}: expected an ended one", hint="stop it first")
        before = state_hash(locked)
        locked.desired, locked.state = DesiredState.RUN, RunState.WAITING
        # Increase the attempt, so that late reports of the ended attempt are refused.
        locked.attempt += 1 if locked.attempt else 0
        locked.tries = 0
        locked.failure = None
        locked.launched_at = locked.started_at = locked.ended_at = locked.next_retry_at = None
        locked.log_tail = ""
        if change is not None:
            change(locked)
        locked.forget_attempt()
        locked.save()
        record(actor, "restart", locked, before=before, after=state_hash(locked))
        publish_run(locked)
    return locked


def _lock(run: R) -> R:
    return type(run)._default_manager.select_for_update().get(pk=run.head)
