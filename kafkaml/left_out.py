"""LeftOut: counts the records of a stream that are not samples, by reason. Used by ``slice_builder``.

Three kinds, each with its own limit. Deletions (null values) are intentional: any number is allowed. Records with a
named gap (null in a field, NaN, no label): up to a third, because the user should decide what to do with them. Bytes
that are not a record of the format at all: up to 1 %; beyond it the sink is at fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from kafkaml.codecs.base import DELETION
from kafkaml.errors import DecodeError

__all__ = ["MAX_GAP_FRACTION", "MAX_UNDECODABLE_FRACTION", "LeftOut"]

MAX_UNDECODABLE_FRACTION = 0.01
MAX_GAP_FRACTION = 1 / 3
# Beyond this many records the verdict does not wait for the end of the stream.
_EARLY = 1000
# The most gaps that are counted by name, because a stream can have as many gaps as columns.
_MAX_GAPS = 50
_MAX_TOLD = 6
_OTHER_GAPS = "other gaps"
_UNDECODABLE = ""


@dataclass
class _Group:
    count: int = 0
    place: str = ""
    message: str = ""
    hint: str = ""


@dataclass
class LeftOut:
    """Counts per group; each group keeps the place and error of its first record."""

    _groups: dict[str, _Group] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(group.count for group in self._groups.values())

    @property
    def deletions(self) -> int:
        return self._count(DELETION)

    @property
    def undecodable(self) -> int:
        return self._count(_UNDECODABLE)

    def add(self, place: str, error: DecodeError, count: int = 1) -> None:
        """Count ``count`` records like the one at ``place``."""
        gap = error.gap
        if gap not in self._groups and len(self._groups) >= _MAX_GAPS and gap not in (DELETION, _UNDECODABLE):
            gap = _OTHER_GAPS
        self._groups.setdefault(gap, _Group(0, place, error.message, error.hint)).count += count

    def check(self, records: int, expected: int | None = None) -> None:
        """Raise DecodeError when too many of ``records`` are left out; ``expected`` is the upper bound of records,
        where some are still to be read.
        """
        if expected is not None and self.total <= _EARLY:
            return
        possible = max(records, expected or 0) - self.deletions
        if self.undecodable > MAX_UNDECODABLE_FRACTION * possible:
            first = self._groups[_UNDECODABLE]
            raise DecodeError(
                f"{self.undecodable} of {records} records do not fit the announced format, the first is "
                f"{first.place}: {first.message}",
                hint=f"{first.hint or 'check the types and shapes in the sink'}. Up to "
                f"{MAX_UNDECODABLE_FRACTION:.0%} of the records may be undecodable and are left out",
            )
        gaps = self.total - self.undecodable - self.deletions
        if gaps > MAX_GAP_FRACTION * possible:
            names = self._gaps()
            warnings = "; ".join(f"{self._count(name)} with {self._first_of(name)}" for name in names[:_MAX_TOLD])
            raise DecodeError(
                f"{gaps} of {records} records are not whole samples: {warnings}",
                hint=f"{self._groups[names[0]].hint or 'fill the gaps in the producer, or leave out the field'}. Up to "
                "a third of the records may have gaps and are left out",
            )
        if expected is None and possible <= 0:
            raise DecodeError(f"all {records} records are deletions (null values): there is no sample among them")

    def warnings(self, records: int) -> list[str]:
        """Return the warnings about records left out of ``records``."""
        warnings = []
        if self.deletions:
            warnings.append(
                f"{self.deletions} deletions (null values) left out, of {records} records (the first is "
                f"{self._groups[DELETION].place})"
            )
        names = self._gaps()
        warnings += [
            f"{self._count(name)} of {records} records left out: {self._first_of(name)}" for name in names[:_MAX_TOLD]
        ]
        if len(names) > _MAX_TOLD:
            rest = sum(self._count(name) for name in names[_MAX_TOLD:])
            warnings.append(f"{rest} of {records} records left out: other gaps")
        if self.undecodable:
            warnings.append(
                f"{self.undecodable} of {records} records could not be decoded and were left out, the first is "
                f"{self._groups[_UNDECODABLE].place}: {self._groups[_UNDECODABLE].message}"
            )
        return warnings

    def copy(self) -> LeftOut:
        """Return an independent copy of the counts."""
        return LeftOut({name: replace(group) for name, group in self._groups.items()})

    def to_json(self) -> dict[str, Any]:
        """Return the JSON that ``from_json`` reads."""
        return {name: list(astuple(group)) for name, group in self._groups.items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> LeftOut:
        return cls({name: _Group(*group) for name, group in document.items()})

    def _count(self, name: str) -> int:
        return self._groups[name].count if name in self._groups else 0

    def _gaps(self) -> list[str]:
        """The names of gaps, the most frequent first."""
        names = [name for name in self._groups if name not in (DELETION, _UNDECODABLE)]
        return sorted(names, key=lambda name: (-self._groups[name].count, name))

    def _first_of(self, name: str) -> str:
        return f"{name} (the first is {self._groups[name].place})"
