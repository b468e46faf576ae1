"""The base of all answers, and the parts that several of them share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from kafkaml.wire.failure import Failure

__all__ = ["Answer", "FailureReport", "LogPart"]


class Answer(BaseModel):
    """An answer of the API. Fields that a newer platform adds are kept."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class FailureReport(Failure, Answer):
    """Why something failed and what to do; ``category`` may be one that only a newer platform knows."""

    category: str  # type: ignore[assignment]


class LogPart(BaseModel):
    """A part of a log and the byte offset to continue from. ``stored``: only the end of it was kept."""

    text: str
    offset: int = 0
    next_offset: int
    stored: bool = False
