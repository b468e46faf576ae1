"""A worker elsewhere: a replica that a user runs on another machine, and the messages by which it joins.

A launched replica gets its job from a launcher. A worker elsewhere has a *worker token*, good for one inference, and
exchanges it at ``POST /api/jobs/workers/`` for a job of its own: again and again, since a job's token is short-lived.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from kafkaml.wire.framework import Framework
from kafkaml.wire.message import Message

__all__ = ["FIRST_WORKER", "MAX_WORKERS", "BrokerAccess", "Join", "LogPiece", "WorkerJob", "WorkerName"]

# Workers elsewhere are numbered from here. Launched replicas, at most 256 of them, have lower numbers.
FIRST_WORKER = 1000
MAX_WORKERS = 256

WorkerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]
_MAX_PIECE_CHARACTERS = 1 << 16


class Join(Message):
    """A machine asks to serve ``inference``. ``name`` distinguishes it from others, and stays the same after a restart.

    ``session`` identifies its process. If several processes use the same name, the newest one gets the job. ``again``
    is true for a worker that joined before and only wants a new job token. This is refused if another process has taken
    its name since. ``host`` is the name of the machine.
    """

    inference: Annotated[int, Field(ge=1, le=2**53)]
    name: WorkerName
    session: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    again: bool = False
    host: Annotated[str, Field(max_length=200)] = ""


class BrokerAccess(Message):
    """How an external worker reaches Kafka. User names and passwords are not sent, because the machine has its own."""

    bootstrap_servers: str
    security_protocol: str
    sasl_mechanism: str = ""


class WorkerJob(Message):
    """What an external worker gets: the attempt of its inference, its replica number, and a short-lived job token."""

    inference: int
    attempt: int
    framework: Framework
    replica: int
    token: str
    expires_at: datetime
    kafka: BrokerAccess


class LogPiece(Message):
    """New lines in the log of a worker. ``offset`` is the number of characters before them in its process's log."""

    offset: Annotated[int, Field(ge=0, le=2**53)]
    text: Annotated[str, Field(max_length=_MAX_PIECE_CHARACTERS)]
