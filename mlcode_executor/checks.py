"""Checker: source code in, verdict out. Every check runs in a model process of its own, and nothing of it is kept.

Called by the HTTP service; knows nothing of HTTP.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from kafkaml.errors import DeadlineExceeded, KafkaMLError, ModelProcessDied, UserCodeError
from mlcode_executor.process import ModelProcess
from mlcode_executor.spares import SpareProcesses

__all__ = ["Checker", "Problem", "Verdict"]

_MAX_CANCELLED = 100


@dataclass(frozen=True)
class Problem:
    """Why code is refused.

    ``kind`` is syntax, runtime, missing, invalid, limit or cancelled; ``line`` is 1-based in ``source`` (``imports`` or
    ``code``), or None.
    """

    kind: str
    message: str
    line: int | None = None
    source: str = ""
    traceback: str = ""
    hint: str = ""

    @classmethod
    def from_error(cls, error: KafkaMLError) -> Problem:
        """Describe an error that the sender can fix; others are raised again."""
        match error:
            case UserCodeError():
                return cls(
                    error.kind,
                    error.message,
                    line=error.line,
                    source=error.source,
                    traceback=error.traceback_text,
                    hint=error.hint,
                )
            case ModelProcessDied():
                return cls("limit", error.message, hint=error.hint)
            case DeadlineExceeded():
                return cls("limit", error.message, hint=error.hint or _ENDLESS_HINT)
        raise error


@dataclass(frozen=True)
class Verdict:
    """The answer to a check: a report of the model, or a problem. ``output`` is what the code printed."""

    report: Mapping[str, Any] | None = None
    error: Problem | None = None
    output: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what the service answers."""
        body: dict[str, Any] = {"valid": self.error is None, "output": self.output}
        if self.report is not None:
            body["report"] = dict(self.report)
        if self.error is not None:
            body["error"] = asdict(self.error)
        return body


# A check makes the model and trains nothing.
_ENDLESS_HINT = (
    "a loop in the code has no end, or the code trains, loads or downloads: keep what makes the model and leave the "
    "rest out"
)
_CANCELLED = Verdict(error=Problem("cancelled", "the check was cancelled", hint="check again when you like"))


class Checker:
    """Checks models of one framework; thread-safe. ``start`` returns a new model process."""

    def __init__(self, start: Callable[[], ModelProcess], *, timeout_seconds: float, spares: int = 1) -> None:
        self._timeout_seconds = timeout_seconds
        self._spares = SpareProcesses(start, count=spares)
        self._lock = threading.Lock()
        self._running: dict[str, ModelProcess] = {}
        # Tickets cancelled most recently. A check looks for its own ticket here before it begins.
        self._cancelled: deque[str] = deque(maxlen=_MAX_CANCELLED)

    def check(self, *, code: str, imports: str, distributed: bool, ticket: str = "") -> Verdict:
        """Run the code and describe its model. Raises BrokenError when the check could not be run.

        ``ticket`` identifies the check for ``cancel``, which another thread calls.
        """
        if self._is_cancelled(ticket):
            return _CANCELLED
        with self._spares.process() as process, self._cancellable(ticket, process):
            try:
                report = process.call(
                    "check",
                    {"code": code, "imports": imports, "distributed": distributed},
                    timeout_seconds=self._timeout_seconds,
                )
            except KafkaMLError as error:
                if self._is_cancelled(ticket):
                    return _CANCELLED
                return Verdict(error=Problem.from_error(error), output=process.output)
            return Verdict(report=report, output=process.output)

    def cancel(self, ticket: str) -> None:
        """End the check of a ticket now. A check that has not begun never will; one that is over is left alone."""
        with self._lock:
            self._cancelled.append(ticket)
            process = self._running.get(ticket)
        if process is not None:
            process.close()

    def _is_cancelled(self, ticket: str) -> bool:
        with self._lock:
            return ticket != "" and ticket in self._cancelled

    @contextmanager
    def _cancellable(self, ticket: str, process: ModelProcess) -> Iterator[None]:
        if ticket == "":
            yield
            return
        with self._lock:
            self._running[ticket] = process
            late = ticket in self._cancelled
        try:
            if late:
                process.close()
            yield
        finally:
            with self._lock:
                del self._running[ticket]

    @property
    def ready(self) -> int:
        """How many processes wait for a check."""
        return self._spares.ready

    def close(self) -> None:
        """End all processes."""
        self._spares.close()
