"""LoadedSample: the records of a sample as objects, and what happened to the others. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kafkaml.codecs.base import DELETION
from kafkaml.codecs.envelopes import NO_ROW, notes_of, unwrapped
from kafkaml.codecs.looks import shown, text_of
from kafkaml.contract.loading import Loader
from kafkaml.errors import DecodeError, KafkaMLError
from kafkaml.records import Record
from kafkaml.wire.proposal import Undecodable

__all__ = ["LoadedSample", "undecodable"]

# Loading stops when the samples hold this many values together.
_MAX_VALUES = 150_000
# Values nested deeper are not fields.
_MAX_DEPTH = 16


@dataclass
class LoadedSample:
    """``samples[i]`` is the content of ``records[i]`` without its envelope; ``notes`` say which envelopes there were.

    ``looked_at`` counts all examined records, including ``deletions`` and ``failures``.
    """

    records: list[Record] = field(default_factory=list)
    samples: list[Any] = field(default_factory=list)
    looked_at: int = 0
    deletions: int = 0
    failures: list[tuple[Record, KafkaMLError]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, records: Sequence[Record], load: Loader | None) -> LoadedSample:
        """Load ``records``, only some of large ones; without ``load`` only deletions are recognised."""
        loaded = cls()
        found: list[tuple[Record, Any]] = []
        values = 0
        for record in _spread(records):
            if values > _MAX_VALUES:
                break
            loaded.looked_at += 1
            if record.value is None:
                loaded.deletions += 1
            elif load is not None:
                try:
                    document = load(record.value)
                    sample = unwrapped(document)
                except KafkaMLError as error:
                    if isinstance(error, DecodeError) and error.gap in (DELETION, NO_ROW):
                        loaded.deletions += 1
                    else:
                        loaded.failures.append((record, error))
                    continue
                loaded.notes.update(notes_of(document))
                values += _size(sample)
                found.append((record, sample))
        found.sort(key=lambda pair: pair[0][:3])
        loaded.failures.sort(key=lambda pair: pair[0][:3])
        loaded.records = [record for record, _ in found]
        loaded.samples = [sample for _, sample in found]
        return loaded

    @property
    def undecodable(self) -> Undecodable | None:
        """The report about the failures."""
        if not self.failures:
            return None
        return undecodable(*self.failures[0], len(self.failures) / self.looked_at)


def undecodable(record: Record, error: KafkaMLError, share: float) -> Undecodable:
    """Return the report about the ``share`` of records that are not samples, with ``record`` as the first of them."""
    value = record.value or b""
    return Undecodable(
        share=share,
        place=record.place,
        message=error.message[:1000],
        value=(text_of(value) or shown(value, 120))[:200],
    )


def _spread(records: Sequence[Record]) -> Iterator[Record]:
    """Iterate over the records in an order in which any prefix is spread over all."""
    for start in (0, 4, 2, 6, 1, 5, 3, 7):
        yield from records[start::8]


def _size(sample: Any, depth: int = 0) -> int:
    """Return about how many values a sample has."""
    if isinstance(sample, np.ndarray):
        return sample.size
    if depth >= _MAX_DEPTH or not isinstance(sample, (dict, list)) or not sample:
        return 1
    if isinstance(sample, dict):
        return sum(_size(value, depth + 1) for value in sample.values())
    # The first item stands for the others, because the items of a list are mostly alike.
    return len(sample) * _size(sample[0], depth + 1)
