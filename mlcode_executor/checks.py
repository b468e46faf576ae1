"""Checker: source code in, verdict out. Every check runs in a model process of its own; nothing is kept of it.

Called by the HTTP service; knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kafkaml.errors import DeadlineExceeded, KafkaMLError, ModelProcessDied, UserCodeError
from mlcode_executor.process import ModelProcess
from mlcode_executor.spares import SpareProcesses

__all__ = ["Checker", "Problem", "Verdict"]


@dataclass(frozen=True)
class Problem:
    """Why code is refused.

    ``kind`` is syntax, runtime, missing, invalid or limit; ``line`` is 1-based in ``source`` (``imports`` or
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
        """Describe an error that is the sender's to mend; others are raised again."""
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
            case ModelProcessDied() | DeadlineExceeded():
                return cls("limit", error.message, hint=error.hint)
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


class Checker:
    """Checks models of one framework; thread-safe. ``start`` returns a new model process."""

    def __init__(self, start: Callable[[], ModelProcess], *, timeout_seconds: float, spares: int = 1) -> None:
        self._timeout_seconds = timeout_seconds
        self._spares = SpareProcesses(start, count=spares)

    def check(self, *, code: str, imports: str, distributed: bool) -> Verdict:
        """Run the code and describe its model. Raises BrokenError when that could not be tried."""
        with self._spares.process() as process:
            try:
                report = process.call(
                    "check",
                    {"code": code, "imports": imports, "distributed": distributed},
                    timeout_seconds=self._timeout_seconds,
                )
            except KafkaMLError as error:
                return Verdict(error=Problem.from_error(error), output=process.output)
            return Verdict(report=report, output=process.output)

    @property
    def ready(self) -> int:
        """How many processes wait for a check."""
        return self._spares.ready

    def close(self) -> None:
        """End all processes."""
        self._spares.close()
