"""WindowDecoder: turns the records of each window into samples shaped like the first ones. Called by ``windows``."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kafkaml.codecs import StreamCodec, codec_for, with_learnt
from kafkaml.control import ControlMessage
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.named_inputs import are_numbers, dtype_from_json, dtype_to_json
from kafkaml.records import PartitionKey, place_text
from kafkaml.shapes import DataMismatch
from kafkaml.slice_builder import not_finite, not_finite_error, sample_origins
from model_training.window import Decided, Failures, HeldOut, Reading, Row, Rows, RowSource, Taken, Window
from model_training.window_contract import ContractSource

__all__ = ["WindowDecoder"]


class WindowDecoder:
    """Decodes window by window. The first samples settle what only data can tell.

    Records of the topics ``unlabelled`` are samples without a label, whatever their keys are.
    """

    def __init__(
        self,
        stream: ControlMessage,
        past: Reading,
        *,
        held_out: HeldOut,
        with_labels: bool,
        unlabelled: Collection[str],
    ) -> None:
        self._source: RowSource = (
            ContractSource(stream, past, held_out=held_out, with_labels=with_labels)
            if stream.input_format == InputFormat.COLUMNS
            else _CodecSource(stream, past.decided, with_labels=with_labels)
        )
        self._unlabelled_topics = unlabelled
        self._early = past.early
        self._decided = past.decided
        self._records = past.records
        self._left_out = past.left_out.copy()
        self._sha256 = past.sha256

    @property
    def least(self) -> int:
        """The fewest records for the next window, however long they take to arrive."""
        return self._source.least if self._decided is None else 0

    def usable(self, rows: list[Row]) -> int:
        """Count the records that may be learnt now. Unlabelled ones count only after a labelled one has shown the shape
        of both.
        """
        if self._decided is not None or not self._unlabelled_topics:
            return len(rows)
        return sum(row[1] not in self._unlabelled_topics for row in rows)

    def window(self, taken: Taken, positions: Mapping[PartitionKey, int]) -> Window:
        """Return the samples of the records ``taken``, and the state after them, where ``positions`` are the next
        offsets.
        """
        labelled, others = self._parted(taken)
        before = self._left_out.total
        rows = self._samples(labelled)
        # Decode unlabelled records after the labelled ones, the first of which set the shape of all.
        unlabelled = self._unlabelled(others)
        self._records += len(taken.places)
        # Tolerate any share of failures, because a few odd records at the beginning of an unbounded stream say nothing.
        self._left_out.check(self._records, self._records)
        self._sha256 = _chained(self._sha256, [*(side for _, side in rows.sides), unlabelled])
        return Window(
            features=rows.features,
            labels=rows.labels,
            whole_labels=self._source.whole_labels,
            records=len(taken.places),
            left_out=self._left_out.total - before,
            origins=rows.origins,
            places=labelled.places,
            reading=Reading(
                positions=dict(positions),
                records=self._records,
                left_out=self._left_out.copy(),
                sha256=self._sha256,
                decided=self._decided,
                early=self._early,
                state=self._source.state,
            ),
            unlabelled=unlabelled,
            validates=rows.validates,
            contract=self._source.contract,
            class_names=self._source.class_names,
        )

    def _parted(self, taken: Taken) -> tuple[Taken, Taken]:
        """Return the labelled records, and the others."""
        if not self._unlabelled_topics:
            return taken, Taken()
        parts: tuple[list[int], list[int]] = [], []
        for index, place in enumerate(taken.places):
            parts[place[0] in self._unlabelled_topics].append(index)
        return taken.take(parts[0]), taken.take(parts[1])

    def _samples(self, taken: Taken, *, labelled: bool = True) -> Rows:
        """Return the samples of records; records that are not samples are left out."""
        if not taken.places:
            return self._no_samples(labelled=labelled)
        rows, failures = self._source.decode(taken, labelled=labelled)
        for index, error in failures:
            self._left_out.add(place_text(taken.places[index]), error)
        return self._in_decided_types(taken, rows) if len(rows.features) else rows

    def _no_samples(self, *, labelled: bool) -> Rows:
        """Return an empty set of samples, with the common shape where that is known."""
        decided, origins = self._decided, np.zeros(0, np.intp)
        if decided is None:
            return Rows(np.zeros(0), None, origins)
        features = np.zeros((0, *decided.features[1]), dtype_from_json(decided.features[0]))
        if not labelled or decided.labels is None:
            return Rows(features, None, origins)
        return Rows(features, np.zeros((0, *decided.labels[1]), decided.labels[0]), origins)

    def _unlabelled(self, taken: Taken) -> NDArray[np.generic]:
        if self._decided is None:
            # Unlabelled records are only counted while the shape of a sample is unknown. No model could label them yet
            # either.
            self._early += len(taken.places)
            return np.zeros(0)
        return self._samples(taken, labelled=False).features

    def _in_decided_types(self, taken: Taken, rows: Rows) -> Rows:
        """Return the samples in the types of the first ones; none where their shape differs."""
        for what, array in rows.sides:
            if not are_numbers(array.dtype):
                raise DataMismatch(
                    f"the stream's {what} are of the type {array.dtype}: a stream without end takes numbers",
                    hint="the numbers of classes cannot be known before all of them came: send the number of each "
                    "label's class, from 0 on"
                    if what == "labels"
                    else "encode texts as numbers in the sink",
                )
        if self._decided is None:
            self._decided = self._source.tell(rows)
        decided = self._decided
        for (what, array), wanted in zip(rows.sides, (decided.features, decided.labels), strict=False):
            if wanted is not None and array.shape[1:] != wanted[1]:
                error = DecodeError(
                    f"got {what} of the shape {array.shape[1:]}: expected {wanted[1]}, as in the first records"
                )
                for record in rows.origins.tolist():
                    self._left_out.add(place_text(taken.places[record]), error)
                return rows.where(np.zeros(len(array), np.bool_))
        features = rows.features.astype(dtype_from_json(decided.features[0]), copy=False)
        if rows.labels is None or decided.labels is None:
            return rows._replace(features=features, labels=None)
        return rows._replace(features=features, labels=rows.labels.astype(decided.labels[0], copy=False))


class _CodecSource:
    """Decodes with the codec of the announcement, completed by what the first samples decided."""

    least = 0
    contract = None
    class_names: tuple[str, ...] = ()
    state: Mapping[str, NDArray[np.generic]] = {}

    def __init__(self, stream: ControlMessage, decided: Decided | None, *, with_labels: bool) -> None:
        self._stream = stream
        self._with_labels = with_labels
        self._decided = decided
        self._codec = self._codec_for(decided)

    @property
    def whole_labels(self) -> bool:
        """Whether labels that are all whole stand for whole numbers."""
        return self._codec.whole_labels

    def decode(self, taken: Taken, *, labelled: bool = True) -> tuple[Rows, Failures]:
        """Return the samples of records, without those that are not finite."""
        if self._decided is None:
            self._codec = self._settled(taken)
        codec = self._codec if labelled else replace(self._codec, labels=None)
        features, labels, failed = codec.decode_each(taken.values, taken.keys)
        failures = [(record.index, record.error) for record in failed]
        rows = Rows(features, labels, sample_origins(codec, taken.values, failed, len(features)))
        bad = not_finite(features, labels) if len(features) else None
        if bad is None:
            return rows, failures
        for row in np.flatnonzero(bad).tolist():
            label = None if labels is None else labels[row]
            failures.append((int(rows.origins[row]), not_finite_error(codec, features[row], label)))
        return rows.where(~bad), failures

    def tell(self, rows: Rows) -> Decided:
        """Return what the first samples decided."""
        wider = self._codec.widened() if rows.features.dtype != self._codec.features.dtype else None
        codec = wider or self._codec
        codecs = [codec.features, *([] if codec.labels is None else [codec.labels])]
        doubts = [
            f"{doubt[0]}; it was trained all the same"
            for codec, (_, array) in zip(codecs, rows.sides, strict=False)
            if (doubt := codec.doubt(array))
        ]
        self._decided = Decided(
            settings=codec.features.learnt(),
            features=(dtype_to_json(rows.features.dtype), rows.features.shape[1:]),
            labels=None if rows.labels is None else (rows.labels.dtype.str, rows.labels.shape[1:]),
            notes=tuple(dict.fromkeys([*(note for codec in codecs for note in codec.notes), *doubts])),
        )
        self._codec = self._codec_for(self._decided)
        return self._decided

    def _settled(self, taken: Taken) -> StreamCodec:
        codec = self._codec_for(None)
        if all(key is None for key in taken.keys):
            codec = replace(codec, labels=None)
        return codec.settled(taken.values, taken.keys)

    def _codec_for(self, decided: Decided | None) -> StreamCodec:
        config = self._stream.input_config
        codec = codec_for(
            self._stream.input_format, config if decided is None else with_learnt(config, decided.settings)
        )
        if not self._with_labels or (decided is not None and decided.labels is None):
            codec = replace(codec, labels=None)
        if decided is None:
            return codec
        labels = codec.labels
        if labels is not None and decided.labels is not None:
            labels = labels.pinned(decided.labels[1])
        return replace(codec, features=codec.features.pinned(decided.features[1]), labels=labels)


def _chained(before: str, arrays: Sequence[NDArray[np.generic]]) -> str:
    if not any(map(len, arrays)):
        # A window without samples does not change the digest, because it becomes part of the next window when that is
        # learnt again.
        return before
    digest = hashlib.sha256(bytes.fromhex(before))
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
