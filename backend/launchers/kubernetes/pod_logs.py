"""PodLogs: follows the logs of our pods into files in the format of ``replica_log``, which outlive the pods.

Nothing is lost or doubled when the collector is killed: next to each log is its position, that is, which container's
run, how many lines since which second (the API goes on from whole seconds only), and how long the log was then. What
was written after the last position is cut off and fetched again, the same bytes at the same offsets.

A bounded number of threads take turns; tests call ``step`` instead.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from backend.launchers.job_folder import read_json
from backend.launchers.kubernetes.api import ApiRefused, ClusterApi, Manifest, NotThere
from backend.launchers.kubernetes.manifests import WORKER_CONTAINER
from backend.launchers.kubernetes.objects import is_deleting, made_at, replica_of, uid_of, work_of, worker_status
from backend.launchers.names import parse_work_name
from backend.launchers.replica_log import LogWriter, truncate_log
from kafkaml.errors import KafkaMLError
from kafkaml.logs import get_logger
from kafkaml.system import write_atomically

__all__ = ["PodLogs"]

logger = get_logger(__name__)

_MAX_THREADS = 32
# When all threads are busy, each switches to another pod at this pace.
_TURN_SECONDS = 3.0
# The log of a container that is silent for this long is requested again, so that a dead connection is noticed.
_QUIET_SECONDS = 30.0
_AGAIN_SECONDS = 0.2
_MAX_PAUSE_SECONDS = 5.0
# After this many failures in a row (about 10 s) the log itself says that it cannot be read.
_PATIENCE = 6
_TIMESTAMP = re.compile(rb"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8})(?:\.[0-9]+)?(Z|[+-][0-9:]{5})")


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One run of a pod's container. ``previous`` says that a newer run exists, so its log must be asked for as the
    previous one's.
    """

    container: str
    number: int
    ended: bool
    previous: bool = False


@dataclass(frozen=True, kw_only=True)
class _Position:
    """How far a log is collected: up to ``lines`` lines from ``second`` on. ``last`` is the time of the newest line.

    ``offset`` is the length of the stored log; ``complete`` says that all of this run is stored.
    """

    container: str = ""
    number: int = -1
    second: str = ""
    lines: int = 0
    last: str = ""
    offset: int = 0
    complete: bool = False


class _Target:
    """A replica whose log is collected; used by one thread at a time."""

    def __init__(self, work: str, replica: int, pod: Manifest) -> None:
        self.work = work
        self.replica = replica
        self.pod = pod
        self.busy = False
        self.not_before = float("-inf")
        self.failures = 0
        self.position: _Position | None = None
        self.writer: LogWriter | None = None
        # The last run that was collected to its end, and pods whose log is no longer available.
        self.complete = ""
        self.lost_pod = ""

    @property
    def is_done(self) -> bool:
        runs = _runs(self.pod)
        return not runs or self.lost_pod == uid_of(self.pod) or (runs[-1].ended and self.complete == runs[-1].container)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None


