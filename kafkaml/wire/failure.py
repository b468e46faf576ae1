"""Failure: why something failed, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Failure", "FailureCategory"]


class FailureCategory(StrEnum):
    """Why something failed; decides the icon, the hint and whether a retry makes sense."""

    USER_CODE = "user_code"
    DATA = "data"
    ARGUMENTS = "arguments"
    OUT_OF_MEMORY = "out_of_memory"
    TIME_LIMIT = "time_limit"
    BROKER = "broker"
    # The process or pod vanished without saying why: killed, evicted, machine restarted.
    LOST = "lost"
    CONFIGURATION = "configuration"
    INTERNAL = "internal"

    @property
    def retryable(self) -> bool:
        """Whether the same run may succeed when started again without a change."""
        return self in (FailureCategory.BROKER, FailureCategory.LOST)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a run failed: ``cause`` is what happened, ``hint`` what to do, ``line`` the line of the user's own code."""

    category: FailureCategory
    cause: str
    hint: str = ""
    traceback_text: str = ""
    line: int | None = None
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Failure:
        return cls(**{**document, "category": FailureCategory(document["category"])})
