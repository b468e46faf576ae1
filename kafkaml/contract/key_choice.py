"""Decides what the keys and times of a sample can be used for: windows, splits, labels. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from kafkaml.codecs.looks import text_of
from kafkaml.contract.field_statistics import value_counts
from kafkaml.contract.label_choice import MAX_CLASSES
from kafkaml.contract.names import expression_of
from kafkaml.contract.profile import FieldProfile, Profile, profile_of, words_of
from kafkaml.records import Record
from kafkaml.wire.contract import FieldKind, KeyKind
from kafkaml.wire.proposal import KeySummary, TimeSummary

__all__ = ["Keys", "time_of"]

# The typical number of records per key that makes sequences worthwhile.
_MIN_REPEATS = 5
_NEARLY_ALL = 0.95
_TIME_NAMES = (
    "timestamp", "event_time", "eventtime", "time", "ts", "datetime", "date", "at", "created_at", "measured_at",
    "recorded_at", "created",
)  # fmt: skip


class Keys:
    """The keys of ``records``; ``profile`` describes the keys of the ``samples``; None if keys are not texts.

    ``read`` gives the text of a key, None for one that is not text.
    """

    def __init__(
        self,
        records: Sequence[Record],
        samples: Sequence[Record],
        read: Callable[[bytes], str | None] = text_of,
    ) -> None:
        present = [record.key for record in records if record.key is not None]
        texts = {key: read(key) for key in set(present)}
        readable = [key for key in present if texts[key] is not None]
        self.missing = 1 - len(present) / max(1, len(records))
        self.kind = KeyKind.NONE
        self.profile: FieldProfile | None = None
        if present:
            self.kind = KeyKind.TEXT if len(readable) >= _NEARLY_ALL * len(present) else KeyKind.BYTES
        if self.kind == KeyKind.TEXT:
            mine = [None if record.key is None else texts.get(record.key) for record in samples]
            found = profile_of([{"_key": key} for key in mine], [-1] * len(mine), texts=True).fields
            self.profile = found[0] if found else None
        counts = Counter(texts[key] or f"{len(key)} bytes: {key[:12].hex()}" for key in present)
        self.distinct = len(counts)
        self.repeats = len(present) / max(1, len(counts))
        places: defaultdict[bytes, set[int]] = defaultdict(set)
        for record in records:
            if record.key is not None:
                places[record.key].add(record.partition)
        wide = [key for key in present if len(places[key]) > 1]
        # A key that is on several partitions; empty without one.
        self.spread = (texts[wide[0]] or wide[0].hex())[:60] if len(wide) > 0.02 * len(present) else ""
        self._counts = Counter({key[:100]: count for key, count in counts.items()})

    @property
    def repeat(self) -> bool:
        """Whether each key has many records, like the keys of machines or people."""
        return self.missing < 1 - _NEARLY_ALL and self.distinct > 0 and self.repeats >= _MIN_REPEATS

    def is_class(self, *, arrays: bool) -> bool:
        """Whether the keys look like labels, as our sinks write them; with ``arrays`` nothing else can be the label."""
        found = self.profile
        if found is None or not 2 <= found.distinct <= 200 or self.repeats < _MIN_REPEATS or self.missing > 0.5:
            return False
        if arrays:
            return True
        # machine-7 and s-12 are names of things; 0, 1, 2 and setosa are classes.
        return found.distinct <= MAX_CLASSES and (
            _counted(found) or not any(character.isdigit() for text in found.counts for character in text)
        )

    @property
    def summary(self) -> KeySummary:
        """The summary of the keys."""
        return KeySummary(
            kind=self.kind,
            missing=max(0.0, self.missing),
            distinct=self.distinct,
            repeats=self.repeats,
            top=value_counts(self._counts),
        )


def _counted(found: FieldProfile) -> bool:
    """Whether keys are whole numbers from 0 or 1 on, as classes are numbered."""
    if found.numbers is None or not found.whole:
        return False
    numbers = np.unique(found.numbers[np.isfinite(found.numbers)])
    return bool(len(numbers) and numbers[0] in (0, 1) and numbers[-1] < 2 * len(numbers))


def time_of(profile: Profile, records: Sequence[Record]) -> TimeSummary | None:
    """Return the records' time: a field, chosen by name and frequency, or Kafka's timestamp."""
    fields = [
        field
        for field in profile.fields
        if field.kind == FieldKind.TIME and field.numbers is not None and not field.trouble
    ]
    able = [field for field in fields if field.missing < 0.1 and expression_of(field.path)]
    if able:
        found = min(able, key=lambda field: (_time_rank(field), len(field.path)))
        assert found.numbers is not None
        return _summary(expression_of(found.path) or "", found.numbers, records)
    stamps = np.array([record.timestamp_ms if record.timestamp_ms > 0 else np.nan for record in records])
    return _summary("_timestamp", stamps, records) if len(stamps) and np.isfinite(stamps).mean() > 0.9 else None


def _time_rank(field: FieldProfile) -> int:
    name = words_of(field.path[-1])
    return _TIME_NAMES.index(name) if name in _TIME_NAMES else len(_TIME_NAMES)


def _summary(
    expression: str, moments: np.ndarray[tuple[int], np.dtype[np.float64]], records: Sequence[Record]
) -> TimeSummary | None:
    known = np.isfinite(moments)
    times = moments[known]
    if not len(times):
        return None
    partitions = np.array([record.partition for record in records])[known]
    neighbours = partitions[1:] == partitions[:-1]
    forward = (times[1:] >= times[:-1])[neighbours]
    bound = 2**53
    return TimeSummary(
        expression=expression,
        first_ms=int(np.clip(times.min(), -bound, bound)),
        last_ms=int(np.clip(times.max(), -bound, bound)),
        sorted=float(forward.mean()) if len(forward) else 1.0,
    )