class PodLogs:
    """``logs_dir`` holds a folder per run. ``show`` gets the running pods; the rest happens in threads or
    in ``step``.
    """

    def __init__(
        self,
        *,
        api: ClusterApi,
        logs_dir: Path,
        clock: Callable[[], float] = time.monotonic,
        max_threads: int = _MAX_THREADS,
    ) -> None:
        self._api = api
        self._logs_dir = logs_dir
        self._clock = clock
        self._max_threads = max_threads
        self._targets: dict[tuple[str, int], _Target] = {}
        self._condition = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._threaded = False
        self._stopped = False

    def start(self) -> None:
        """Collect in threads from now on."""
        self._threaded = True

    def show(self, pods: Iterable[Manifest]) -> None:
        """Set the existing pods of ours; nothing more is requested from others."""
        shown: dict[tuple[str, int], Manifest] = {}
        for pod in pods:
            # An arbitrary name could lead to any folder.
            if parse_work_name(work := work_of(pod)) is not None:
                key = work, replica_of(pod)
                shown[key] = max(shown.get(key, pod), pod, key=made_at)
        with self._condition:
            for key, pod in shown.items():
                target = self._targets.get(key)
                if target is None:
                    target = self._targets[key] = _Target(*key, pod)
                target.pod = pod
            for key, target in list(self._targets.items()):
                # A log that is being read is read to its end, even when its pod is gone.
                if key not in shown and not target.busy:
                    if not target.is_done:
                        self._note_lost(target, "its pod was gone before it was read")
                    target.close()
                    del self._targets[key]
            due = sum(1 for target in self._targets.values() if self._is_due(target))
            self._condition.notify(due)
        if self._threaded:
            self._add_threads(due)

    def is_drained(self, work: str, replica: int) -> bool:
        """Whether all of the replica's log is collected, or there is nobody to collect it from."""
        with self._condition:
            target = self._targets.get((work, replica))
            return target is None or (target.is_done and not target.busy)

    def step(self) -> None:
        """Do once, and without following, what the threads do with all logs that are due."""
        for target in list(self._targets.values()):
            if self._is_due(target):
                self._collect(target, follow=False)

    def close(self) -> None:
        """Close without waiting for the threads, which end with their streams.

        A file closes now, or with its thread if that is still reading.
        """
        with self._condition:
            self._stopped = True
            for target in self._targets.values():
                if not target.busy:
                    target.close()
            self._condition.notify_all()

    # --- turns -----------------------------------------------------------------------------------------------------

    def _is_due(self, target: _Target) -> bool:
        return not target.busy and not target.is_done and self._clock() >= target.not_before

    def _add_threads(self, due: int) -> None:
        for _ in range(min(due, self._max_threads - len(self._threads))):
            thread = threading.Thread(target=self._run, name=f"pod-logs-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self) -> None:
        while (target := self._take()) is not None:
            try:
                self._collect(target, follow=True)
            except Exception as error:
                # A thread that dies would stop collecting for good.
                logger.warning("a log cannot be collected", job=target.work, exc_info=error)
                target.not_before = self._clock() + _MAX_PAUSE_SECONDS
            finally:
                with self._condition:
                    target.busy = False
                    if self._stopped:
                        target.close()

    def _take(self) -> _Target | None:
        with self._condition:
            while not self._stopped:
                due = [target for target in self._targets.values() if self._is_due(target)]
                if due:
                    # The pod that has waited the longest comes first.
                    target = min(due, key=lambda candidate: candidate.not_before)
                    target.busy = True
                    return target
                self._condition.wait(_AGAIN_SECONDS)
            return None

    @property
    def _is_crowded(self) -> bool:
        return len(self._targets) > self._max_threads

    # --- collecting ------------------------------------------------------------------------------------------------

    def _collect(self, target: _Target, *, follow: bool) -> None:
        pod = target.pod
        folder = self._logs_dir / target.work
        try:
            if target.position is None:
                self._open(target, folder)
            for run in self._left(target, pod):
                self._collect_run(target, pod, run, follow=follow)
            target.failures = 0
            target.not_before = self._clock() + _AGAIN_SECONDS
        except NotThere as error:
            target.lost_pod = uid_of(pod)
            self._note_lost(target, error.message)
        except (KafkaMLError, OSError) as error:
            target.failures += 1
            # Retry refused requests too, because the container may start later or the role may be fixed.
            target.not_before = self._clock() + min(_AGAIN_SECONDS * 2 ** min(target.failures, 8), _MAX_PAUSE_SECONDS)
            if target.failures == _PATIENCE and not isinstance(error, OSError):
                hint = f"; {error.hint}" if isinstance(error, ApiRefused) and error.hint else ""
                self._note(target, f"the log of pod {pod['metadata']['name']} cannot be read now: {error}{hint}")

    def _open(self, target: _Target, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        document = read_json(_position_file(folder, target.replica))
        position = _Position(**document) if document is not None else _Position()
        truncate_log(folder, target.replica, position.offset)
        target.writer = LogWriter(folder, target.replica)
        target.position = position

    def _left(self, target: _Target, pod: Manifest) -> Iterator[_Run]:
        """Yield the runs whose log is not complete, the older first."""
        runs = _runs(pod)
        position = target.position or _Position()
        if runs and (missed := runs[0].number - position.number - 1) > 0 and position.number >= 0:
            of_this_pod = position.container.startswith(uid_of(pod))
            if of_this_pod:
                self._note(target, f"the log of {missed} earlier runs of this replica was not read in time")
        for run in runs:
            is_new = run.number > position.number or not position.container.startswith(uid_of(pod))
            if is_new or (run.container == position.container and not position.complete):
                yield run
            elif run.container == position.container:
                target.complete = run.container

    def _collect_run(self, target: _Target, pod: Manifest, run: _Run, *, follow: bool) -> None:
        known = target.position or _Position()
        if known.container != run.container:
            known = _Position(container=run.container, number=run.number, offset=known.offset)
        pieces = self._api.pod_log(
            pod["metadata"]["name"],
            container=WORKER_CONTAINER,
            since=known.second or None,
            previous=run.previous,
            follow=follow and not run.ended,
            quiet_seconds=_TURN_SECONDS if self._is_crowded else _QUIET_SECONDS,
        )
        reader = _Reader(known)
        began = self._clock()
        for piece in pieces:
            self._store(target, reader, reader.take(piece))
            if follow and self._is_crowded and self._clock() - began > _TURN_SECONDS:
                return
        if run.ended:
            self._store(target, reader, reader.end())
            self._move(target, replace(reader.position, complete=True))
            target.complete = run.container

    def _store(self, target: _Target, reader: _Reader, content: bytes) -> None:
        if content:
            assert target.writer is not None
            target.writer.write(content)
            target.failures = 0
            self._move(target, reader.position)

    def _move(self, target: _Target, position: _Position) -> None:
        """Write down how far the log is collected, after it is."""
        assert target.writer is not None
        old = target.position or _Position()
        target.position = replace(position, offset=max(target.writer.offset, old.offset))
        path = _position_file(self._logs_dir / target.work, target.replica)
        write_atomically(path, orjson.dumps(asdict(target.position)))

    def _note_lost(self, target: _Target, why: str) -> None:
        # A pod that was asked to end was followed until its end, and the cluster's last news of it is older than that.
        if not is_deleting(target.pod):
            self._note(target, f"the rest of this log is lost: {why}")

    def _note(self, target: _Target, text: str) -> None:
        """Write a problem with the log into the log itself."""
        if target.writer is not None and target.position is not None:
            target.writer.write(f"[{text}]\n".encode())
            self._move(target, target.position)


class _Reader:
    """Takes the API's bytes apart into lines, drops those that were stored already, and the timestamps."""

    def __init__(self, position: _Position) -> None:
        self.position = position
        self._skip = position.lines
        self._skipped = b""
        self._rest = b""
        self._first = True

    def take(self, piece: bytes) -> bytes:
        """Return what is to be stored of ``piece`` and what came before it. An incomplete line is kept for the next
        call.
        """
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return b"".join(self._line(line + b"\n") for line in lines)

    def end(self) -> bytes:
        """Return the last line of a container that ended in the middle of the line."""
        rest, self._rest = self._rest, b""
        return self._line(rest + b"\n") if rest else b""

    def _line(self, line: bytes) -> bytes:
        match = _TIMESTAMP.match(line)
        if match is None:
            # A line without a timestamp is from the node itself, which may say why it has no log.
            return line
        moment, content = match[0].decode(), line[match.end() + 1 :]
        if self._skip:
            self._skip -= 1
            self._skipped += content
            if self._skip or moment == self.position.last:
                return b""
            # The answer is another run's log rather than the stored one, because the container was started again.
            content, self.position = self._skipped, replace(self.position, lines=0)
        # Each node writes times in its own zone, which never changes.
        second = (match[1] + match[2]).decode()
        if second > self.position.second:
            self.position = replace(self.position, second=second, lines=0)
        self.position = replace(self.position, lines=self.position.lines + 1, last=moment)
        return content


def _runs(pod: Mapping[str, Any]) -> list[_Run]:
    """Return the runs of the pod's container whose log the API can give, the older first."""
    status = worker_status(pod)
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated") or {}
    number = int(status.get("restartCount") or 0)
    uid = uid_of(pod)

    def run(container: str, of: int, *, ended: bool, previous: bool = False) -> _Run:
        return _Run(container=f"{uid}/{container}", number=of, ended=ended, previous=previous)

    if "running" in state:
        current = run(status.get("containerID", ""), number, ended=False)
    elif "terminated" in state and state["terminated"].get("containerID"):
        current = run(state["terminated"]["containerID"], number, ended=True)
    elif last.get("containerID"):
        return [run(last["containerID"], number, ended=True)]
    else:
        return []
    if last.get("containerID"):
        return [run(last["containerID"], number - 1, ended=True, previous=True), current]
    return [current]


def _position_file(folder: Path, replica: int) -> Path:
    return folder / f"position-{replica}.json"
