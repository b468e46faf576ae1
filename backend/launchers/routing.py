"""RoutingLauncher: the platform's own launcher and those of other clusters behind one face, for the controller.

Work goes where its specification says, and is observed where it runs. Each other cluster has its own thread that waits
for it, so a slow or unreachable one holds up neither the own cluster nor the others. Work in an unreachable cluster is
Phase.UNKNOWN, so nothing is decided about it: it is not restarted elsewhere and does not count as lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from backend.launchers.base import Launcher, Observed, Phase, WorkSpec
from kafkaml.errors import BrokenError, KafkaMLError
from kafkaml.logs import get_logger
from kafkaml.wire.failure import Failure, FailureCategory

__all__ = ["Placements", "RoutingLauncher"]

logger = get_logger(__name__)

# The longest the controller waits for another cluster, after which it pauses requests to it, longer each time.
ANSWER_SECONDS = 3.0
_FIRST_REST_SECONDS = 5.0
_MAX_REST_SECONDS = 60.0
LOOK_SECONDS = 0.5
_MAX_PAUSE_SECONDS = 10.0
# Observations older than this are void, because the thread waits for an answer that does not come.
STALE_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Placements:
    """Other clusters and the work in them, as the rows have it.

    ``clusters`` holds every other cluster, with a text that changes whenever its connection settings do. ``names``
    holds the work that has not ended, with its cluster. Such work is UNKNOWN until its cluster reports it, so that a
    controller that has just started decides nothing about clusters that it cannot reach.
    """

    clusters: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


class RoutingLauncher:
    """See Launcher. ``own`` takes all work that names no cluster.

    ``connect`` makes the launcher of another cluster, by its name, in that cluster's thread; it may raise and is then
    asked again. Each launcher has its own folder for its notes, because the same name may exist in several clusters.
    ``placements`` is asked before each look, by the controller's thread.
    """

    def __init__(
        self,
        *,
        own: Launcher,
        connect: Callable[[str], Launcher],
        placements: Callable[[], Placements],
        answer_seconds: float = ANSWER_SECONDS,
        look_seconds: float = LOOK_SECONDS,
        stale_seconds: float = STALE_SECONDS,
    ) -> None:
        self._own = own
        self._connect = connect
        self._placements = placements
        self._answer_seconds = answer_seconds
        self._look_seconds = look_seconds
        self._stale_seconds = stale_seconds
        self._others: dict[str, _ClusterThread] = {}
        # The cluster of each piece of work that is not in the own cluster.
        self._places: dict[str, str] = {}

    def launch(self, spec: WorkSpec) -> None:
        if not spec.cluster:
            self._own.launch(spec)
            return
        if spec.cluster not in self._others:
            self._meet(self._placements().clusters)
        if spec.cluster not in self._others:
            raise BrokenError(
                f"{spec.name} belongs to cluster {spec.cluster!r}, which is not known: expected one of "
                f"{', '.join(sorted(self._others)) or 'none'}"
            )
        self._places[spec.name] = spec.cluster
        self._others[spec.cluster].launch(spec)

    def stop(self, name: str) -> None:
        self._where(name, lambda launcher: launcher.stop(name))

    def forget(self, name: str) -> None:
        self._where(name, lambda launcher: launcher.forget(name))

    def observe(self) -> Mapping[str, Observed]:
        """See Launcher. Only the own cluster is waited for; the others' work is as their threads saw it last."""
        placements = self._placements()
        self._meet(placements.clusters)
        elsewhere: dict[str, Observed] = {}
        places: dict[str, str] = {}
        for cluster, other in self._others.items():
            expected = [name for name, place in placements.names.items() if place == cluster]
            found = other.observed(expected)
            elsewhere |= found
            places |= dict.fromkeys(found, cluster)
        self._places = {**places, **placements.names}
        return {**elsewhere, **self._own.observe()}

    def logs(self, name: str, *, replica: int = 0, offset: int = 0, max_bytes: int = 65536) -> tuple[bytes, int]:
        # Logs are collected on this machine, so that they can be read while the cluster is unreachable.
        other = self._other_of(name)
        launcher = self._own if other is None or other.launcher is None else other.launcher
        return launcher.logs(name, replica=replica, offset=offset, max_bytes=max_bytes)

    def names(self) -> Sequence[str]:
        others = [other.launcher for other in self._others.values() if other.launcher is not None]
        return sorted({name for launcher in (self._own, *others) for name in launcher.names()})

    def prune(self, *, older_than_seconds: float) -> None:
        self._own.prune(older_than_seconds=older_than_seconds)
        for other in self._others.values():
            other.ask(lambda launcher: launcher.prune(older_than_seconds=older_than_seconds))

    def close(self) -> None:
        self._meet({})
        self._own.close()

    def _where(self, name: str, action: Callable[[Launcher], None]) -> None:
        """Have ``action`` done by the launcher that has the work of that name, otherwise by the own launcher."""
        other = self._other_of(name)
        if other is None:
            action(self._own)
        else:
            other.do(action)

    def _other_of(self, name: str) -> _ClusterThread | None:
        return self._others.get(self._places.get(name, ""))

    def _meet(self, clusters: Mapping[str, str]) -> None:
        """Start with new clusters, drop removed ones, and reconnect to changed ones."""
        for cluster, other in list(self._others.items()):
            if clusters.get(cluster) != other.version:
                self._others.pop(cluster).close()
        for cluster, version in clusters.items():
            if cluster not in self._others:
                self._others[cluster] = _ClusterThread(
                    cluster,
                    version,
                    connect=self._connect,
                    answer_seconds=self._answer_seconds,
                    look_seconds=self._look_seconds,
                    stale_seconds=self._stale_seconds,
                )


