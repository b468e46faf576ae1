"""The one retry policy: which errors are temporary, and how long to wait between tries.

Used wherever a service calls another over HTTP. Kafka's own client has its own retries and is not wrapped. Waits grow
from 0.1 s to 5 s with jitter, so that a hundred workers do not return to a restarted backend at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from kafkaml.errors import ApiError, BrokerError, KafkaMLError, ProducerFenced, TransactionAborted
from kafkaml.logs import get_logger

__all__ = ["is_transient", "retried"]

logger = get_logger(__name__)

T = TypeVar("T")

# Statuses after which a call is repeated. 0: the server could not be reached. 408 and 425: the server gave up waiting.
# 416: an upload must ask again where to continue. 429: the server is too busy. All others: the server is restarting,
# overloaded or short of disk.
_TRANSIENT_STATUS = frozenset({0, 408, 416, 425, 429, 500, 502, 503, 504, 507})


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed when made again without a change."""
    if isinstance(error, ApiError):
        return error.status in _TRANSIENT_STATUS
    return isinstance(error, BrokerError) and not isinstance(error, (ProducerFenced, TransactionAborted))


def retried(call: Callable[[], T], *, deadline_seconds: float) -> T:
    """Return what ``call`` returns, calling again after transient errors for ``deadline_seconds``: 0 never, ``inf``
    forever.

    An error that is not transient, or any error after that time, is raised as it is.
    """
    if deadline_seconds == 0:
        return call()
    caller = stamina.RetryingCaller(
        attempts=None,
        timeout=None if math.isinf(deadline_seconds) else deadline_seconds,
        wait_initial=0.1,
        wait_max=5.0,
        wait_jitter=0.5,
    )
    return caller(is_transient, call)


def _log(details: RetryDetails) -> None:
    """Say before each wait what went wrong and what to do, because users read it in the log of their run."""
    error = details.caused_by
    hint = {"hint": error.hint} if isinstance(error, KafkaMLError) and error.hint else {}
    logger.warning("will try again", error=str(error), seconds=round(details.wait_for, 1), **hint)


set_on_retry_hooks([_log])
