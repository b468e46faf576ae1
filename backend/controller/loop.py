"""Controller: the loop that leads, looks, decides, acts and waits. Wired by ``manage.py controller``.

One thread decides and acts. Relays, each in its own thread, send out what requests left in the database. The stop
condition is an argument, so tests run it too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from django.db import DatabaseError, close_old_connections

from backend.controller.actions import Launch
from backend.controller.execute import Executor
from backend.controller.leadership import Leadership
from backend.controller.prometheus import RoundMetrics
from backend.controller.reconcile import reconcile
from backend.controller.relay import Relay
from backend.controller.rows import Row, Subject
from backend.controller.store import Store
from backend.controller.wakeup import WakeUp
from backend.launchers.base import Launcher
from backend.launchers.names import RunKind, parse_work_name
from kafkaml.errors import BrokenError
from kafkaml.failpoints import failpoint
from kafkaml.logs import get_logger

__all__ = ["Controller"]

logger = get_logger(__name__)

# A hint triggers a round immediately. At this pace the loop notices changes without a hint, such as the end of a
# process.
INTERVAL_SECONDS = 0.15
# Hints come in bursts, and more frequent rounds would only cost processor time.
_SHORTEST_SECONDS = 0.01
_MAX_PAUSE_SECONDS = 5.0
# Replicas get a fresh token at this interval. It is well below a token's lifetime, so that a replica that restarts late
# still finds a valid one.
TOKEN_SECONDS = 1200.0


class Controller:
    """The parts come as arguments. ``housekeeping`` maps jobs to how often they run, in seconds.

    ``on_round`` is called in every round with a short description of it, for signs of life; ``metrics`` measures
    rounds. The class has over 12 fields because it keeps all its parts, and what one round leaves to the next.
    """

    def __init__(
        self,
        *,
        store: Store,
        launcher: Launcher,
        executor: Executor,
        leadership: Leadership,
        relays: Sequence[Relay],
        wakeup: WakeUp,
        housekeeping: Mapping[Callable[[], object], float],
        on_round: Callable[[str], None] = lambda _what: None,
        metrics: RoundMetrics | None = None,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._store = store
        self._launcher = launcher
        self._executor = executor
        self._leadership = leadership
        self._relays = relays
        self._wakeup = wakeup
        self._housekeeping = dict(housekeeping)
        self._on_round = on_round
        self._metrics = metrics or RoundMetrics()
        self._interval_seconds = interval_seconds
        self._due = dict.fromkeys(self._housekeeping, 0.0)
        self._looks: Mapping[str, int] = {}
        self._leads = False
        self._waits = False
        self._tokens_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Lead or wait to lead, until ``stop``. Faults of the database or the runtime are waited out."""
        for relay in self._relays:
            relay.start()
        pause = 0.0
        while not stop.is_set():
            try:
                with self._metrics.round():
                    acted = self._lead() and self.tick()
                # An action may have made the next step possible, so start the next round immediately.
                wait = _SHORTEST_SECONDS if acted else self._interval_seconds
                pause = 0.0
                self._on_round("leading" if self._leads else "waiting to lead")
            except (BrokenError, DatabaseError) as error:
                pause = wait = min(max(pause * 2, self._interval_seconds), _MAX_PAUSE_SECONDS)
                logger.warning("the controller cannot work now", error=str(error), seconds=wait)
                self._on_round(f"waiting: {error}")
                close_old_connections()
            if stop.is_set():
                break
            self._wakeup.wait(wait)
            for relay in self._relays:
                relay.hint()
        self._end()

    def tick(self) -> bool:
        """Run one round; returns whether anything was done."""
        try:
            return self._look_and_act()
        finally:
            # Report a sign of life while the runtime is unavailable too, because the controller is alive and waiting.
            self._keep_house()

    def _look_and_act(self) -> bool:
        self._refresh_tokens()
        observed = self._launcher.observe()
        failpoint("controller.observed")
        present = {Subject.of(parsed) for name in observed if (parsed := parse_work_name(name)) is not None}
        rows = self._store.rows(present)
        decision = reconcile(rows, observed, now=time.time(), looks=self._looks)
        self._looks = decision.looks
        # A leader that was held up for long, by a suspended laptop or by requests that time out, must not act on old
        # observations.
        done = self._executor.execute(decision.actions, _by_subject(rows), may_act=lambda: self._leadership.is_held)
        return bool(done)

    def _lead(self) -> bool:
        leads = self._leadership.acquire()
        if leads and not self._leads:
            logger.info("this controller leads")
            self._wakeup.listen()
            self._looks = {}
            self._tokens_at = float("-inf")
        elif self._leads and not leads:
            logger.warning("another controller leads now")
        elif not leads and not self._waits:
            logger.info("another controller leads; this one waits")
        self._leads, self._waits = leads, not leads
        self._metrics.leads = leads
        return leads

    def _refresh_tokens(self) -> None:
        """Give the replicas of all inferences fresh tokens, especially after an outage of the controller itself."""
        if time.monotonic() - self._tokens_at < TOKEN_SECONDS:
            return
        self._tokens_at = time.monotonic()
        rows = self._store.rows(())
        serving = [
            row
            for row in rows
            if row.subject.kind is RunKind.INFERENCE and row.wanted and row.launched and row.next_retry_at is None
        ]
        self._executor.execute(
            [Launch(row.subject, row.attempt) for row in serving],
            _by_subject(serving),
            may_act=lambda: self._leadership.is_held,
        )

    def _keep_house(self) -> None:
        now = time.monotonic()
        for job, seconds in self._housekeeping.items():
            if now >= self._due[job]:
                self._due[job] = now + seconds
                job()

    def _end(self) -> None:
        for relay in self._relays:
            relay.close()
        self._launcher.close()
        try:
            if self._leads:
                self._leadership.release()
        except DatabaseError as error:
            logger.warning("the lead could not be given up; it expires on its own", error=str(error))
        self._wakeup.close()


def _by_subject(rows: Sequence[Row]) -> dict[Subject, Row]:
    return {row.subject: row for row in rows}
