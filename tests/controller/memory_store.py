"""MemoryStore: the rows in a dictionary, with the transitions of the real store; for tests of decisions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from backend.controller import actions
from backend.controller.actions import BeginAttempt, KeepLog, MarkFailed, MarkStopped, Retry, RowAction
from backend.controller.rows import Row, Subject
from backend.launchers.base import Autoscale
from backend.launchers.names import RunKind
from kafkaml.errors import BrokenError
from kafkaml.wire.failure import Failure
from kafkaml.wire.framework import Framework
from kafkaml.wire.state import RunState


class MemoryStore:
    """``fail``: how many of the next writes raise before their effect. ``logs`` holds the kept logs by attempt."""

    def __init__(self) -> None:
        self.table: dict[Subject, Row] = {}
        self.logs: dict[tuple[Subject, int], str] = {}
        self.failures: dict[tuple[Subject, int], Failure] = {}
        self.fail = 0
        self.now = 1_000_000.0

    # --- the seam --------------------------------------------------------------------------------------------------

    def rows(self, subjects: Collection[Subject]) -> Sequence[Row]:
        return [row for row in self.table.values() if not row.state.ended or row.subject in subjects]

    def apply(self, action: RowAction) -> bool:
        subject, attempt = action.subject, action.attempt
        if isinstance(action, KeepLog):
            self._fail()
            self.logs[subject, attempt] = action.log_tail
            return self._row(subject, attempt) is not None
        row = self._open(subject, attempt - 1 if isinstance(action, BeginAttempt) else attempt)
        if row is None:
            return False
        changes = self._changes(action, row)
        if changes is None:
            return False
        if isinstance(action, MarkStopped | MarkFailed | Retry):
            self.logs[subject, attempt] = action.log_tail or self.logs.get((subject, attempt), "")
        if isinstance(action, MarkFailed | Retry):
            self.failures[subject, attempt] = action.failure
        return self._put(replace(row, **changes))

    def _changes(self, action: RowAction, row: Row) -> dict[str, Any] | None:
        """The changes that an action makes to a row; None when the action does not apply to it any more."""
        match action:
            case actions.BeginAttempt() if not row.wanted:
                return None
            case actions.BeginAttempt(attempt=attempt):
                return {
                    "attempt": attempt,
                    "tries": row.tries + 1,
                    "state": RunState.WAITING,
                    "launched": False,
                    "next_retry_at": None,
                    "failure": None,
                    "replicas_serving": 0,
                    "ready_replicas_shown": 0,
                    "replica_failures": (),
                    "scaled_to_shown": None,
                }
            case actions.MarkLaunched(max_replicas=max_replicas):
                return {"launched": True, "launched_max_replicas": max_replicas}
            case actions.MarkRunning():
                running = {"state": RunState.RUNNING, "launched": True, "started_at": self.now, "failure": None}
                return {} if row.state is RunState.RUNNING else running
            case actions.ShowObstacle(failure=failure):
                return {"failure": failure} if row.state is RunState.WAITING else {}
            case actions.ForgiveTries():
                return {"tries": 1}
            case actions.ShowReady(replicas=replicas, failure=obstacle):
                state = RunState.RUNNING if replicas else RunState.WAITING
                return {"state": state, "ready_replicas_shown": replicas, "failure": obstacle}
            case actions.ShowScale(replicas=replicas):
                return {"scaled_to_shown": replicas}
            case actions.MarkStopped():
                return {"state": RunState.STOPPED, "ended_at": self.now}
            case actions.MarkFailed(failure=failure):
                return {"state": RunState.FAILED, "failure": failure, "ended_at": self.now, "next_retry_at": None}
            case actions.Retry(failure=failure, at=at):
                return {"state": RunState.WAITING, "failure": failure, "next_retry_at": at}
            case _:
                raise AssertionError(action)

    def mint_token(self, subject: Subject, attempt: int) -> str:
        self._fail()
        return f"token of {subject.attempt(attempt)}"

    def prepare_launch(self, subject: Subject) -> None:
        self._fail()

    # --- what people and workers do --------------------------------------------------------------------------------

    def add(
        self, kind: RunKind, number: int, *, ready: bool = True, replicas: int = 1, autoscale: Autoscale | None = None
    ) -> Subject:
        subject = Subject(kind, number)
        self.table[subject] = Row(
            subject=subject,
            framework=Framework.PYTORCH,
            wanted=True,
            state=RunState.WAITING,
            attempt=0,
            tries=0,
            launched=False,
            ready=ready,
            replicas=replicas,
            autoscale=autoscale,
        )
        return subject

    def change(self, subject: Subject, **changes: object) -> None:
        self.table[subject] = replace(self.table[subject], **changes)  # type: ignore[arg-type]

    def restart(self, subject: Subject) -> None:
        """A user asks for another run of what has ended."""
        attempt = self.table[subject].attempt
        self.change(
            subject,
            wanted=True,
            state=RunState.WAITING,
            attempt=attempt + 1 if attempt else 0,
            tries=0,
            failure=None,
            next_retry_at=None,
            launched=False,
        )

    def finish(self, subject: Subject, attempt: int) -> bool:
        """A worker reports the result of its run."""
        row = self._open(subject, attempt)
        return row is not None and self._put(replace(row, state=RunState.FINISHED, ended_at=self.now))

    def _row(self, subject: Subject, attempt: int) -> Row | None:
        row = self.table.get(subject)
        return row if row is not None and row.attempt == attempt else None

    def _open(self, subject: Subject, attempt: int) -> Row | None:
        self._fail()
        row = self._row(subject, attempt)
        return None if row is None or row.state.ended else row

    def _put(self, row: Row) -> bool:
        self.table[row.subject] = row
        return True

    def _fail(self) -> None:
        if self.fail:
            self.fail -= 1
            raise BrokenError("the database cannot be reached")
