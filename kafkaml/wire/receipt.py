"""What the job API answers to workers and to the control logger."""

from __future__ import annotations

from datetime import datetime

from kafkaml.wire.message import Message

__all__ = ["Announced", "FreshToken", "Stored"]


class FreshToken(Message):
    """A fresh token of a job."""

    token: str
    expires_at: datetime


class Stored(Message):
    """What is stored of an artifact has this hash, once all of it is there."""

    sha256: str


class Announced(Message):
    """A registered announcement; ``note`` says what may be wrong with it."""

    id: int
    deployment: int | None
    note: str
