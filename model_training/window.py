"""Window: samples of records that arrived together, and the intermediate forms on the way there. Pure.

Made by ``windows`` and ``window_decoding``, taken by the modes that keep a model learning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from kafkaml.errors import DecodeError
from kafkaml.left_out import LeftOut
from kafkaml.records import Headers, ListBatch, PartitionKey, Place, Record, RecordBatch, place_text
from kafkaml.wire.contract import Contract

__all__ = [
    "Decided",
    "Failures",
    "HeldOut",
    "Reading",
    "Row",
    "RowSource",
    "Rows",
    "Taken",
    "Window",
    "in_time",
    "rows_of",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Which samples validate: the share ``rate`` of them, chosen by ``seed``."""

    rate: Fraction = Fraction(0)
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What the first samples decided for all later ones: entries of an ``input_config``, and the shape of samples.

    ``features`` and ``labels`` are the type (as JSON, see ``kafkaml.named_inputs``) and shape of one sample's;
    ``labels`` is None where records have none. ``notes`` are for the user.
    """

    settings: Mapping[str, Any]
    features: tuple[Any, tuple[int, ...]]
    labels: tuple[Any, tuple[int, ...]] | None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON that ``from_json`` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        sides = [document["features"], document["labels"]]
        features, labels = (None if side is None else (side[0], tuple(map(int, side[1]))) for side in sides)
        if features is None:
            raise ValueError("features are null")
        return cls(settings=document["settings"], features=features, labels=labels, notes=tuple(document["notes"]))


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How far a stream was read, and what its records decided. Another reading can continue from it as if it were this
    one.

    ``positions`` are the next offsets of all partitions. ``sha256`` names the samples so far, window by window.
    ``early`` counts unlabelled samples that came before the first labelled one and did not fit into memory. ``state``
    is what is known of keys, where a sample is made from several records of one key (``WindowState.snapshot``).
    """

    positions: Mapping[PartitionKey, int] = field(default_factory=dict)
    records: int = 0
    left_out: LeftOut = field(default_factory=LeftOut)
    sha256: str = "0" * 64
    decided: Decided | None = None
    early: int = 0
    state: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        """Warnings about how records were read, and about those that were not samples."""
        early = f"{self.early} unlabelled samples came before the first labelled one and were not used"
        notes = self.decided.notes if self.decided else ()
        return [*notes, *([early] if self.early else []), *self.left_out.warnings(self.records)]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON that ``from_json`` reads along with ``state``."""
        return {
            "positions": [[*key, offset] for key, offset in self.positions.items()],
            "records": self.records,
            "left_out": self.left_out.to_json(),
            "sha256": self.sha256,
            "told": None if self.decided is None else self.decided.to_json(),
            "early": self.early,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], state: Mapping[str, NDArray[Any]] | None = None) -> Self:
        return cls(
            positions={(str(topic), int(partition)): int(at) for topic, partition, at in document["positions"]},
            records=int(document["records"]),
            left_out=LeftOut.from_json(document["left_out"]),
            sha256=str(document["sha256"]),
            decided=None if document["told"] is None else Decided.from_json(document["told"]),
            early=int(document["early"]),
            state=state or {},
        )


@dataclass(frozen=True, kw_only=True)
class Window:
    """Samples of records that arrived together: ``features`` (n, *sample_shape), ``labels`` (n, *label_shape).

    ``labels`` is None where the records have no keys. ``whole_labels``: float labels without fractions stand for
    integers. ``records`` counts all records, including those left out because they were not samples; a window may be
    empty. ``origins`` gives the record in ``places`` that each sample comes from. ``reading`` is the state after the
    window. ``unlabelled`` (m, *sample_shape) arrived with them. ``validates`` (n,) marks the held-out samples, None
    where any may be held out. ``contract`` is that of a data set of columns; ``class_names[i]`` is the text of its
    label i.
    """

    features: NDArray[Any]
    labels: NDArray[Any] | None
    whole_labels: bool
    records: int
    left_out: int
    origins: NDArray[np.intp]
    places: Sequence[Place]
    reading: Reading
    unlabelled: NDArray[Any]
    validates: NDArray[np.bool_] | None = None
    contract: Contract | None = None
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.features)

    def place(self, row: int) -> str:
        """Return where sample ``row`` comes from, as every message names a record."""
        return place_text(self.places[int(self.origins[row])])


# A record as a sortable tuple: time in milliseconds, topic, partition, offset, key, value, headers.
Row = tuple[int, str, int, int, bytes | None, bytes | None, Headers | None]


class Taken(NamedTuple):
    """The records of a window, column by column, in the order of their times."""

    places: Sequence[Place] = ()
    values: Sequence[bytes | None] = ()
    keys: Sequence[bytes | None] = ()
    headers: Sequence[Headers | None] = ()
    times_ms: Sequence[int] = ()

    def take(self, indices: Sequence[int]) -> Taken:
        """Return the records at ``rows``, in that order."""
        columns: Any = ([column[index] for index in indices] for column in self)
        return Taken(*columns)

    def joined(self, later: Taken) -> Taken:
        """Return these records followed by others."""
        columns: Any = ([*mine, *theirs] for mine, theirs in zip(self, later, strict=True))
        return Taken(*columns) if self.places else later

    @property
    def batch(self) -> RecordBatch:
        """The same records as a batch, for decoders."""
        return ListBatch(
            [
                Record(*place, key, value, headers or (), time_ms)
                for place, value, key, headers, time_ms in zip(*self, strict=True)
            ]
        )


def rows_of(batch: RecordBatch) -> list[Row]:
    """Return the records of a batch as sortable tuples."""
    columns = batch.columns()
    places = batch.topics(), columns.partitions, columns.offsets
    return list(zip(columns.timestamps_ms, *places, columns.keys, batch.values(), columns.headers, strict=True))


def in_time(rows: list[Row]) -> Taken:
    """Return records in the order of their times."""
    # No two records share a place, so keys and values are never compared.
    times, topics, partitions, offsets, keys, values, headers = zip(*sorted(rows), strict=True) if rows else ((),) * 7
    return Taken(list(zip(topics, partitions, offsets, strict=True)), values, keys, headers, times)


class Rows(NamedTuple):
    """Samples on their way into a window, and the record of ``Taken`` that each comes from."""

    features: NDArray[Any]
    labels: NDArray[Any] | None
    origins: NDArray[np.intp]
    validates: NDArray[np.bool_] | None = None

    @property
    def sides(self) -> list[tuple[str, NDArray[Any]]]:
        """Features, and labels where there are any."""
        return [("features", self.features), *([] if self.labels is None else [("labels", self.labels)])]

    def where(self, mask: NDArray[Any]) -> Rows:
        """Return the samples selected by ``mask``, a boolean mask or an array of indices."""
        labels = None if self.labels is None else self.labels[mask]
        validates = None if self.validates is None else self.validates[mask]
        return Rows(self.features[mask], labels, self.origins[mask], validates)


# A record that is not a sample: its index among those taken, and the reason.
Failures = list[tuple[int, DecodeError]]


class RowSource(Protocol):
    """Turns records into samples: by a codec (``window_decoding``) or by a contract (``window_contract``).

    The first window needs at least ``least`` records, from which it learns what applies to all later ones.
    """

    @property
    def least(self) -> int: ...

    @property
    def whole_labels(self) -> bool: ...

    @property
    def contract(self) -> Contract | None: ...

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """What is known of keys after the records decoded last."""
        ...

    def decode(self, taken: Taken, *, labelled: bool = True) -> tuple[Rows, Failures]:
        """Return the samples of records (at least one) in the order of their times."""
        ...

    def tell(self, rows: Rows) -> Decided:
        """Return what the first samples, ``rows``, decided, and apply it from now on."""
        ...
