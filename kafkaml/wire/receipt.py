"""What the job API answers to workers and to the control logger."""

from __future__ import annotations

from datetime import datetime

from kafkaml.wire.message import Message

__all__ = ["Announced", "FreshToken", "Numbered", "Stored"]


class FreshToken(Message):
    """A new token for a job, which is valid until ``expires_at``."""

    token: str
    expires_at: datetime


class Stored(Message):
    """The SHA-256 that an artifact has once all of its pieces are stored."""

    sha256: str


class Numbered(Message):
    """The number of a new version of a result."""

    number: int


class Announced(Message):
    """A registered announcement. ``note`` says what may be wrong with it, and is empty if nothing is. ``deployment`` is
    the id that the sink named, null if its key is not one.
    """

    id: int
    deployment: int | None
    note: str
