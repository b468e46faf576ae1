"""Names of work: deterministic and DNS-safe, so that a second launch adopts the first and a name identifies its row.

Used by the controller and by every launcher. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["RunKind", "WorkName", "check_work_name", "parse_work_name", "work_name"]

# Leading zeros are not allowed, so that one piece of work has exactly one name.
_NAME = re.compile(r"kml-(train|infer)-([1-9][0-9]{0,17})-a([1-9][0-9]{0,8})")


class RunKind(StrEnum):
    """What a piece of work does; the value is the job API's word for it."""

    TRAINING = "training"
    INFERENCE = "inference"

    @property
    def short(self) -> str:
        """The word in names and labels of work, ``train`` or ``infer``: names have to fit into 63 characters."""
        return self.value[:5]


@dataclass(frozen=True, order=True)
class WorkName:
    """The parts of a name: ``number`` is the id of the result or inference, ``attempt`` counts from 1."""

    kind: RunKind
    number: int
    attempt: int

    def __str__(self) -> str:
        return f"kml-{self.kind.short}-{self.number}-a{self.attempt}"


def work_name(kind: RunKind, number: int, attempt: int) -> str:
    """Return the name of an attempt: a DNS label of at most 63 characters, such as ``kml-train-7-a1``."""
    if number < 1 or attempt < 1:
        raise ValueError(f"got id {number}, attempt {attempt}: expected both to be 1 or more")
    return str(WorkName(kind, number, attempt))


def parse_work_name(name: str) -> WorkName | None:
    """Return the parts of ``name``, or None when it is not one of ours."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    kind = next(kind for kind in RunKind if kind.short == match[1])
    return WorkName(kind, int(match[2]), int(match[3]))


def check_work_name(name: str) -> WorkName:
    """Return the parts of ``name``; raises ValueError when it is not one of ours."""
    parsed = parse_work_name(name)
    if parsed is None:
        raise ValueError(f"{name!r} is not a name of work: expected one such as kml-train-7-a1")
    return parsed
