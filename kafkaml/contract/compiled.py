"""CompiledContract: a contract ready to read records with, for training (without ``learnt``) or serving (with it).

Training: ``raw`` turns batches into rows to be appended to a file, ``arrange`` says which rows are which sample of
which part, ``learn`` reads the training part, ``samples`` makes arrays. Serving: ``decode`` makes the same arrays of
batches. Training on an unbounded stream works like serving with labels, by what ``learn_of`` learnt from its first
rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from kafkaml.codecs.base import StateKey
from kafkaml.codecs.field_names import Path
from kafkaml.codecs.registry import SchemaLookup
from kafkaml.contract.arrangement import Arrangement, Arranger
from kafkaml.contract.columns import Array, CompiledColumn
from kafkaml.contract.compilation import compiled_parts
from kafkaml.contract.frames import Frame, record_fields
from kafkaml.contract.included import Included
from kafkaml.contract.learning import Chunk, class_names, learn
from kafkaml.contract.rows import Raw, RowReader, RunBook, lacking_error
from kafkaml.contract.samples import Sampler, inputs_of, places_in
from kafkaml.contract.sequences import FORGET_MS, Windows
from kafkaml.contract.texts import Texts
from kafkaml.contract.value_reader import Failures, Rows
from kafkaml.contract.window_state import WindowState
from kafkaml.errors import BrokenError, RefusedError
from kafkaml.named_inputs import FeatureSpan, record_type
from kafkaml.records import RecordBatch
from kafkaml.wire.contract import Contract, FieldKind, Learnt, Missing, SplitBy, contract_document

__all__ = ["CompiledContract", "Decoded", "Raw", "known_fields"]

# Limit for windows in memory, in bytes, because windows hold each row many times.
_PIECE_BYTES = 16 << 20
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Decoded:
    """``inputs[name][i]`` is the input for record ``kept[i]`` of the batch; ``failures`` become dead letters.

    ``waiting`` records get no answer, because their window is not full yet, or not at its stride. ``changes`` are for
    the changelog of the state, to be written with the answers. ``included[i]`` is what the answer to ``kept[i]``
    carries. ``labels[i]`` is the label of ``kept[i]`` in the form of ``samples``, if labels are read; -1 or NaN stands
    for a missing label.
    """

    inputs: Mapping[str, Array]
    kept: Rows
    failures: Failures
    waiting: Rows
    changes: Mapping[StateKey, bytes]
    included: Sequence[bytes] = ()
    labels: Array | None = None


def known_fields(contract: Contract) -> dict[Path, FieldKind]:
    """Return all names that expressions of a contract may use."""
    return {**{field.path: field.kind for field in contract.fields}, **record_fields(contract.key)}


class CompiledContract:
    """A contract with which records are read. Not thread-safe, because reading batches adds to dictionaries and state.

    Raises ContractError, which names every place where the contract is wrong. ``state`` is what serving keeps between
    batches, None where every record stands alone. ``include`` names the columns and fields of a record that its answer
    carries. ``labelled``: with what was learnt, labels are read all the same. It has over 12 fields because each stage
    of reading a batch is made once and kept.
    """

    def __init__(
        self,
        contract: Contract,
        learnt: Learnt | None = None,
        *,
        lookup: SchemaLookup | None = None,
        forget_ms: int = FORGET_MS,
        include: Sequence[str] = (),
        labelled: bool = False,
    ) -> None:
        fields = known_fields(contract)
        self.contract = contract
        self.learnt = learnt
        self.columns, labels = compiled_parts(contract, fields)
        # Serving reads no labels.
        self.labels = labels if learnt is None or labelled else []
        self._inputs = inputs_of(self.columns)
        self._forget_ms = forget_ms
        self._carry = [column.field for column in self.columns if column.column.missing == Missing.LAST]
        # Only a split by key in training needs the keys.
        keyed = contract.split == SplitBy.KEY and (learnt is None or labelled)
        self._grouped = contract.stateful or keyed
        self._texts = self._dictionaries()
        self._lookup = lookup
        self._reader = self._new_reader(include)
        self._book = RunBook(self._carry, self._reader.dtype, forget_ms)
        self._arranger = Arranger(contract, self.columns, self.labels, self._texts, self._book, grouped=self._grouped)
        self.state = self._new_state() if learnt is not None and contract.stateful else None
        self._sampler = None if learnt is None else Sampler(self._inputs, learnt.columns, self._texts)

    @classmethod
    def from_json(cls, document: bytes, **options: Any) -> CompiledContract:
        """Read the JSON of ``to_json``, for serving."""
        read = orjson.loads(document)
        return cls(Contract.model_validate(read["contract"]), Learnt.model_validate(read["learnt"]), **options)

    def to_json(self, learnt: Learnt | None = None) -> bytes:
        """Return the text of ``contract.json``: the contract and what was learnt."""
        return contract_document(self.contract, learnt or self.learnt or Learnt())

    # --- shapes -------------------------------------------------------------------------------------------------------

    @property
    def window_shape(self) -> tuple[int, ...]:
        """The axes of windows, before those of each record: (length,), or none."""
        return () if self.contract.window is None else (self.contract.window.length,)

    def input_shapes(self, learnt: Learnt | None = None) -> dict[str, tuple[int, ...]]:
        """Return the shape of one sample of each input; ``learnt`` tells how wide one-hot columns are."""
        sampler = self._sampler_of(learnt)
        return {model_input.name: (*self.window_shape, *sampler.shape(model_input)) for model_input in self._inputs}

    def input_types(self) -> dict[str, np.dtype[Any]]:
        """Return the type of each input: uint8 for pictures, float32 for everything else."""
        return {model_input.name: model_input.dtype for model_input in self._inputs}

    def widths(self, learnt: Learnt | None = None) -> list[int]:
        """Return how many numbers of a record each of ``columns`` becomes."""
        sampler = self._sampler_of(learnt)
        return [sampler.width(column) for column in self.columns]

    def feature_names(self, learnt: Learnt | None = None) -> dict[str, list[str]]:
        """Return the names along the last axis of each input; empty for a list or picture."""
        sampler = self._sampler_of(learnt)
        return {model_input.name: sampler.feature_names(model_input) for model_input in self._inputs}

    def feature_spans(self, learnt: Learnt | None = None) -> list[FeatureSpan]:
        """Return which numbers of a sample of ``sample_type`` each column gives, in the order of the inputs."""
        sampler = self._sampler_of(learnt)
        spans = []
        for model_input in self._inputs:
            name, stop = model_input.name if len(self._inputs) > 1 else "", 0
            for column in model_input.columns:
                alone = column is model_input.alone
                start, stop = stop, stop + (column.column.shape[-1] if alone else sampler.width(column))
                spans.append(FeatureSpan(column.name, name, start, stop))
        return spans

    def sample_type(self, learnt: Learnt | None = None) -> np.dtype[Any]:
        """Return the type of samples: numbers, or of several inputs records (``kafkaml.named_inputs``)."""
        shapes, types = self.input_shapes(learnt), self.input_types()
        if len(types) > 1:
            return record_type({name: (types[name], shape) for name, shape in shapes.items()})
        return next(iter(types.values()))

    def sample_shape(self, learnt: Learnt | None = None) -> tuple[int, ...]:
        """Return the shape of a sample of ``sample_type``."""
        shapes = self.input_shapes(learnt)
        return () if len(shapes) > 1 else next(iter(shapes.values()))

    # --- training -----------------------------------------------------------------------------------------------------

    @property
    def row_type(self) -> np.dtype[Any]:
        """The type of rows, which have a fixed width."""
        return self._reader.dtype

    def raw(self, batch: RecordBatch) -> Raw:
        """Return the rows of a batch; batches of a partition come in the order of offsets.

        Raises DecodeError when a column that is to be a category has too many texts.
        """
        raw = self._reader.read(batch)
        return self._book.enter(batch, raw) if self._grouped else raw

    def arrange(self, rows: Array, *, seed: int, validation_rate: float, test_rate: float) -> Arrangement:
        """Return the samples that all ``rows`` of a slice, in the order of arrival, make, and the parts they are in.

        ``rows`` may be a file that is mapped; of each row some 40 bytes are held in memory. Raises RefusedError when
        the split leaves nothing to train on.
        """
        return self._arranger.arrange(rows, seed=seed, validation_rate=validation_rate, test_rate=test_rate)

    def learn(self, rows: Array, arrangement: Arrangement) -> Learnt:
        """Return what the training part teaches; raises ContractError for columns that cannot be learnt."""
        return self.learn_of(rows, self._rows_used(arrangement.windows, arrangement.parts.training, len(rows)))

    def learn_of(self, rows: Array, used: npt.NDArray[np.bool_]) -> Learnt:
        """Return what the rows that ``used`` (rows,) selects teach, and the classes of all; raises like ``learn``."""
        columns = learn(self.columns, _TrainingRows(rows, used), self._texts)
        label = self._class_label
        if label is None:
            return Learnt(columns=columns)
        classes = self.contract.labels[0].classes
        if not classes and label.expression.kind == FieldKind.BOOLEAN:
            # Rare classes may be missing in a training part, especially at the beginning of a stream.
            classes = ("false", "true")
        return Learnt(columns=columns, classes=classes or class_names(self._texts[label.field].names, label.name))

    def examine(self, batch: RecordBatch) -> Frame:
        """Return what expressions give for the records that can be read, by ``field`` of ``columns`` and ``labels``.

        Missing values stay null, and no record is dropped for them.
        """
        return self._reader.examine(batch)

    def samples(
        self, rows: Array, learnt: Learnt, arrangement: Arrangement, part: Rows
    ) -> tuple[dict[str, Array], Array | None]:
        """Return inputs by name, (samples, *shape), and labels of the samples ``part``, in that order; None without.

        Labels are int64 places among ``learnt.classes`` (samples,), or float32 numbers: (samples,), several of them
        (samples, labels). Calls for successive pieces of a part give successive pieces of its arrays.
        """
        windows = arrangement.windows
        places = windows.rows(part)
        found = np.asarray(rows[places if self.contract.window is not None else places[:, 0]])
        inputs = self._sampler_of(learnt).arrays(found)
        labels = self._label_array(rows[windows.labels[part]], learnt) if self.labels else None
        return inputs, labels

    def pieces(self, part: Rows) -> Iterator[Rows]:
        """Cut a part into pieces that ``samples`` can make without much memory."""
        length = 1 if self.contract.window is None else self.contract.window.length
        count = max(1, _PIECE_BYTES // (length * self.row_type.itemsize))
        for start in range(0, len(part), count):
            yield part[start : start + count]

    # --- serving ------------------------------------------------------------------------------------------------------

    def include(self, names: Sequence[str]) -> None:
        """Let answers carry ``names`` of their records from the next batch on; raises RefusedError for
        unknown names.
        """
        self._reader = self._new_reader(names)

    def decode(self, batch: RecordBatch) -> Decoded:
        """Return the inputs of a batch; never raises for the content of a record.

        Changes of the ``state``, if there is one, become permanent when ``state.commit`` is called, in the order of the
        batches.
        """
        if self._sampler is None:
            raise BrokenError("a contract without what was learnt cannot serve")
        raw = self._reader.read(batch)
        if self.state is None:
            inputs, labels = self._sampler.arrays(raw.rows), self._label_array(raw.rows, self.learnt)
            return Decoded(inputs, raw.kept, raw.failures, np.empty(0, np.intp), {}, raw.included, labels)
        columns, indices = batch.columns(), raw.kept.tolist()
        advance = self.state.advance(
            [columns.partitions[index] for index in indices],
            [columns.keys[index] or b"" for index in indices],
            [columns.timestamps_ms[index] for index in indices],
            raw.rows,
        )
        lost = [(indices[row], lacking_error(indices[row])) for row in advance.lacking.tolist()]
        failures = sorted([*raw.failures, *lost], key=lambda failure: failure[0]) if lost else raw.failures
        # Sort by record, which is the order of the answers.
        order = np.argsort(advance.ends)
        rows = advance.windows[order]
        inputs = self._sampler.arrays(rows if self.contract.window is not None else rows[:, 0])
        ends = advance.ends[order]
        included = [raw.included[row] for row in ends.tolist()] if raw.included else ()
        labels = self._label_array(raw.rows[ends], self.learnt)
        return Decoded(inputs, raw.kept[ends], failures, raw.kept[advance.waiting], advance.changes, included, labels)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _new_reader(self, include: Sequence[str]) -> RowReader:
        contract, training = self.contract, self.learnt is None
        fields = known_fields(contract)
        return RowReader(
            contract,
            fields,
            [*self.columns, *self.labels],
            self._texts,
            grouped=self._grouped,
            # Serving needs neither the time nor the run of a row, and both would be stored many times in the state of
            # each key.
            timed=training and (self._grouped or contract.split == SplitBy.TIME),
            numbered=training and self._grouped,
            lookup=self._lookup,
            included=Included(include, self.columns, fields, contract, self._lookup) if include else None,
        )

    @property
    def _class_label(self) -> CompiledColumn | None:
        return next((label for label in self.labels if label.coded), None)

    def _dictionaries(self) -> dict[str, Texts]:
        coded = [column for column in self.columns if column.coded]
        label = self._class_label
        texts = {} if label is None else {label.field: self._class_texts(label.name)}
        if self.learnt is None:
            return texts | {column.field: Texts(column.name) for column in coded}
        missing = [column.name for column in coded if column.name not in self.learnt.columns]
        if missing:
            raise RefusedError(
                f"what was learnt says nothing of the column {missing[0]!r}", hint="train with this contract first"
            )
        known = self.learnt.columns
        return texts | {c.field: Texts(c.name, known[c.name].vocabulary, learnt=True) for c in coded}

    def _class_texts(self, label: str) -> Texts:
        classes = self.contract.labels[0].classes if self.learnt is None else self.learnt.classes
        return Texts(label, classes, learnt=bool(classes) or self.learnt is not None)

    def _sampler_of(self, learnt: Learnt | None) -> Sampler:
        if self._sampler is not None:
            return self._sampler
        return Sampler(self._inputs, (learnt or Learnt()).columns, self._texts)

    def _new_state(self) -> WindowState:
        window = self.contract.window
        vocabularies = [list(self._texts[column.field].names) for column in self.columns if column.coded]
        columns = [(column.name, column.column.expression, column.encoding.value) for column in self.columns]
        meaning = [
            np.lib.format.dtype_to_descr(self.row_type),
            columns,
            vocabularies,
            None if window is None else window.to_json(),
        ]
        return WindowState(
            self.row_type,
            layout=hashlib.blake2b(orjson.dumps(meaning), digest_size=8).digest(),
            length=1 if window is None else window.length,
            stride=1 if window is None else window.stride,
            carry=self._carry,
            forget_ms=self._forget_ms,
        )

    def _rows_used(self, windows: Windows, samples: Rows, count: int) -> npt.NDArray[np.bool_]:
        used = np.zeros(count, np.bool_)
        for piece in self.pieces(samples):
            used[windows.rows(piece)] = True
        return used

    def _label_array(self, found: Array, learnt: Learnt | None) -> Array | None:
        if not self.labels:
            return None
        label = self._class_label
        if label is not None:
            among: Array = places_in((learnt or Learnt()).classes, self._texts[label.field], 0)[found[label.field]]
            return among
        columns = [found[label.field].astype(np.float32) for label in self.labels]
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


@dataclass(frozen=True)
class _TrainingRows:
    """The rows of a training part in the order of arrival, in pieces; can be iterated over again."""

    rows: Array
    used: npt.NDArray[np.bool_]

    def __iter__(self) -> Iterator[Chunk]:
        for start in range(0, len(self.rows), 1 << 16):
            part = slice(start, start + (1 << 16))
            if self.used[part].any():
                yield _RowsUsed(self.rows[part], self.used[part])


@dataclass(frozen=True)
class _RowsUsed:
    """The rows that ``used`` selects. Only one field is copied at a time, because there may be a thousand fields and
    each of them is read alone.
    """

    rows: Array
    used: npt.NDArray[np.bool_]

    def __getitem__(self, field: str) -> Array:
        found: Array = self.rows[field][self.used]
        return found
