"""Incremental: how a stream without end is learned. Fields have the names of Kafka-ML's first version."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kafkaml.wire.choices import Direction
from kafkaml.wire.message import Message, Name

__all__ = ["Incremental"]

_Milliseconds = Annotated[int, Field(ge=1, le=30 * 24 * 3_600_000)]


class Incremental(Message):
    """How an incremental training reads its stream, and when it makes a version. All times are in milliseconds.

    A window ends with ``window_records`` records, or ``message_poll_timeout`` after its first record. The training ends
    ``stream_timeout`` after the last record. With ``indefinite``, it ends when a user stops it. ``validation_rate`` is
    the share of each window that validates. It is null for the share that the stream was announced with.

    The model becomes a version when ``monitoring_metric`` on held-out samples has improved by ``improvement`` or more
    since the version before. The improvement is absolute. ``change`` says whether the metric gets better upwards or
    downwards. Without a metric, only the end of the training makes a version.
    """

    indefinite: bool = False
    stream_timeout: _Milliseconds = 60_000
    message_poll_timeout: _Milliseconds = 60_000
    window_records: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    validation_rate: Annotated[float, Field(ge=0, lt=1)] | None = None
    monitoring_metric: Name = ""
    change: Direction | None = None
    improvement: Annotated[float, Field(ge=0)] = 0.05
