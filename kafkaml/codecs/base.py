"""The seam of encodings: a Codec turns whole batches of record bytes into one contiguous array, and back.

Called by ``stream_dataset`` and the inference loop with batches, by the sinks for writing. Codecs are pure: they know
no topic and no offset. On bytes from the wire they raise nothing but DecodeError.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from kafkaml.errors import DecodeError
from kafkaml.named_inputs import FeatureSpan
from kafkaml.records import RecordBatch

__all__ = [
    "ALONE",
    "DELETION",
    "MAX_KEY_BYTES",
    "NO_LABEL",
    "Array",
    "Codec",
    "DecodedBatch",
    "KeyedState",
    "PackableCodec",
    "StateKey",
    "Values",
    "concatenate",
]

Array = npt.NDArray[Any]
# Values of records; None stands for a record without value (a tombstone) or without key.
Values = Sequence[bytes | None]

# Reasons why a valid record is intentionally not a sample; see ``DecodeError.gap``.
DELETION = "a deletion (null value)"
NO_LABEL = "no label (null key)"
# The reason for a valid record that only makes a sample together with others.
ALONE = "a record alone"


# Longest key that a codec with ``state`` accepts, because the key is kept and written along with its state.
MAX_KEY_BYTES = 64 << 10


# The owner of a state: the partition of the input, and the key of its records.
StateKey = tuple[int, bytes]


class KeyedState(Protocol):
    """The state that a codec keeps per key between batches, because a sample is made of several records.

    Later batches see the changes of a batch at once. The changes become permanent when the batch is committed. Batches
    are committed in their order.
    """

    @property
    def value_bytes(self) -> int:
        """The largest size of one key's state, in bytes."""
        ...

    def commit(self, batches: int = 1) -> None:
        """Make the changes of the oldest ``batches`` uncommitted batches permanent."""
        ...

    def roll_back(self) -> None:
        """Forget uncommitted changes, because their batches will come again."""
        ...

    def restore(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take the stored state of a key, None for one that was forgotten; the last call per key counts."""
        ...

    def drop(self, partition: int) -> None:
        """Forget the states of a partition."""
        ...

    def expired(self, now_ms: int) -> Sequence[StateKey]:
        """Return the keys that were not seen for too long."""
        ...

    def forget(self, keys: Iterable[StateKey]) -> None:
        """Forget keys that are expired."""
        ...


class DecodedBatch(NamedTuple):
    """The decoded part of a batch: ``rows[i]`` comes from record ``kept[i]``; ``failures`` hold the rest.

    ``included[i]`` is the JSON text that the answer to ``rows[i]`` carries; empty where answers carry none. ``waiting``
    counts good records that do not complete a sample. ``changes`` are those of the codec's ``state``.
    """

    rows: Array
    kept: list[int]
    failures: list[tuple[int, DecodeError]]
    included: Sequence[bytes] = ()
    waiting: Sequence[int] = ()
    changes: Mapping[StateKey, bytes] = {}


class Codec(ABC):
    """One side of a stream, features or labels.

    ``dtype`` and ``sample_shape`` are the same for all batches; ``sample_shape`` is None where only the data can tell
    (JSON, and RAW without ``data_reshape``) until ``pinned`` or ``settled`` fixes it. ``name`` is used in messages.
    ``notes`` tell the user how the records are read. ``narrows``: labels that are all integers should become integers.
    ``keeps_numbers``: values need not be cast to ``dtype`` before encoding. ``takes_texts``: samples are texts.
    ``state`` is what ``decode_batch`` keeps of earlier batches, None where each record stands alone.
    """

    dtype: np.dtype[Any]
    sample_shape: tuple[int, ...] | None
    name: str
    notes: tuple[str, ...] = ()
    narrows: bool = False
    keeps_numbers: bool = False
    takes_texts: bool = False
    state: KeyedState | None = None

    @abstractmethod
    def decode(self, values: Values) -> Array:
        """Return all of ``values`` as one array (batch, *sample_shape), which may be read-only.

        An empty batch gives (0, *sample_shape). Raises DecodeError with the ``index`` of the first record that does not
        fit; ``decode_each`` then separates the good ones from the bad.
        """

    @abstractmethod
    def encode(self, samples: Array) -> list[bytes]:
        """Return one value per sample of ``samples`` (batch, *sample_shape); the inverse of ``decode``."""

    def encode_object(self, sample: Mapping[str, Any]) -> bytes:  # noqa: ARG002 - for those that have objects
        """Return the value of a sample that is given by names; DecodeError where samples have none."""
        raise DecodeError("got an object: expected a number or a list of numbers")

    @abstractmethod
    def pinned(self, sample_shape: tuple[int, ...]) -> Codec:
        """Return the same codec for samples of this shape only; raises DecodeError when that is impossible."""

    def settled(self, values: Values) -> Codec:  # noqa: ARG002 - for those that look at them
        """Return the same codec with everything fixed that only data can tell, by the majority of ``values``.

        Returns itself where there is nothing to fix, or where none of ``values`` can be read.
        """
        return self

    def learnt(self) -> Mapping[str, Any]:
        """Return the facts that ``settled`` found, as entries of an ``input_config``, so that serving reads like
        training.
        """
        return {}

    def doubt(self, rows: Array) -> tuple[str, str] | None:  # noqa: ARG002 - for those that look at them
        """Return what is odd about ``rows``, the first of a stream, and what to do; None if nothing is."""
        return None

    def column_names(self) -> Sequence[str]:
        """Return the names of the elements of a sample that is a vector, in their order; empty where they have none."""
        return ()

    def feature_spans(self) -> Sequence[FeatureSpan]:
        """Return which numbers of a sample each column gives; empty where columns have no names."""
        return [FeatureSpan(name, "", place, place + 1) for place, name in enumerate(self.column_names())]

    def record_names(self) -> Sequence[str]:
        """Return the names of the numbers of each record, where a sample is a window of records; otherwise empty."""
        return ()

    def column_name(self, place: int) -> str:
        """Return the name of element ``place`` of a vector sample for messages."""
        names = self.column_names()
        return names[place] if place < len(names) else f"column {place} (counted from 0)"

    def widened(self) -> Self | None:
        """Return the same codec with a wider type; None where the type is declared."""
        return None

    def decode_each(self, values: Values) -> DecodedBatch:
        """Return the decodable records of ``values``, and an error for each other record."""
        try:
            return DecodedBatch(self.decode(values), list(range(len(values))), [])
        except DecodeError:
            return self._decode_one_by_one(values)

    def decode_batch(self, batch: RecordBatch) -> DecodedBatch:
        """Return the decodable records of ``batch``, which also has their keys and times. Most formats use only the
        values.
        """
        return self.decode_each(batch.values())

    def _decode_one_by_one(self, values: Values) -> DecodedBatch:
        rows: list[Array] = []
        kept: list[int] = []
        failures: list[tuple[int, DecodeError]] = []
        for index, value in enumerate(values):
            try:
                rows.append(self.decode((value,)))
                kept.append(index)
            except DecodeError as error:
                error.index = index
                failures.append((index, error))
        if not rows:
            return DecodedBatch(np.empty((0, *(self.sample_shape or ())), self.dtype), [], failures)
        # Where the shape is not declared, the majority of records decides it, so that one odd record does not make all
        # others fail.
        usual = Counter(row.shape for row in rows).most_common(1)[0][0]
        odd = [place for place, row in enumerate(rows) if row.shape != usual]
        for place in reversed(odd):
            index = kept.pop(place)
            shape = rows.pop(place).shape[1:]
            failures.append((index, self.shape_error(index, shape, usual[1:])))
        failures.sort(key=lambda failure: failure[0])
        return DecodedBatch(concatenate(rows), kept, failures)

    def shape_error(self, index: int, got: tuple[int, ...], expected: tuple[int, ...]) -> DecodeError:
        """Return the error for a sample of another shape."""
        return DecodeError(f"{self.name} have the shape {got}: expected {expected}", index=index)

    def missing_error(self, index: int) -> DecodeError:
        """Return the error for a record without value, or without key where labels are expected."""
        if self.name == "features":
            return DecodeError(
                "the record has no value: it is a deletion (tombstone), and no sample", index=index, gap=DELETION
            )
        return DecodeError("the record has no key, which is its label", index=index, gap=NO_LABEL)


class PackableCodec(Codec):
    """A codec whose samples can be concatenated in a record, because each has the same number of bytes."""

    @property
    @abstractmethod
    def sample_bytes(self) -> int | None:
        """Bytes of one sample; None when the shape is not known."""

    @abstractmethod
    def rows_of(self, data: bytes) -> Array:
        """Return the samples concatenated in ``data``: (samples, *sample_shape)."""


def concatenate(rows: Sequence[Array]) -> Array:
    """Join arrays along the batch axis; text arrays take the widest width."""
    return rows[0] if len(rows) == 1 else np.concatenate(rows)
