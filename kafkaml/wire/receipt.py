"""What the job API answers to workers and to the control logger."""

from __future__ import annotations

from datetime import datetime

from kafkaml.wire.message import Message

__all__ = ["Announced", "FreshToken", "Numbered", "Stored"]


class FreshToken(Message):
    """A fresh token of a job."""

    token: str
    expires_at: datetime


class Stored(Message):
    """What is stored of an artifact has this hash, once all of it is there."""

    sha256: str


class Numbered(Message):
    """The number that a new version of a result has."""

    number: int


class Announced(Message):
    """A registered announcement; ``note`` says what may be wrong with it."""

    id: int
    deployment: int | None
    note: str
