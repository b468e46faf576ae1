"""Names of work: deterministic and DNS-safe, so that launching twice is adopting and a name says whose it is.

Used by the controller and by every launcher. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["WorkKind", "WorkName", "parse_work_name", "work_name"]

# No leading zeros: one piece of work has exactly one name.
_NAME = re.compile(r"kml-(train|infer)-([1-9][0-9]{0,17})-a([1-9][0-9]{0,8})")


class WorkKind(StrEnum):
    """What a piece of work does; the value is part of its name."""

    TRAINING = "train"
    INFERENCE = "infer"


@dataclass(frozen=True, order=True)
class WorkName:
    """The parts of a name: ``number`` is the id of the result or inference, ``attempt`` counts from 1."""

    kind: WorkKind
    number: int
    attempt: int

    def __str__(self) -> str:
        return f"kml-{self.kind.value}-{self.number}-a{self.attempt}"


def work_name(kind: WorkKind, number: int, attempt: int) -> str:
    """Return the name of an attempt: a DNS label of at most 63 characters, such as ``kml-train-7-a1``."""
    if number < 1 or attempt < 1:
        raise ValueError(f"got id {number}, attempt {attempt}: expected both to be 1 or more")
    return str(WorkName(kind, number, attempt))


def parse_work_name(name: str) -> WorkName | None:
    """Return the parts of ``name``, or None when it is not one of ours."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return WorkName(WorkKind(match[1]), int(match[2]), int(match[3]))