_Task = tuple[Callable[[Launcher], None], "Future[None]"]


class _ClusterThread:
    """One other cluster. Its thread makes the launcher, observes the cluster, and carries out in order what ``do`` asks
    for.

    It has over 12 fields because its thread and those that ask it share what was seen of the cluster, under one lock.
    """

    def __init__(
        self,
        cluster: str,
        version: str,
        *,
        connect: Callable[[str], Launcher],
        answer_seconds: float,
        look_seconds: float,
        stale_seconds: float,
    ) -> None:
        self.version = version
        # None until the cluster was reached for the first time.
        self.launcher: Launcher | None = None
        self._cluster = cluster
        self._connect = connect
        self._answer_seconds = answer_seconds
        self._look_seconds = look_seconds
        self._stale_seconds = stale_seconds
        self._lock = threading.Lock()
        self._seen: Mapping[str, Observed] = {}
        self._seen_at = float("-inf")
        # Work that was launched since the last observation began. It is not in the observation, but has not vanished.
        self._launched: set[str] = set()
        # Why the last look at the cluster failed. Empty when it succeeded, and before the first one.
        self._trouble = ""
        # How long actions rest after one was not answered. A successful look does not end the rest, because it may be
        # answered from memory.
        self._rest_seconds = 0.0
        self._rests_until = float("-inf")
        self._pause_seconds = look_seconds
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        threading.Thread(target=self._run, name=f"cluster-{cluster}", daemon=True).start()

    # --- called by the controller's thread -------------------------------------------------------------------------

    def launch(self, spec: WorkSpec) -> None:
        with self._lock:
            self._launched.add(spec.name)
        self.do(lambda launcher: launcher.launch(spec))

    def do(self, action: Callable[[Launcher], None]) -> None:
        """Have ``action`` done and wait for it; raises BrokenError immediately while the cluster is known to be
        unreachable.
        """
        rests = time.monotonic() < self._rests_until
        if trouble := self._trouble or ("it did not answer a moment ago" if rests else ""):
            raise BrokenError(f"cluster {self._cluster!r} cannot be reached: {trouble}", hint=self._hint)
        done = self.ask(action)
        try:
            done.result(timeout=self._answer_seconds)
        except FutureTimeoutError:
            done.cancel()
            self._rest_seconds = min(max(self._rest_seconds * 2, _FIRST_REST_SECONDS), _MAX_REST_SECONDS)
            self._rests_until = time.monotonic() + self._rest_seconds
            raise BrokenError(
                f"cluster {self._cluster!r} did not answer within {self._answer_seconds:g} s; whether it did what was "
                "asked is unknown",
                hint=self._hint,
            ) from None
        self._rest_seconds = 0.0

    def ask(self, action: Callable[[Launcher], None]) -> Future[None]:
        """Have ``action`` done in its turn, without waiting for it."""
        done: Future[None] = Future()
        self._tasks.put((action, done))
        return done

    def observed(self, expected: Collection[str]) -> dict[str, Observed]:
        """Return the work in the cluster. While the cluster cannot be asked, all known and ``expected`` work is
        UNKNOWN.
        """
        with self._lock:
            current = not self._trouble and time.monotonic() - self._seen_at < self._stale_seconds
            seen = dict(self._seen)
            unsure = self._launched - seen.keys() if current else {*expected, *seen, *self._launched}
            failure = self._failure if self._trouble else None
        return seen | {name: Observed(name=name, phase=Phase.UNKNOWN, failure=failure) for name in unsure}

    def close(self) -> None:
        """Close without waiting for a thread that waits for the cluster."""
        self._tasks.put(None)

    @property
    def _failure(self) -> Failure:
        cause = f"cluster {self._cluster!r} cannot be reached: {self._trouble}"
        return Failure(category=FailureCategory.CONFIGURATION, cause=cause, hint=self._hint)

    @property
    def _hint(self) -> str:
        return f"kafka-ml clusters check {self._cluster} says what does not work"

    # --- its own thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        look_at = 0.0
        while True:
            # Look again after each task, so that its effect shows, and so that the loss of the cluster is noticed
            # before the next.
            if (wait_seconds := look_at - time.monotonic()) <= 0:
                self._look()
                look_at = time.monotonic() + self._pause_seconds
                continue
            try:
                task = self._tasks.get(timeout=wait_seconds)
            except Empty:
                continue
            if task is None:
                break
            self._carry_out(*task)
            look_at = 0.0
        if self.launcher is not None:
            self.launcher.close()

    def _carry_out(self, action: Callable[[Launcher], None], done: Future[None]) -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            action(self._reached())
        except BaseException as error:  # noqa: BLE001 (it is raised where the action was asked for)
            done.set_exception(error)
        else:
            done.set_result(None)

    def _look(self) -> None:
        with self._lock:
            launched = set(self._launched)
        try:
            seen = dict(self._reached().observe())
        except Exception as error:  # noqa: BLE001 (whatever it is, the thread must go on asking)
            self._note_trouble(error)
            return
        with self._lock:
            was_away = bool(self._trouble)
            self._seen, self._seen_at, self._trouble = seen, time.monotonic(), ""
            self._launched -= launched
            self._pause_seconds = self._look_seconds
        if was_away:
            logger.info("another cluster answers again", cluster=self._cluster)

    def _note_trouble(self, error: Exception) -> None:
        with self._lock:
            new = not self._trouble
            self._trouble = str(error) or type(error).__name__
            self._pause_seconds = min(self._pause_seconds * 2, _MAX_PAUSE_SECONDS)
        if new:
            logger.warning(
                "another cluster cannot be reached; its work is left as it is",
                cluster=self._cluster,
                error=str(error),
                exc_info=None if isinstance(error, KafkaMLError) else error,
            )

    def _reached(self) -> Launcher:
        if self.launcher is None:
            self.launcher = self._connect(self._cluster)
        return self.launcher
