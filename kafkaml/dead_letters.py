"""What a dead letter says of itself: its topic, and the headers with the reason.

Written by ``model_inference.dead_letters``, read by the backend and by the SDK.
"""

from __future__ import annotations

from typing import NamedTuple

from kafkaml.records import Record

__all__ = [
    "ERROR_HEADER",
    "MESSAGE_HEADER",
    "STAGE_HEADER",
    "VALUE_BYTES_HEADER",
    "Reason",
    "answered_topic",
    "dead_letter_topic",
    "reason_of",
]

STAGE_HEADER = "kml-error-stage"
ERROR_HEADER = "kml-error-class"
MESSAGE_HEADER = "kml-error-message"
VALUE_BYTES_HEADER = "kml-error-value-bytes"
_SUFFIX = ".dlq"


class Reason(NamedTuple):
    """Why a record could not be answered: decode, predict or publish, the error's class and its message."""

    stage: str
    error: str
    message: str


def dead_letter_topic(topic: str) -> str:
    """Return the topic of the records that could not be answered in, or read from, ``topic``."""
    return topic + _SUFFIX


def answered_topic(dead_letters: str) -> str | None:
    """Return the topic whose dead letters are in ``dead_letters``; None for a topic that holds none."""
    return dead_letters.removesuffix(_SUFFIX) if dead_letters.endswith(_SUFFIX) else None


def reason_of(letter: Record) -> Reason:
    """Return why ``letter`` became one; empty where it does not say."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in letter.headers}
    return Reason(*(headers.get(name, "") for name in (STAGE_HEADER, ERROR_HEADER, MESSAGE_HEADER)))
