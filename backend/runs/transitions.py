"""How runs change state. Called by the controller and by the job API, never by views for people.

Every function locks its row, refuses what an older attempt says (returns False), and publishes the change.

    created -> waiting -> running -> finished | failed | stopped
                  ^          |
                  +-- retry -+     and ended -> waiting by services.restart
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.utils import timezone

from backend.api.errors import NotFound, StaleAttempt
from backend.events.services import publish
from backend.runs.models import DesiredState, Run
from backend.runs.retries import retry_delay_seconds, should_retry
from kafkaml.wire.failure import Failure
from kafkaml.wire.state import RunState

__all__ = [
    "MAX_LOG_TAIL",
    "begin",
    "check_attempt",
    "forgive_tries",
    "locked",
    "locked_for_report",
    "mark_failed",
    "mark_launched",
    "mark_obstacle",
    "mark_running",
    "mark_stopped",
    "next_retry",
    "publish_row",
    "publish_run",
    "register_attempt",
    "store_log_tail",
]

MAX_LOG_TAIL = 64 << 10

R = TypeVar("R", bound=Run)


@contextmanager
def locked(model: type[R], number: int, attempt: int | None = None) -> Iterator[R | None]:
    """Lock a row until the block ends. With ``attempt``, yield it only when that is the present one and has not ended.

    Yields None when there is no such row (any more). What the block does is undone when it raises.
    """
    with transaction.atomic():
        run = model._default_manager.select_for_update().filter(pk=number).first()
        stale = run is not None and attempt is not None and (run.attempt != attempt or run.ended)
        yield None if stale else run


@contextmanager
def locked_for_report(model: type[R], number: int, attempt: int) -> Iterator[R]:
    """Lock the row that ``attempt`` reports on; raises NotFound or StaleAttempt."""
    with locked(model, number) as run:
        if run is None:
            raise NotFound(f"there is no {model.noun} {number}")
        check_attempt(run, attempt)
        yield run


def check_attempt(run: Run, attempt: int, *, ended: bool = False) -> None:
    """Raise StaleAttempt unless ``attempt`` is the present one and (unless ``ended`` allows it) has not ended."""
    if run.attempt != attempt or (run.ended and not ended):
        raise StaleAttempt(
            f"attempt {attempt} is over: the present one is {run.attempt}, and it is {run.state}",
            hint="this process has nothing left to do and should end",
        )


def register_attempt(model: type[R], number: int) -> R | None:
    """Count a new attempt before it is launched, and return the row; None when it is not wanted (any more).

    Until ``mark_launched`` the attempt is an intention: after a crash in between, launch the same number again.
    """
    with locked(model, number) as run:
        if run is None or run.ended or run.desired != DesiredState.RUN or not run.ready:
            return None
        run.attempt += 1
        run.tries += 1
        run.state = RunState.WAITING
        run.launched_at = run.started_at = run.ended_at = run.next_retry_at = None
        run.log_tail = ""
        run.forget_attempt()
        run.save()
        publish_run(run)
    return run


def mark_launched(model: type[Run], number: int, attempt: int) -> bool:
    """Note that the launcher took the attempt."""
    with locked(model, number, attempt) as run:
        if run is None:
            return False
        if run.launched_at is None:
            run.launched_at = timezone.now()
            run.save(update_fields=["launched_at", "updated_at"])
    return True


def mark_obstacle(model: type[Run], number: int, attempt: int, failure: Failure) -> bool:
    """Note what keeps the attempt from starting. The attempt waits on, and the note disappears when it runs."""
    document = failure.to_json()
    with locked(model, number, attempt) as run:
        if run is None:
            return False
        if run.state == RunState.WAITING and run.failure != document:
            run.failure = document
            run.save(update_fields=["failure", "updated_at"])
            publish_run(run)
    return True


def forgive_tries(model: type[Run], number: int, attempt: int) -> bool:
    """Count the present attempt as the first, because it has run long enough that earlier failures do not matter."""
    with locked(model, number, attempt) as run:
        if run is None:
            return False
        run.tries = 1
        run.save(update_fields=["tries", "updated_at"])
    return True


def mark_running(model: type[Run], number: int, attempt: int) -> bool:
    """Note that the attempt is running."""
    with locked(model, number, attempt) as run:
        if run is None:
            return False
        begin(run)
        run.save()
        publish_run(run)
    return True


def begin(run: Run) -> None:
    """Note that a locked row's attempt is running, whatever its state was before; the caller saves."""
    if run.state != RunState.RUNNING:
        run.state = RunState.RUNNING
        run.failure = None
        run.next_retry_at = None
        run.ended_at = None
    run.started_at = run.started_at or timezone.now()
    run.launched_at = run.launched_at or run.started_at


def mark_failed(
    model: type[R],
    number: int,
    attempt: int,
    failure: Failure,
    *,
    retry_at: datetime | None = None,
    log_tail: str = "",
    keep: Callable[[R], None] | None = None,
) -> bool:
    """End the attempt badly. With ``retry_at`` the run waits to be tried again then, otherwise it has failed.

    ``keep`` stores in the row what the attempt measured before it failed, unless the run is tried again. The controller
    ends what still runs of a run that has failed.
    """
    with locked(model, number, attempt) as run:
        if run is None:
            # A repeated report counts once.
            return model._default_manager.filter(pk=number, attempt=attempt, state=RunState.FAILED).exists()
        retry = retry_at is not None and run.desired == DesiredState.RUN
        run.state = RunState.WAITING if retry else RunState.FAILED
        run.next_retry_at = retry_at if retry else None
        run.failure = failure.to_json()
        if keep is not None and not retry:
            keep(run)
        _end(run, log_tail)
    return True


def mark_stopped(model: type[Run], number: int, attempt: int | None = None, *, log_tail: str = "") -> bool:
    """Note that nothing runs any more, as the user wanted. ``attempt`` None: whichever is the present one."""
    with locked(model, number, attempt) as run:
        if run is None or run.ended:
            return False
        run.state = RunState.STOPPED
        run.next_retry_at = None
        _end(run, log_tail)
    return True


def store_log_tail(model: type[Run], number: int, attempt: int, text: str) -> bool:
    """Keep the end of the attempt's log, which outlives the process; also after the attempt ended."""
    rows = model._default_manager.filter(pk=number, attempt=attempt)
    return bool(rows.update(log_tail=text[-MAX_LOG_TAIL:]))


def next_retry(failure: Failure, tries: int) -> datetime | None:
    """Return when to try again after ``tries`` failed tries; None when that is pointless or was done often enough."""
    if not should_retry(failure, tries):
        return None
    return timezone.now() + timedelta(seconds=retry_delay_seconds(tries))


def publish_run(run: Run, **more: Any) -> None:
    """Publish the state of a run to pages, for all of its rows."""
    for row in (run, *run.companions()):
        publish_row(row, **more)


def publish_row(run: Run, **more: Any) -> None:
    """Publish one row to pages."""
    change = {"id": run.pk, "state": run.state, "attempt": run.attempt, "failure": run.failure}
    publish(run.events_topic, {**change, **run.shown(), **more})


def _end(run: Run, log_tail: str) -> None:
    run.ended_at = timezone.now()
    run.log_tail = log_tail[-MAX_LOG_TAIL:] or run.log_tail
    run.halt()
    run.save()
    publish_run(run)
