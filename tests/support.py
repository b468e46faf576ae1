"""Helpers that tests of all rooms use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

import psutil
from confluent_kafka import Producer

T = TypeVar("T")


def soaking() -> bool:
    """Whether tests of faults run for hours (``make soak``) instead of taking a quick look."""
    return os.environ.get("KML_TEST_SOAK") == "1"


def is_over(process: psutil.Process) -> bool:
    """Whether a process has ended, reaped or not.

    A process that its new parent has not reaped counts as ended. Whether it is reaped does not matter, and on some
    machines the first process never reaps.
    """
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def has_ended(pid: int) -> bool:
    """Whether there is no process with this number, or only one that nobody has reaped yet."""
    try:
        return is_over(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


def ordered_producer(bootstrap_servers: str, **settings: object) -> Producer:
    """A client that writes to each partition in the order of the calls; ``settings`` use ``_`` for ``.``.

    A plain client may not: when a broker does not know a new topic yet, the first batch is repeated after the second.
    """
    names = {key.replace("_", "."): value for key, value in settings.items()}
    return Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True} | names)


# The longest pause of ``eventually`` after a slow predicate.
_LONGEST_PAUSE_SECONDS = 1.0


def eventually(
    predicate: Callable[[], T],
    timeout_seconds: float = 30,
    *,
    interval_seconds: float = 0.02,
    eager: bool = False,
    what: str = "",
    ignoring: tuple[type[Exception], ...] = (),
) -> T:
    """Call ``predicate`` until it returns something true, and return that; AssertionError after the time limit.

    A pause is at least three times as long as the predicate took, because constant requests keep the platform from its
    work. ``eager`` makes pauses short, to catch a passing moment. The predicate is called once more after the limit,
    because a busy machine may have held this process up since the last call. Exceptions of the types in ``ignoring``
    count as "not yet"; the last one becomes the failure's cause.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        asked_at = time.monotonic()
        is_late = asked_at > deadline
        last: T | None = None
        problem: Exception | None = None
        try:
            last = predicate()
            if last:
                return last
        except ignoring as error:
            problem = error
        if is_late:
            description = what or getattr(predicate, "__name__", "the condition")
            raise AssertionError(
                f"{description} did not hold within {timeout_seconds:g} s; last: {last!r}"
            ) from problem
        took = 0.0 if eager else time.monotonic() - asked_at
        time.sleep(max(interval_seconds, min(_LONGEST_PAUSE_SECONDS, 3 * took)))
