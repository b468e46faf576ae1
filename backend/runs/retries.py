"""When a failed attempt is tried again: one rule for the controller and for failures that workers report. Pure."""

from __future__ import annotations

from kafkaml.wire.failure import Failure, FailureCategory

__all__ = ["FORGIVEN_AFTER_SECONDS", "MAX_LOST_TRIES", "MAX_TRIES", "retry_delay_seconds", "should_retry"]

# The first try and three more; after that the user decides.
MAX_TRIES = 4
# A training is not to blame for being evicted, preempted or drained away, which happens several times within minutes
# while a cluster is upgraded. The number of retries is limited all the same, because a kill for memory may look like
# that.
MAX_LOST_TRIES = 8
# An attempt that ran for this long has shown that it works, so earlier failures no longer count.
FORGIVEN_AFTER_SECONDS = 600.0
_FIRST_DELAY_SECONDS = 5.0
_MAX_DELAY_SECONDS = 60.0


def should_retry(failure: Failure, tries: int) -> bool:
    """Whether to try again after ``tries`` failed tries."""
    bound = MAX_LOST_TRIES if failure.category is FailureCategory.LOST else MAX_TRIES
    return failure.category.retryable and tries < bound


def retry_delay_seconds(tries: int) -> float:
    """Return how long after the ``tries``-th failed try the next one begins: 5, 10, 20, 40 s, then a minute."""
    return float(min(_FIRST_DELAY_SECONDS * 2 ** (min(max(tries, 1), 16) - 1), _MAX_DELAY_SECONDS))
