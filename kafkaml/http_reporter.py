"""HttpReporter: the ResultReporter for the backend, live during training and robust against outages.

Used by ``model_training.__main__``. Metrics go through a queue and one sender thread, so that training never waits for
HTTP: what is queued during a request leaves with the next one. A newer progress report replaces one that is not sent
yet; epochs, artifacts and the end are never dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kafkaml.closing import Closing
from kafkaml.errors import ApiError
from kafkaml.job_client import JobClient
from kafkaml.logs import get_logger
from kafkaml.wire.checkpoint import Checkpoint, Positions, WindowEnd
from kafkaml.wire.failure import Failure
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.receipt import Numbered
from kafkaml.wire.version import Comparison

__all__ = ["HttpReporter"]

logger = get_logger(__name__)

_PROGRESS = "progress"
# The most epochs that wait for an unavailable backend; beyond that the run itself waits, which bounds the memory.
_MAX_QUEUED_EVENTS = 10_000
_MAX_EVENTS_PER_REQUEST = 500


class HttpReporter(Closing):
    """Reports one attempt through ``client``; a context manager, which ends the sender thread.

    ``running``, ``progress``, ``window`` and ``epoch`` return at once; ``upload``, ``version``, ``finished`` and
    ``failed`` return when the backend has confirmed them and everything queued before. An answer that ends the attempt
    (409: superseded, 403, 404) is raised as ApiError by the next call of any method, and handed to ``on_final`` from
    the sender thread at once. ``on_progress`` gets each progress and epoch, in the thread that reports it.
    """

    def __init__(
        self,
        client: JobClient,
        *,
        on_final: Callable[[ApiError], None] = lambda _error: None,
        on_progress: Callable[[Progress | EpochMetrics], None] = lambda _said: None,
        deadline_seconds: float = 24 * 3600.0,
    ) -> None:
        self._client = client
        self._on_final = on_final
        self._on_progress = on_progress
        # A finished training is worth a long wait for the backend, but the token expires after this time.
        self._deadline_seconds = deadline_seconds
        self._changed = threading.Condition()
        self._queue: deque[tuple[str, Mapping[str, Any]]] = deque()
        self._sending = 0
        self._next_seq = 0
        self._error: ApiError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the sender; events that are still queued are given up (``finished`` and ``failed`` waited for them)."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout=1)

    def running(self) -> None:
        self._put("running", {})

    def progress(self, progress: Progress) -> None:
        self._on_progress(progress)
        self._put(_PROGRESS, progress.to_json())

    def epoch(self, metrics: EpochMetrics) -> None:
        self._on_progress(metrics)
        self._put("epoch", metrics.to_json())

    def window(self, end: WindowEnd) -> None:
        self._put("window", end.to_json())

    def upload(self, name: str, path: Path) -> str:
        self._raise_error()
        return self._client.upload_artifact(name, path, deadline_seconds=self._deadline_seconds)

    def flush(self, *, patience_seconds: float | None = None) -> None:
        self._flush(patience_seconds)

    def checkpoint(
        self,
        path: Path,
        *,
        step: int,
        records: int = 0,
        positions: Positions | None = None,
        patience_seconds: float | None = None,
    ) -> Checkpoint:
        self._raise_error()
        patience = self._deadline_seconds if patience_seconds is None else patience_seconds
        sha256 = self._client.upload_artifact(path.name, path, deadline_seconds=patience)
        saved = Checkpoint(
            attempt=self._client.attempt,
            name=path.name,
            sha256=sha256,
            size=path.stat().st_size,
            step=step,
            records=records,
            positions=positions or {},
        )
        # Earlier reports go first, because an attempt that continues from the checkpoint does not repeat them.
        self._flush(patience)
        self._client.post("checkpoint", {"checkpoint": saved.to_json()}, deadline_seconds=patience)
        return saved

    def version(
        self, outcome: TrainingOutcome, *, step: int, positions: Positions, comparison: Comparison | None
    ) -> int:
        self._flush()
        body = {"step": step, **_version(outcome, positions, comparison)}
        answer = self._client.post("versions", body, deadline_seconds=self._deadline_seconds)
        return Numbered.model_validate(answer).number

    def finished(
        self, outcome: TrainingOutcome, *, positions: Positions | None = None, comparison: Comparison | None = None
    ) -> None:
        self._flush()
        body = _version(outcome, positions or {}, comparison)
        self._client.post("finish", body, deadline_seconds=self._deadline_seconds)

    def failed(self, failure: Failure, outcome: TrainingOutcome | None = None) -> None:
        self._flush()
        body = {"failure": failure.to_json(), **({} if outcome is None else {"outcome": outcome.to_json()})}
        self._client.post("fail", body, deadline_seconds=self._deadline_seconds)

    def _put(self, kind: str, data: Mapping[str, Any]) -> None:
        with self._changed:
            if kind == _PROGRESS and self._queue and self._queue[-1][0] == _PROGRESS:
                self._queue.pop()
            self._wait(lambda: len(self._queue) < _MAX_QUEUED_EVENTS)
            self._queue.append((kind, data))
            self._changed.notify_all()

    def _flush(self, deadline_seconds: float | None = None) -> None:
        with self._changed:
            self._wait(lambda: not self._queue and not self._sending, deadline_seconds)

    def _wait(self, ready: Callable[[], bool], deadline_seconds: float | None = None) -> None:
        """Wait until ``ready`` is true; raises the sender's error. The caller holds the lock."""
        seconds = self._deadline_seconds if deadline_seconds is None else deadline_seconds
        done = self._changed.wait_for(lambda: ready() or self._error is not None, timeout=seconds)
        self._raise_error()
        if not done:
            raise ApiError(f"the backend did not take the metrics of this run within {seconds:.0f} s")

    def _raise_error(self) -> None:
        if self._error is not None:
            raise ApiError(self._error.message, status=self._error.status, problem=self._error.problem) from self._error

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), _MAX_EVENTS_PER_REQUEST))]
                self._sending = len(batch)
            error = self._send(batch)
            with self._changed:
                self._sending = 0
                self._error = error
                self._changed.notify_all()
            if error is not None:
                self._on_final(error)
                return

    def _send(self, batch: list[tuple[str, Mapping[str, Any]]]) -> ApiError | None:
        """Post events until the backend has taken them; returns the error that ends the attempt, if one does."""
        # Number events once, before the first try, because the backend ignores numbers it has seen from this attempt.
        events = [{"seq": self._next_seq + i, "type": kind, "data": data} for i, (kind, data) in enumerate(batch)]
        self._next_seq += len(batch)
        try:
            self._client.post("events", {"events": events}, deadline_seconds=self._deadline_seconds)
        except ApiError as error:
            if error.status in (400, 422):
                # Losing hours of training over one unreadable report would be worse than dropping it.
                logger.exception("the backend refused metrics, going on without them", events=len(batch))
                return None
            return error
        except Exception as error:  # noqa: BLE001 - the thread's outermost call: a flush must not wait forever
            return ApiError(f"metrics could not be sent: {type(error).__name__}: {error}")
        return None


def _version(outcome: TrainingOutcome, positions: Positions, comparison: Comparison | None) -> dict[str, Any]:
    return {
        "outcome": outcome.to_json(),
        **({"positions": positions} if positions else {}),
        **({} if comparison is None else {"comparison": comparison.to_json()}),
    }
