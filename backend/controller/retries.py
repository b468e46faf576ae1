"""When a failed attempt is tried again: one rule for the controller and for failures that workers report. Pure."""

from __future__ import annotations

from kafkaml.results import Failure

__all__ = ["MAX_TRIES", "retry_delay_seconds", "should_retry"]

# The first try and three more; after that the person decides.
MAX_TRIES = 4
_FIRST_DELAY_SECONDS = 5.0


def should_retry(failure: Failure, tries: int) -> bool:
    """Whether to try again after ``tries`` failed tries."""
    return failure.category.retryable and tries < MAX_TRIES


def retry_delay_seconds(tries: int) -> float:
    """Return how long after the ``tries``-th failed try the next one begins: 5, 10, 20 s."""
    return float(_FIRST_DELAY_SECONDS * 2 ** (max(tries, 1) - 1))
