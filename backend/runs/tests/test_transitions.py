"""What holds for runs of every kind."""

from __future__ import annotations

import pytest

from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.runs import services, transitions
from backend.runs.models import Run
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.state import RunState

pytestmark = pytest.mark.django_db

LOST = Failure(category=FailureCategory.LOST, cause="evicted")


@pytest.fixture(params=["result", "inference"])
def run(request: pytest.FixtureRequest) -> Run:
    """A run whose first attempt was launched."""
    if request.param == "result":
        return builders.make_launched()
    inference = builders.make_inference()
    transitions.register_attempt(type(inference), inference.pk)
    transitions.mark_launched(type(inference), inference.pk, 1)
    inference.refresh_from_db()
    return inference


def fail(run: Run, attempt: int = 1, *, retry: bool = True) -> None:
    retry_at = transitions.next_retry(LOST, attempt) if retry else None
    assert transitions.mark_failed(type(run), run.pk, attempt, LOST, retry_at=retry_at, log_tail="the end")
    run.refresh_from_db()


def test_an_attempt_that_runs_after_all_is_not_tried_again(run: Run) -> None:
    fail(run)
    assert (run.state, run.next_retry_at is None, run.ended_at is None) == (RunState.WAITING, False, False)
    assert transitions.mark_running(type(run), run.pk, 1)
    run.refresh_from_db()
    assert (run.state, run.next_retry_at, run.ended_at, run.failure) == (RunState.RUNNING, None, None, None)


def test_the_log_of_an_attempt_is_not_that_of_the_next(run: Run) -> None:
    fail(run)
    assert run.log_tail == "the end"
    assert transitions.register_attempt(type(run), run.pk)
    run.refresh_from_db()
    assert (run.attempt, run.tries, run.log_tail) == (2, 2, "")


def test_tries_are_forgiven_to_what_has_run_for_long(run: Run) -> None:
    for attempt in (1, 2):
        fail(run, attempt)
        transitions.register_attempt(type(run), run.pk)
    assert transitions.forgive_tries(type(run), run.pk, 3)
    run.refresh_from_db()
    assert (run.attempt, run.tries) == (3, 1)
    assert not transitions.forgive_tries(type(run), run.pk, 2)


def test_a_failure_that_is_reported_twice_is_reported(run: Run) -> None:
    fail(run, retry=False)
    assert run.state == RunState.FAILED
    assert transitions.mark_failed(type(run), run.pk, 1, LOST)
    assert not transitions.mark_failed(type(run), run.pk, 2, LOST)


def test_a_stop_ends_at_once_what_was_never_launched_and_waits_for_the_rest(run: Run) -> None:
    assert run.may_have_work
    assert not services.stop(run, actor=SYSTEM).ended
    type(run)._default_manager.update(attempt=0)
    run.refresh_from_db()
    assert not run.may_have_work
    assert services.stop(run, actor=SYSTEM).state == RunState.STOPPED
