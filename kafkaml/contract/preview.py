"""Preview: what an unfinished contract makes of a sample of records. Pure; called while the user types."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kafkaml.codecs.base import DELETION
from kafkaml.codecs.field_names import Path, path_text
from kafkaml.codecs.looks import shown, text_of
from kafkaml.codecs.registry import SchemaLookup
from kafkaml.contract.arrangement import Arrangement
from kafkaml.contract.bounded_lookup import BoundedLookup
from kafkaml.contract.columns import Array
from kafkaml.contract.compiled import CompiledContract, Raw
from kafkaml.contract.draft import Draft
from kafkaml.contract.errors import ContractError
from kafkaml.contract.field_statistics import value_counts
from kafkaml.contract.fit import endless_problems
from kafkaml.contract.frames import KEY, PARTITION, TIMESTAMP
from kafkaml.contract.preview_columns import column_preview, text_counts
from kafkaml.contract.preview_samples import plain_numbers, shown_input
from kafkaml.contract.remarks import Remarks
from kafkaml.contract.rows import RUN
from kafkaml.contract.sample_loading import undecodable
from kafkaml.contract.value_reader import Failures
from kafkaml.errors import RefusedError
from kafkaml.records import ListBatch, Record
from kafkaml.wire.contract import Contract, Learnt, Missing
from kafkaml.wire.preview import Preview, PreviewColumn, PreviewInput, PreviewSample, SamplePart, SampleParts
from kafkaml.wire.proposal import RemarkCode, Undecodable

__all__ = ["follows_keys", "preview"]

# At most this many elements are examined, because rows of pictures and lists take memory.
_MAX_ELEMENTS = 20_000_000
_MAX_FEATURES = 500
_MAX_CLASSES = 50
# The most numbers of all shown samples together, as many as a page can draw.
_MAX_VALUES = 150_000
# A record's key, timestamp and partition are known before any label, so they cannot give the label away.
_ALWAYS_KNOWN = frozenset({KEY, TIMESTAMP, PARTITION})


def follows_keys(document: Mapping[str, Any]) -> bool:
    """Whether a contract makes a sample from several records of a key, which then must be consecutive in the sample."""
    columns = document.get("columns")
    entries = columns if isinstance(columns, list) else []
    carried = any(isinstance(entry, Mapping) and entry.get("missing") == Missing.LAST for entry in entries)
    return carried or document.get("window") is not None


def preview(
    records: Sequence[Record],
    document: Mapping[str, Any],
    *,
    available: int | None = None,
    validation_rate: float = 0.1,
    test_rate: float = 0.1,
    samples: int = 12,
    endless: bool = False,
    lookup: SchemaLookup | None = None,
) -> Preview:
    """Return what the contract in ``document``, despite any errors in it, makes of ``records``.

    Records are by partition and offset; ``available`` is how many the slice holds, which has no end where it is
    ``endless``. ``samples`` is how many samples are shown, spread over all. ``lookup`` queries a Schema Registry, and
    its errors pass through.
    """
    lookup = None if lookup is None else BoundedLookup(lookup)
    draft = Draft(document)
    compiled = draft.compiled(lookup)
    contract = draft.contract
    if compiled is None or contract is None:
        count = len(records) if available is None else available
        return Preview(records=count, sampled=0, problems=draft.problems)
    if endless:
        draft.note(endless_problems(contract))
    previewing = _Previewing(_bounded(records, contract), draft, compiled)
    previewing.look()
    return previewing.made(
        len(records) if available is None else available,
        lookup,
        {"validation_rate": validation_rate, "test_rate": test_rate},
        samples,
    )


class _Previewing:
    """One preview in progress."""

    def __init__(self, records: Sequence[Record], draft: Draft, compiled: CompiledContract) -> None:
        self._records = records
        self._batch = ListBatch(records)
        self._draft = draft
        self._compiled = compiled
        self._remarks = Remarks()
        self._columns: list[PreviewColumn] = []
        self._balance: Counter[str] = Counter()

    def look(self) -> None:
        """Preview each column and label."""
        compiled = self._compiled
        frame = compiled.examine(self._batch)
        for kind, columns in (("columns", compiled.columns), ("labels", compiled.labels)):
            for index, column in enumerate(columns):
                previewed = column_preview(column, frame.data[column.field], self._draft.place(kind, index))
                if kind == "labels":
                    previewed = previewed.model_copy(update={"width": 0})
                self._columns.append(previewed)
                self._about_column(previewed, column.expression.fields)
        for label in compiled.labels:
            if label.coded:
                self._balance = text_counts(frame.data[label.field])
            if self._balance:
                self._remarks.about_balance(label.name, self._balance, self._balance.total())
        self._about_keys()

    def made(self, available: int, lookup: SchemaLookup | None, rates: Mapping[str, float], samples: int) -> Preview:
        """Return the preview."""
        raw = self._compiled.raw(self._batch)
        failures = [(index, error) for index, error in raw.failures if error.gap != DELETION]
        self._about_records(raw, failures)
        parts_of_preview: dict[str, Any] = {}
        while self._compiled.columns and len(raw.rows):
            arrangement = self._arranged(raw.rows, rates)
            parts = arrangement.parts
            parts_of_preview["parts"] = SampleParts(
                training=len(parts.training),
                validation=len(parts.validation),
                test=len(parts.test),
                left_out=parts.left_out,
                unlabelled=arrangement.unlabelled,
            )
            if not len(arrangement.windows):
                self._about_lack_of_windows(raw.rows)
                break
            try:
                learnt = self._compiled.learn(raw.rows, arrangement)
            except ContractError as error:
                # A column that cannot be learnt is shown without samples.
                self._draft.leave_out(error)
                compiled = self._draft.compiled(lookup)
                if compiled is None:
                    break
                self._compiled, raw = compiled, compiled.raw(self._batch)
                continue
            self._widen(learnt)
            self._remarks_of(arrangement)
            parts_of_preview |= {
                "inputs": self._inputs(learnt),
                "samples": self._samples(raw, learnt, arrangement, samples),
            }
            break
        return Preview(
            records=max(available, len(self._records)),
            sampled=len(self._records),
            decodes=len(raw.kept) / max(1, len(self._records)),
            undecodable=self._undecodable(failures),
            columns=tuple(self._columns),
            balance=value_counts(self._balance, _MAX_CLASSES),
            problems=self._draft.problems,
            remarks=tuple(self._remarks.all),
            **parts_of_preview,
        )

    # --- records and columns ------------------------------------------------------------------------------------------

    def _about_column(self, column: PreviewColumn, fields: frozenset[Path]) -> None:
        """Add remarks about columns without information, and about columns that reveal the label."""
        value = column.top[0].value if column.top else "" if column.numbers is None else f"{column.numbers.min:g}"
        if (
            column.distinct == 1
            and not column.missing
            and len(self._records) > 1
            and column.place.startswith("columns")
        ):
            self._remarks.warning(
                RemarkCode.CONSTANT, f"{column.name} is always {value}: no model learns from it", "leave it out"
            )
        window = self._compiled.contract.window
        if window is not None and window.horizon:
            # A forecast label may be predicted from its own past.
            return
        for label in self._compiled.labels:
            shared = (fields & label.expression.fields) - _ALWAYS_KNOWN
            if shared and column.place.startswith("columns"):
                self._remarks.warning(
                    RemarkCode.LABEL_LEAK,
                    f"{column.name} is made of {path_text(min(shared))}, as the label {label.name} is: is it known "
                    "before the label is?",
                    "leave it out where it is written after the fact",
                    min(shared),
                )

    def _about_keys(self) -> None:
        """Add a remark about keys with records on several partitions, where a sample is made from several records."""
        contract = self._compiled.contract
        if not follows_keys(contract.to_json()):
            return
        partitions: dict[bytes, int] = {}
        for record in self._records:
            if record.key is not None and partitions.setdefault(record.key, record.partition) != record.partition:
                self._remarks.warning(
                    RemarkCode.KEY_ON_SEVERAL_PARTITIONS,
                    f"records of one key ({text_of(record.key) or shown(record.key, 40)}) are on several partitions: "
                    "each partition has windows and last values of its own",
                    "let the producer choose partitions by the key",
                )
                return

    def _about_records(self, raw: Raw, failures: Failures) -> None:
        deletions = len(raw.failures) - len(failures)
        if deletions:
            self._remarks.info(
                RemarkCode.TOMBSTONES,
                f"{deletions} of the {len(self._records)} records are deletions (no value): no samples",
                "they are skipped",
            )
        if self._records and len(raw.kept) + len(failures):
            self._remarks.about_samples(len(raw.kept), [error for _, error in failures], of_another_kind=True)

    def _undecodable(self, failures: Failures) -> Undecodable | None:
        if not failures:
            return None
        index, error = failures[0]
        return undecodable(self._records[index], error, len(failures) / len(self._records))

    # --- samples ------------------------------------------------------------------------------------------------------

    def _arranged(self, rows: Array, rates: Mapping[str, float]) -> Arrangement:
        try:
            return self._compiled.arrange(rows, seed=0, **rates)
        except RefusedError as error:
            self._remarks.warning(RemarkCode.SPLIT, f"in the {len(rows)} sampled records: {error.message}", error.hint)
        return self._compiled.arrange(rows, seed=0, validation_rate=0, test_rate=0)

    def _remarks_of(self, arrangement: Arrangement) -> None:
        for warning in arrangement.warnings:
            self._remarks.info(RemarkCode.SPLIT, f"in the sampled records, {warning}")

    def _about_lack_of_windows(self, rows: Array) -> None:
        window = self._compiled.contract.window
        if window is None:
            return
        longest = int(np.bincount(rows[RUN]).max())
        needed = window.length + window.horizon
        self._remarks.warning(
            RemarkCode.WINDOW,
            f"no key has the {needed} usable records of a window in the {len(self._records)} of the sample; the most "
            f"is {longest}. A training reads all records",
            "choose a shorter window, or check that all records of one device have the same key and partition",
        )

    def _widen(self, learnt: Learnt) -> None:
        """Set the widths of columns by the vocabulary of the training part."""
        widths = {
            self._draft.place("columns", index): width for index, width in enumerate(self._compiled.widths(learnt))
        }
        self._columns = [
            column.model_copy(update={"width": widths.get(column.place, column.width)}) for column in self._columns
        ]

    def _inputs(self, learnt: Learnt) -> tuple[PreviewInput, ...]:
        types, names = self._compiled.input_types(), self._compiled.feature_names(learnt)
        return tuple(
            PreviewInput(
                name=name,
                shape=shape,
                dtype=str(types[name]),
                features=tuple(names[name]) if len(names[name]) <= _MAX_FEATURES else (),
            )
            for name, shape in self._compiled.input_shapes(learnt).items()
        )

    def _samples(self, raw: Raw, learnt: Learnt, arrangement: Arrangement, count: int) -> tuple[PreviewSample, ...]:
        """Return samples of all parts, spread over the records by which they end."""
        windows, parts = arrangement.windows, arrangement.parts
        by_part = [(SamplePart.TRAINING, parts.training), (SamplePart.VALIDATION, parts.validation)]
        by_part.append((SamplePart.TEST, parts.test))
        every = np.concatenate([found for _, found in by_part])
        kinds = np.repeat(np.arange(len(by_part)), [len(found) for _, found in by_part])
        lasts = windows.order[windows.ends[every]]
        order = np.argsort(lasts, kind="stable")
        places = order[np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).astype(np.intp))]
        inputs, labels = self._compiled.samples(raw.rows, learnt, arrangement, every[places])
        most = max(1, _MAX_VALUES // max(1, len(places) * len(inputs)))
        axes = len(self._compiled.window_shape)
        made = []
        for at, place in enumerate(places.tolist()):
            record = self._records[int(raw.kept[lasts[place]])]
            made.append(
                PreviewSample(
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    key=None if record.key is None else (text_of(record.key) or shown(record.key, 60))[:200],
                    timestamp_ms=record.timestamp_ms,
                    part=by_part[kinds[place]][0],
                    inputs=tuple(
                        shown_input(name, values[at], window_axes=axes, most=most) for name, values in inputs.items()
                    ),
                    label=None if labels is None else _label(labels[at], learnt),
                )
            )
        return tuple(made)


def _label(value: Array, learnt: Learnt) -> str | tuple[float, ...]:
    return learnt.classes[int(value)] if learnt.classes else tuple(plain_numbers(np.asarray(value)))


def _bounded(records: Sequence[Record], contract: Contract) -> Sequence[Record]:
    """Return as many records as memory allows samples for; with windows, consecutive ones."""
    size = sum(math.prod(column.shape) for column in contract.columns)
    most = max(1, _MAX_ELEMENTS // max(1, size))
    if len(records) <= most:
        return records
    if follows_keys(contract.to_json()):
        return records[:most]
    return [records[place] for place in np.linspace(0, len(records) - 1, most).astype(int).tolist()]
