"""Every decision of the controller, as a pure function of the wanted and the observed state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.controller.actions import (
    Action,
    BeginAttempt,
    Forget,
    ForgiveTries,
    KeepLog,
    Launch,
    MarkFailed,
    MarkRunning,
    MarkStopped,
    Retry,
    ShowObstacle,
    ShowReady,
    ShowScale,
    Stop,
)
from backend.controller.reconcile import LINGER_SECONDS, MAX_CRASHES, reconcile
from backend.controller.rows import Row, Subject
from backend.launchers.base import Autoscale, Observed, Phase
from backend.launchers.names import RunKind
from backend.runs.retries import FORGIVEN_AFTER_SECONDS, MAX_LOST_TRIES, MAX_TRIES, retry_delay_seconds
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.framework import Framework
from kafkaml.wire.state import RunState

T, S = Subject(RunKind.TRAINING, 7), Subject(RunKind.INFERENCE, 3)
NOW = 1000.0
LOST = Failure(category=FailureCategory.LOST, cause="killed")
USER = Failure(category=FailureCategory.USER_CODE, cause="their error")


def row(subject: Subject = T, **changes: object) -> Row:
    base = Row(
        subject=subject,
        framework=Framework.PYTORCH,
        wanted=True,
        state=RunState.RUNNING,
        attempt=2,
        tries=1,
        launched=True,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def seen(phase: Phase, subject: Subject = T, attempt: int = 2, **more: object) -> Observed:
    return Observed(name=subject.attempt(attempt), phase=phase, **more)  # type: ignore[arg-type]


def decide(rows: list[Row], observed: list[Observed], *, looks: dict[str, int] | None = None) -> tuple[Action, ...]:
    return reconcile(rows, {seen.name: seen for seen in observed}, now=NOW, looks=looks).actions


def test_nothing_wanted_and_nothing_seen_is_nothing_to_do() -> None:
    assert decide([], []) == ()


# --- beginning -----------------------------------------------------------------------------------------------------


def test_a_training_without_its_stream_waits() -> None:
    assert decide([row(state=RunState.WAITING, attempt=0, tries=0, launched=False, ready=False)], []) == ()


def test_a_training_with_its_stream_is_begun_and_launched() -> None:
    waiting = row(state=RunState.WAITING, attempt=0, tries=0, launched=False)
    assert decide([waiting], []) == (BeginAttempt(T, 1), Launch(T, 1))


def test_an_intended_attempt_is_launched_under_its_number() -> None:
    assert decide([row(state=RunState.WAITING, launched=False)], []) == (Launch(T, 2),)


def test_an_intended_attempt_whose_work_is_there_already_is_adopted() -> None:
    assert decide([row(state=RunState.WAITING, launched=False)], [seen(Phase.RUNNING)]) == (Launch(T, 2),)


def test_asked_for_again_the_old_attempt_is_cleared_away_first() -> None:
    again = row(state=RunState.WAITING, tries=0, launched=False)
    assert decide([again], [seen(Phase.RUNNING)]) == (Stop(T, T.attempt(2)),)
    assert decide([again], [seen(Phase.SUCCEEDED)]) == (Forget(T, T.attempt(2)),)
    assert decide([again], []) == (BeginAttempt(T, 3), Launch(T, 3))


def test_a_new_attempt_waits_until_the_old_one_is_gone() -> None:
    intended = row(state=RunState.WAITING, launched=False)
    assert decide([intended], [seen(Phase.RUNNING, attempt=1)]) == (Stop(T, T.attempt(1)),)
    assert decide([intended], [seen(Phase.STOPPING, attempt=1)]) == ()
    assert decide([intended], [seen(Phase.SUCCEEDED, attempt=1)]) == (Forget(T, T.attempt(1)), Launch(T, 2))


# --- running -------------------------------------------------------------------------------------------------------


def test_a_process_that_runs_makes_the_row_run() -> None:
    waiting = row(state=RunState.WAITING)
    assert decide([waiting], [seen(Phase.STARTING)]) == ()
    assert decide([waiting], [seen(Phase.RUNNING)]) == (MarkRunning(T, 2),)
    assert decide([row()], [seen(Phase.RUNNING)]) == ()


@pytest.mark.parametrize("subject", [T, S])
@pytest.mark.parametrize("wanted", [True, False])
def test_the_unknown_decides_nothing(subject: Subject, wanted: bool) -> None:
    assert decide([row(subject, wanted=wanted)], [seen(Phase.UNKNOWN, subject)]) == ()
    assert decide([], [seen(Phase.UNKNOWN, subject)]) == ()


def test_why_nobody_knows_is_shown_while_no_replica_says_that_it_serves() -> None:
    away = Failure(category=FailureCategory.CONFIGURATION, cause="its cluster cannot be reached")
    unknown = [seen(Phase.UNKNOWN, S, failure=away)]
    assert decide([row(S)], unknown) == (ShowReady(S, 2, 0, away),)
    assert decide([row(S, replicas_serving=1)], unknown) == ()
    assert decide([row(S, failure=away)], unknown) == ()
    assert decide([row(S, wanted=False)], unknown) == ()
    assert decide([row(S, next_retry_at=NOW - 1)], unknown) == ()
    assert decide([row(S, state=RunState.FAILED)], unknown) == ()


# --- ending --------------------------------------------------------------------------------------------------------


def test_an_end_without_a_report_counts_at_the_second_look() -> None:
    ended = seen(Phase.FAILED, exit_code=3, failure=USER, log_tail="the end")
    first = reconcile([row()], {ended.name: ended}, now=NOW)
    assert first.actions == ()
    assert first.looks == {ended.name: 1}
    second = reconcile([row()], {ended.name: ended}, now=NOW, looks=first.looks)
    assert second.actions == (MarkFailed(T, 2, USER, "the end"),)


@pytest.mark.parametrize(
    ("observed", "category"),
    [
        (seen(Phase.SUCCEEDED, exit_code=0), FailureCategory.INTERNAL),
        (seen(Phase.FAILED, exit_code=3, failure=USER), FailureCategory.USER_CODE),
    ],
)
def test_ends_without_a_report_fail_with_their_diagnosis(observed: Observed, category: FailureCategory) -> None:
    (action,) = decide([row()], [observed], looks={observed.name: 1})
    assert isinstance(action, MarkFailed)
    assert action.failure.category is category
    assert action.failure.hint or category is FailureCategory.USER_CODE


@pytest.mark.parametrize(
    "observed", [None, seen(Phase.FAILED, failure=LOST), seen(Phase.SUCCEEDED, exit_code=-15)], ids=str
)
def test_what_may_pass_is_tried_again_later_and_not_forever(observed: Observed | None) -> None:
    sight = [observed] if observed else []
    (first,) = decide([row()], sight, looks={T.attempt(2): 1})
    assert isinstance(first, Retry)
    assert (first.at, first.failure.category) == (NOW + 5, FailureCategory.LOST)
    (third,) = decide([row(tries=3)], sight, looks={T.attempt(2): 1})
    assert isinstance(third, Retry)
    assert third.at == NOW + 20
    (last,) = decide([row(tries=MAX_LOST_TRIES)], sight, looks={T.attempt(2): 1})
    assert isinstance(last, MarkFailed)


def test_what_is_lost_is_tried_more_often_than_what_fails_on_its_own_with_pauses_of_a_minute_at_most() -> None:
    broker = Failure(category=FailureCategory.BROKER, cause="Kafka is unavailable")
    for failure, bound in ((broker, 4), (LOST, 8)):
        ended = seen(Phase.FAILED, failure=failure)
        (before,) = decide([row(tries=bound - 1)], [ended], looks={ended.name: 1})
        (last,) = decide([row(tries=bound)], [ended], looks={ended.name: 1})
        assert (type(before), type(last)) == (Retry, MarkFailed)
    assert [retry_delay_seconds(tries) for tries in (1, 2, 3, 4, 5, 6, 500)] == [5, 10, 20, 40, 60, 60, 60]
    assert (MAX_TRIES, MAX_LOST_TRIES) == (4, 8)


def test_a_training_that_has_run_for_long_has_all_its_tries_again() -> None:
    running = seen(Phase.RUNNING)
    for_long = row(tries=3, started_at=NOW - FORGIVEN_AFTER_SECONDS - 1)
    assert decide([for_long], [running]) == (ForgiveTries(T, 2),)
    assert decide([replace(for_long, tries=1)], [running]) == ()
    assert decide([row(tries=3, started_at=NOW - FORGIVEN_AFTER_SECONDS + 1)], [running]) == ()


def test_what_keeps_a_training_from_starting_is_shown_once_and_until_it_runs() -> None:
    full = Failure(category=FailureCategory.CONFIGURATION, cause="no node has room", hint="add a node")
    missing = Failure(category=FailureCategory.CONFIGURATION, cause="the image is missing")
    waiting = row(state=RunState.WAITING)
    held = seen(Phase.STARTING, failure=full)
    assert decide([waiting], [held]) == (ShowObstacle(T, 2, full),)
    shown = replace(waiting, failure=full)
    assert decide([shown], [held]) == ()
    # Between two attempts to pull an image the cluster reports no problem.
    assert decide([shown], [seen(Phase.STARTING)]) == ()
    assert decide([shown], [seen(Phase.STARTING, failure=missing)]) == (ShowObstacle(T, 2, missing),)
    assert decide([shown], [seen(Phase.RUNNING)]) == (MarkRunning(T, 2),)


def test_between_attempts_the_old_end_is_forgotten_and_the_new_one_begins_when_due() -> None:
    retrying = row(state=RunState.WAITING, next_retry_at=NOW + 1, failure=LOST)
    ended = seen(Phase.FAILED, failure=LOST, log_tail="x")
    assert decide([retrying], [ended]) == (KeepLog(T, 2, "x"), Forget(T, T.attempt(2)))
    assert decide([retrying], []) == ()
    assert decide([replace(retrying, next_retry_at=NOW)], []) == (BeginAttempt(T, 3), Launch(T, 3))


def test_a_worker_that_reported_a_passing_failure_may_leave_before_the_next_try() -> None:
    retrying = row(state=RunState.WAITING, next_retry_at=NOW + 1, failure=LOST)
    assert decide([retrying], [seen(Phase.RUNNING)]) == ()
    assert decide([replace(retrying, next_retry_at=NOW)], [seen(Phase.RUNNING)]) == (Stop(T, T.attempt(2)),)


def test_after_a_reported_end_the_log_is_kept_then_the_work_forgotten() -> None:
    for state in (RunState.FINISHED, RunState.FAILED):
        ended = row(state=state, failure=USER, ended_at=NOW)
        assert decide([ended], [seen(Phase.RUNNING)]) == ()
        assert decide([ended], [seen(Phase.SUCCEEDED, exit_code=0, log_tail="bye")]) == (
            KeepLog(T, 2, "bye"),
            Forget(T, T.attempt(2)),
        )
        assert decide([ended], []) == ()


def test_a_worker_that_lingers_after_its_report_is_stopped() -> None:
    lingering = row(state=RunState.FINISHED, ended_at=NOW - LINGER_SECONDS - 1)
    assert decide([lingering], [seen(Phase.RUNNING)]) == (Stop(T, T.attempt(2)),)


# --- stopping ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [T, S])
def test_stop_means_stop_then_mark_then_forget(subject: Subject) -> None:
    unwanted = row(subject, wanted=False)
    name = subject.attempt(2)
    assert decide([unwanted], [seen(Phase.RUNNING, subject)]) == (Stop(subject, name),)
    assert decide([unwanted], [seen(Phase.STOPPING, subject)]) == ()
    ended = seen(Phase.SUCCEEDED, subject, log_tail="bye")
    assert decide([unwanted], [ended]) == (MarkStopped(subject, 2, "bye"),)
    stopped = replace(unwanted, state=RunState.STOPPED)
    assert decide([stopped], [ended]) == (KeepLog(subject, 2, "bye"), Forget(subject, name))
    assert decide([stopped], []) == ()


def test_what_never_ran_is_stopped_at_once() -> None:
    never = row(wanted=False, state=RunState.WAITING, attempt=0, launched=False)
    assert decide([never], []) == (MarkStopped(T, 0, ""),)


def test_work_without_a_row_is_stopped_and_forgotten() -> None:
    assert decide([], [seen(Phase.RUNNING)]) == (Stop(T, T.attempt(2)),)
    assert decide([], [seen(Phase.STOPPING)]) == ()
    assert decide([], [seen(Phase.FAILED)]) == (Forget(T, T.attempt(2)),)


def test_older_and_newer_attempts_than_the_rows_are_stopped() -> None:
    for attempt in (1, 3):
        assert decide([row()], [seen(Phase.RUNNING), seen(Phase.RUNNING, attempt=attempt)]) == (
            Stop(T, T.attempt(attempt)),
        )


def test_work_of_other_programs_is_left_alone() -> None:
    other = Observed(name="somebody-elses", phase=Phase.RUNNING)
    assert decide([], [other]) == ()


# --- inferences ----------------------------------------------------------------------------------------------------


def test_an_inference_runs_by_workers_elsewhere_alone_or_next_to_its_replicas() -> None:
    nobody = row(S, state=RunState.WAITING, replicas=0)
    launched = seen(Phase.STARTING, S, replicas=0)
    assert decide([nobody], [launched]) == ()
    # A service of zero replicas is launched too, because it can be scaled up later.
    assert decide([nobody], []) == (Launch(S, 2),)
    assert decide([replace(nobody, workers_serving=2)], [launched]) == (ShowReady(S, 2, 2, None),)
    both = row(S, state=RunState.WAITING, replicas=1, replicas_serving=1, workers_serving=2)
    assert decide([both], [seen(Phase.RUNNING, S, replicas=1, ready_replicas=1)]) == (ShowReady(S, 2, 3, None),)
    away = Failure(category=FailureCategory.CONFIGURATION, cause="its cluster cannot be reached")
    assert decide([row(S, workers_serving=1)], [seen(Phase.UNKNOWN, S, failure=away)]) == ()


def test_an_inference_runs_when_a_replica_says_that_it_serves() -> None:
    waiting = row(S, state=RunState.WAITING, replicas=2)
    running = seen(Phase.RUNNING, S, replicas=2, ready_replicas=2)
    assert decide([waiting], [running]) == ()
    assert decide([replace(waiting, replicas_serving=1)], [running]) == (ShowReady(S, 2, 1),)
    assert decide([row(S, replicas=2, replicas_serving=1, ready_replicas_shown=1)], [running]) == ()


def test_an_inference_whose_replicas_are_gone_waits_and_says_why() -> None:
    serving = row(S, replicas_serving=1, ready_replicas_shown=1)
    backoff = seen(Phase.STARTING, S, ready_replicas=0, failure=LOST, log_tail="bye")
    assert decide([serving], [backoff]) == (ShowReady(S, 2, 0, LOST, "bye"),)
    shown = replace(serving, state=RunState.WAITING, ready_replicas_shown=0, failure=LOST)
    assert decide([shown], [backoff]) == ()
    assert decide([shown], [seen(Phase.RUNNING, S, ready_replicas=0)]) == ()
    assert decide([shown], [seen(Phase.RUNNING, S, ready_replicas=1)]) == (ShowReady(S, 2, 1),)


def test_what_keeps_some_replicas_is_shown_while_others_serve() -> None:
    partly = row(S, replicas=2, replicas_serving=1, ready_replicas_shown=1)
    crowded = seen(Phase.RUNNING, S, replicas=2, ready_replicas=1, failure=LOST)
    assert decide([partly], [crowded]) == (ShowReady(S, 2, 1, LOST),)
    shown = replace(partly, failure=LOST)
    assert decide([shown], [crowded]) == ()
    assert decide([shown], [seen(Phase.RUNNING, S, replicas=2, ready_replicas=1)]) == (ShowReady(S, 2, 1),)
    complete = seen(Phase.RUNNING, S, replicas=2, ready_replicas=2, failure=LOST)
    assert decide([replace(shown, replicas_serving=2)], [complete]) == (ShowReady(S, 2, 2),)


def test_an_inference_is_scaled_by_launching_it_again() -> None:
    assert decide([row(S, replicas=3)], [seen(Phase.RUNNING, S, replicas=1)]) == (Launch(S, 2),)
    assert decide([row(S, replicas=3)], [seen(Phase.STOPPING, S, replicas=1)]) == ()


def test_within_its_bounds_the_autoscaler_chooses_and_its_choice_is_shown() -> None:
    scaled = row(S, replicas=2, autoscale=Autoscale(topic="in", group="g", max_replicas=4), launched_max_replicas=4)
    assert decide([scaled], [seen(Phase.RUNNING, S, replicas=2)]) == (ShowScale(S, 2, 2), ShowReady(S, 2, 0))
    shown = replace(scaled, state=RunState.WAITING, scaled_to_shown=2)
    assert decide([shown], [seen(Phase.RUNNING, S, replicas=4)]) == (ShowScale(S, 2, 4),)
    assert decide([replace(shown, scaled_to_shown=4)], [seen(Phase.RUNNING, S, replicas=4)]) == ()
    for outside in (0, 1, 5):
        assert decide([shown], [seen(Phase.RUNNING, S, replicas=outside)]) == (Launch(S, 2),)


def test_the_launcher_gets_bounds_that_changed() -> None:
    running = seen(Phase.RUNNING, S, replicas=1)
    asked = row(S, autoscale=Autoscale(topic="in", group="g", max_replicas=4))
    assert decide([asked], [running]) == (Launch(S, 2),)
    assert decide([replace(asked, launched_max_replicas=3)], [running]) == (Launch(S, 2),)
    assert decide([row(S, launched_max_replicas=3)], [running]) == (Launch(S, 2),)


def test_an_inference_whose_work_vanished_is_launched_again() -> None:
    assert decide([row(S)], []) == (Launch(S, 2),)


def test_an_inference_fails_for_good_when_a_replica_says_so() -> None:
    running = seen(Phase.RUNNING, S, ready_replicas=1)
    assert decide([row(S, replica_failures=(USER,))], [running]) == (
        MarkFailed(S, 2, USER, ""),
        Stop(S, S.attempt(2)),
    )
    assert decide([row(S, replica_failures=(LOST,), state=RunState.WAITING)], [running]) == ()
    failed = row(S, state=RunState.FAILED, failure=USER, ended_at=NOW)
    assert decide([failed], [running]) == (Stop(S, S.attempt(2)),)


def test_an_inference_that_keeps_crashing_fails_unless_it_may_pass() -> None:
    crash = Failure(category=FailureCategory.CONFIGURATION, cause="no module")
    often = seen(Phase.STARTING, S, restarts=MAX_CRASHES, failure=crash)
    shown = row(S, state=RunState.WAITING, failure=crash)
    assert decide([shown], [replace(often, restarts=1)]) == ()
    assert decide([shown], [often]) == (MarkFailed(S, 2, crash, ""), Stop(S, S.attempt(2)))
    assert decide([replace(shown, failure=LOST)], [replace(often, failure=LOST)]) == ()
