"""Dead letters: their topic, and the headers with the reason.

Written by ``model_inference.dead_letters`` and the control logger, read by the backend and by the SDK.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from kafkaml.errors import KafkaMLError
from kafkaml.records import Record

__all__ = [
    "MAX_MESSAGE_BYTES",
    "VALUE_BYTES_HEADER",
    "Reason",
    "Stage",
    "answered_topic",
    "dead_letter_topic",
    "reason_headers",
    "reason_of",
]

_STAGE_HEADER = "kml-error-stage"
_ERROR_HEADER = "kml-error-class"
_MESSAGE_HEADER = "kml-error-message"
VALUE_BYTES_HEADER = "kml-error-value-bytes"
_SUFFIX = ".dlq"
MAX_MESSAGE_BYTES = 1024


class Stage(StrEnum):
    """The step that failed for a record."""

    DECODE = "decode"
    PREDICT = "predict"
    PUBLISH = "publish"


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


def reason_headers(stage: str, error: KafkaMLError) -> list[tuple[str, bytes | None]]:
    """Return the headers of a dead letter with the reason."""
    # Cut between characters, not inside one.
    message = error.message.encode("utf-8", errors="replace")[:MAX_MESSAGE_BYTES].decode("utf-8", errors="ignore")
    name = type(error).__name__
    return [(_STAGE_HEADER, stage.encode()), (_ERROR_HEADER, name.encode()), (_MESSAGE_HEADER, message.encode())]


def reason_of(letter: Record) -> Reason:
    """Return why ``letter`` became a dead letter; empty without a reason in it."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in letter.headers}
    return Reason(*(headers.get(name, "") for name in (_STAGE_HEADER, _ERROR_HEADER, _MESSAGE_HEADER)))
