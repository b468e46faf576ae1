"""How a worker ended -> why, in words: Failure(category, cause, hint). Pure; used by every launcher.

A worker that knows what went wrong reports it to the backend itself, and that report counts. This module explains the
other ends: killed, out of memory, crashed before it could report, vanished.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from kafkaml.system import signal_name
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.state import WorkerExit

__all__ = ["Ending", "diagnose"]

_LAST_EXCEPTION = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?"
    r"([A-Z]\w*(?:Error|Exception|Interrupt|Died|Unavailable|Fenced|Timeout|Aborted|Exceeded)): ?(.*)$"
)
_TRACEBACK = "Traceback (most recent call last):"
_MISSING_MODULE = re.compile(r"No module named '([^']+)'")
# A worker's Python traceback is seldom longer, and the log keeps the whole of it anyway.
_MAX_TRACEBACK_CHARS = 8000
_MAX_CAUSE_CHARS = 500

# Signals that the kernel sends to a program which did something impossible.
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGSYS})


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What the runtime knows of how a worker ended.

    ``exit_code`` is negative for a signal, as ``subprocess`` has it, and None when the end was not observed.
    ``out_of_memory``: the kernel or the cluster says that it killed for memory. ``suspended``: Kafka-ML was shut down.
    """

    exit_code: int | None
    out_of_memory: bool = False
    suspended: bool = False
    log_tail: str = ""


def diagnose(ending: Ending) -> Failure | None:
    """Return why work ended, or None when it ended well (exit code 0)."""
    if ending.suspended:
        return Failure(
            category=FailureCategory.LOST,
            cause="Kafka-ML was shut down while this ran",
            hint="it is started again automatically when Kafka-ML is back",
        )
    code = _normalised(ending.exit_code)
    if code == 0:
        return None
    if ending.out_of_memory:
        return Failure(
            category=FailureCategory.OUT_OF_MEMORY,
            cause="the worker was killed because memory ran out",
            hint="use a smaller batch size or model, give it more memory, or run fewer things at once",
        )
    if code is None:
        return Failure(
            category=FailureCategory.LOST,
            cause="the worker vanished: nobody saw it end (the machine restarted, or its keeper was killed too)",
            hint="it is tried again automatically; look at the machine's log if it happens again",
        )
    if code < 0:
        return _of_signal(-code, ending.log_tail)
    return _of_log(code, ending.log_tail)


def _normalised(code: int | None) -> int | None:
    # Shells and container runtimes report death by signal n as 128 + n.
    return 128 - code if code is not None and 128 < code < 128 + signal.NSIG else code


def _of_signal(number: int, log_tail: str) -> Failure:
    if number == signal.SIGKILL:
        return Failure(
            category=FailureCategory.LOST,
            cause="the worker was killed (SIGKILL), not by Kafka-ML",
            hint="it is tried again automatically; memory may have run out (see the kernel's log), or someone killed "
            "it",
        )
    if number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        return Failure(
            category=FailureCategory.LOST,
            cause=f"the worker was asked to end ({signal_name(number)}), not by Kafka-ML",
            hint="it is tried again automatically",
        )
    if number == signal.SIGXCPU:
        return Failure(
            category=FailureCategory.TIME_LIMIT,
            cause="the worker used up its processor time (SIGXCPU)",
            hint="train on less data or fewer epochs, or raise the limit",
        )
    if number in _CRASHES:
        return Failure(
            category=FailureCategory.INTERNAL,
            cause=f"the worker crashed ({signal_name(number)})",
            hint="a compiled library failed; the log's last lines may say which",
            traceback_text=_traceback(log_tail),
        )
    return Failure(
        category=FailureCategory.INTERNAL,
        cause=f"the worker ended by {signal_name(number)}",
        hint="look at the log's last lines",
    )


def _of_log(code: int, log_tail: str) -> Failure:
    if code == WorkerExit.SUPERSEDED:
        return _failure(
            FailureCategory.LOST, "the worker was superseded by a newer attempt", "there is nothing to do", ""
        )
    name, message = _last_exception(log_tail)
    if code == WorkerExit.FAILURE_NOT_REPORTED and not name:
        return _failure(
            FailureCategory.LOST,
            "the worker failed and could not tell the backend why",
            "it is tried again; its log says more",
            "",
        )
    traceback_text = _traceback(log_tail)
    said = f": {name}: {message}"[:_MAX_CAUSE_CHARS] if name else ""
    cause = f"the worker ended with exit code {code}{said}"
    if name in ("ModuleNotFoundError", "ImportError"):
        missing = _MISSING_MODULE.search(message)
        hint = (
            f"the Python package {missing[1]!r} is not installed where workers run; run `kafka-ml doctor`"
            if missing
            else "the installation is incomplete; run `kafka-ml doctor`"
        )
        return _failure(FailureCategory.CONFIGURATION, cause, hint, traceback_text)
    if name in ("SettingsError", "ValidationError", "SandboxUnavailable"):
        return _failure(
            FailureCategory.CONFIGURATION, cause, "correct the setting that the message names", traceback_text
        )
    if name == "MemoryError":
        return _failure(
            FailureCategory.OUT_OF_MEMORY, cause, "use a smaller batch size, or give it more memory", traceback_text
        )
    if name in ("BrokerError", "BrokerTimeout", "KafkaException"):
        return _failure(
            FailureCategory.BROKER, cause, "check that Kafka runs and can be reached; it is tried again", traceback_text
        )
    return _failure(FailureCategory.INTERNAL, cause, "this is a fault of Kafka-ML; its log says more", traceback_text)


def _failure(category: FailureCategory, cause: str, hint: str, traceback_text: str) -> Failure:
    return Failure(category=category, cause=cause, hint=hint, traceback_text=traceback_text)


def _last_exception(log_tail: str) -> tuple[str, str]:
    """Return name and message of the last exception that ended a traceback; empty texts where there is none."""
    for line in reversed(log_tail.splitlines()):
        if match := _LAST_EXCEPTION.match(line):
            return match[1], match[2]
    return "", ""


def _traceback(log_tail: str) -> str:
    start = log_tail.rfind(_TRACEBACK)
    return log_tail[start:][:_MAX_TRACEBACK_CHARS].rstrip() if start >= 0 else ""
