"""The one retry policy: which errors pass by themselves, and how long to wait between tries.

Used wherever a service calls another over HTTP. Kafka's own client retries by itself and is not wrapped again.
Waits grow from 0.1 s to 5 s with jitter, so that a hundred workers do not return to a restarted backend at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import stamina

from kafkaml.errors import ApiError, BrokerError, ProducerFenced, TransactionAborted

__all__ = ["is_transient", "retrying"]

# 408 and 425: the server gave up waiting; 416: an upload must ask again where to go on; 429: come back later; the rest:
# the server is restarting, overloaded or short of disk.
_TRANSIENT_STATUS = frozenset({0, 408, 416, 425, 429, 500, 502, 503, 504, 507})


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed when made again without a change."""
    if isinstance(error, ApiError):
        return error.status in _TRANSIENT_STATUS
    return isinstance(error, BrokerError) and not isinstance(error, (ProducerFenced, TransactionAborted))


def retrying(
    *, deadline_seconds: float | None, max_wait_seconds: float = 5.0
) -> Iterator[AbstractContextManager[object]]:
    """Iterate over attempts: ``for attempt in retrying(deadline_seconds=60): with attempt: call()``.

    Ends with the first success. An error that is not transient, or any error after ``deadline_seconds`` (None:
    never), is raised as it is.
    """
    yield from stamina.retry_context(
        on=is_transient,
        attempts=None,
        timeout=deadline_seconds,
        wait_initial=0.1,
        wait_max=max_wait_seconds,
        wait_jitter=0.5,
    )
