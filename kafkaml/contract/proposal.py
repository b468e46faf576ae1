"""Proposal: from a sample of a topic's records to their content and a contract that makes samples from them. Pure.

Nothing here is final, because the user sees the proposal and can change it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kafkaml.codecs.looks import text_of
from kafkaml.codecs.registry import SchemaLookup
from kafkaml.contract.bounded_lookup import BoundedLookup
from kafkaml.contract.column_choice import ColumnChoice
from kafkaml.contract.compiled import CompiledContract
from kafkaml.contract.field_statistics import value_counts
from kafkaml.contract.format_guess import FormatGuess, guess_format
from kafkaml.contract.framed_keys import KEY_FRAMING, FramedKeys
from kafkaml.contract.key_choice import Keys, time_of
from kafkaml.contract.label_choice import ChosenLabel, choose_label, label_kind
from kafkaml.contract.loading import CSV, VALUE
from kafkaml.contract.names import expression_of
from kafkaml.contract.profile import FieldProfile, profile_of
from kafkaml.contract.remarks import Remarks, listed
from kafkaml.contract.sample_loading import LoadedSample
from kafkaml.errors import RefusedError
from kafkaml.records import ListBatch, Record
from kafkaml.wire.contract import Contract, Encoding, KeyKind, Label, LabelKind, RecordField, SplitBy, Window
from kafkaml.wire.proposal import LabelChoice, Proposal, RemarkCode, TimeSummary

__all__ = ["NO_LABEL", "propose"]

# The value of ``label`` that asks for a contract without a label.
NO_LABEL = "none"

_KEY = "_key"
_WINDOW = Window(length=10)
# Tolerance for clocks that differ slightly between machines.
_SORTED = 0.98
# At most this many pixels are unpacked to check whether pictures can be read.
_MAX_ELEMENTS = 50_000_000


def propose(
    records: Sequence[Record],
    *,
    input_format: str = "",
    config: Mapping[str, Any] | None = None,
    lookup: SchemaLookup | None = None,
    label: str = "",
) -> Proposal:
    """Return the proposal for ``records``, a sample of a topic by partition and offset.

    ``input_format`` and ``config`` are what is already known about the format; ``lookup`` queries a Schema Registry.
    ``label`` names the label's field (``a.b`` of a nested one, ``_key``), ``NO_LABEL`` for none; empty means that it is
    guessed. Raises RefusedError for an unknown label or format and for contradictory settings; the content of the
    records never raises.
    """
    lookup = None if lookup is None else BoundedLookup(lookup)
    guess = guess_format(records, input_format=input_format, config=config, lookup=lookup)
    return _Proposing(records, guess, lookup).made(label)


class _Proposing:
    """One proposal in progress."""

    def __init__(self, records: Sequence[Record], guess: FormatGuess, lookup: SchemaLookup | None) -> None:
        self._guess = guess
        self._lookup = lookup
        self._count = len(records)
        self._loaded = LoadedSample.of(records, guess.load)
        self._profile = profile_of(
            self._loaded.samples,
            [record.timestamp_ms for record in self._loaded.records],
            texts=guess.name == CSV,
        )
        self._keys = Keys(records, self._loaded.records, self._key_reader(records))
        self._remarks = Remarks(guess.remarks)

    def _key_reader(self, records: Sequence[Record]) -> Callable[[bytes], str | None]:
        """Return the reader of keys; notes in the contract's settings when a registry's serializers wrote them."""
        keys = {record.key for record in records if record.key is not None}
        framed_keys = FramedKeys(self._lookup)
        if self._lookup is None or not keys or not all(map(framed_keys.can_read, keys)):
            return text_of
        self._guess.config[KEY_FRAMING] = True
        return framed_keys

    def made(self, asked_label: str) -> Proposal:
        """Return the proposal."""
        if self._loaded.looked_at == self._loaded.deletions:
            what = (
                "the slice holds deletions only (null values)" if self._count else "there are no records in the slice"
            )
            remarks = Remarks()
            remarks.error(RemarkCode.NO_RECORDS, what, "send some, or choose a slice that has some")
            return Proposal(contract=None, sampled=self._count, decodes=0.0, remarks=tuple(remarks.all))
        self._remarks.about_records(self._guess.name, self._loaded)
        label = self._label(asked_label) if self._profile.fields else None
        kind = None if label is None else label_kind(self._values_of(label))
        choice = ColumnChoice(self._profile, label.field if label is not None else None, kind, self._keys)
        self._remarks.about_fields(self._profile, choice)
        if not choice.columns and self._loaded.samples:
            self._remarks.error(
                RemarkCode.NO_COLUMNS,
                "no field of the records can be a column as it is",
                "write an expression that makes a number of one; the table of fields gives the reason against each",
            )
        if label is not None and kind is not None:
            self._remarks.about_label(_name(label), self._values_of(label), kind, choice.leaks)
        time = time_of(self._profile, self._loaded.records)
        # A key with many records in order of time stands for a machine or a person, not for a class.
        things = self._keys.repeat and self._keys.kind == KeyKind.TEXT and (label is None or label.field is not None)
        series = things and self._is_sorted(time)
        window = self._window(choice) if series else None
        contract = self._contract(choice, label, kind, SplitBy.TIME if series else SplitBy.CONTENT)
        decodes = 0.0 if contract is None else self._tried(contract)
        if not decodes:
            contract = None
        return Proposal(
            contract=contract,
            sampled=self._loaded.looked_at,
            decodes=min(1.0, decodes),
            fields=tuple(choice.summaries),
            label=None if label is None or kind is None else self._label_choice(label, kind, choice),
            key=self._keys.summary,
            time=time,
            window=window if contract is not None else None,
            undecodable=self._loaded.undecodable,
            remarks=tuple(self._remarks.all),
        )

    def _label(self, asked: str) -> ChosenLabel | None:
        keys = self._keys
        if asked == NO_LABEL:
            return None
        if asked == _KEY:
            if keys.profile is None:
                raise RefusedError("the records have no keys that are texts: they cannot be the label")
            return ChosenLabel(None, "it was asked for")
        nameable = [field for field in self._profile.fields if expression_of(field.path)]
        if asked:
            return ChosenLabel(_asked_field(nameable, asked), "it was asked for")
        arrays = [field.path for field in self._profile.fields] == [(VALUE,)]
        csv = self._guess.name == CSV
        chosen = choose_label(nameable, last_is_label=csv and not keys.is_class(arrays=True))
        if chosen is None and keys.profile is not None and keys.is_class(arrays=arrays or csv):
            why = f"the keys of the records have {keys.profile.distinct} values only, and no field is a label"
            chosen = ChosenLabel(None, why)
        if chosen is None:
            self._remarks.warning(
                RemarkCode.NO_LABEL,
                "no field looks like what is to be predicted",
                "name it; without one only models that need none can be trained (autoencoders)",
            )
        return chosen

    def _values_of(self, label: ChosenLabel) -> FieldProfile:
        found = label.field or self._keys.profile
        assert found is not None
        return found

    def _is_sorted(self, time: TimeSummary | None) -> bool:
        if time is None:
            return False
        if time.sorted < _SORTED:
            self._remarks.warning(
                RemarkCode.UNSORTED_TIMES,
                f"the times ({time.expression}) are not in order: {1 - time.sorted:.0%} of the records are older than "
                "the one before them",
                "windows and splits by time follow the order of the topic: let producers send in order, or use neither",
            )
        return time.sorted >= _SORTED

    def _window(self, choice: ColumnChoice) -> Window | None:
        keys = self._keys
        if not any(column.encoding == Encoding.NUMBER for column in choice.columns):
            return None
        if keys.spread:
            self._remarks.warning(
                RemarkCode.KEY_ON_SEVERAL_PARTITIONS,
                f"records of one key ({keys.spread}) are on several partitions: windows of them would have gaps",
                "let the producer choose partitions by the key; windows need all records of a key in one",
            )
            return None
        self._remarks.info(
            RemarkCode.WINDOW,
            f"each of {keys.distinct} keys has many records, in order of time: the last {_WINDOW.length} of one key "
            f"would be a sample of the shape ({_WINDOW.length}, {choice.width})",
            "turn on windows of records (window in the contract) to have such samples",
        )
        return _WINDOW

    def _contract(
        self, choice: ColumnChoice, label: ChosenLabel | None, kind: LabelKind | None, split: SplitBy
    ) -> Contract | None:
        if not choice.columns or self._guess.load is None:
            return None
        key = self._keys.kind
        labels: tuple[Label, ...] = ()
        if label is not None and kind is not None:
            labels = (Label(name=_name(label), expression=_expression(label, choice), kind=kind),)
            if label.field is None:
                key = KeyKind.NUMBER if self._values_of(label).numbers is not None else KeyKind.TEXT
        return Contract(
            format=self._guess.name,
            format_config=self._guess.config,
            key=key,
            fields=tuple(RecordField(path=path, kind=value) for path, value in choice.used.items()),
            columns=tuple(choice.columns),
            labels=labels,
            split=split,
        )

    def _label_choice(self, label: ChosenLabel, kind: LabelKind, choice: ColumnChoice) -> LabelChoice:
        values = self._values_of(label)
        return LabelChoice(
            name=_name(label),
            expression=_expression(label, choice),
            kind=kind,
            why=label.why,
            balance=value_counts(values.counts, 20) if kind == LabelKind.CLASS else (),
        )

    def _tried(self, contract: Contract) -> float:
        """Return the share of records that the contract makes samples of; adds remarks on why others are
        not samples.
        """
        size = sum(math.prod(column.shape) for column in contract.columns)
        records = self._loaded.records[:: max(1, len(self._loaded.records) * size // _MAX_ELEMENTS)]
        raw = CompiledContract(contract, lookup=self._lookup).raw(ListBatch(records))
        self._remarks.about_samples(len(raw.kept), [error for _, error in raw.failures])
        return len(raw.kept) / len(records) * len(self._loaded.records) / self._loaded.looked_at


def _asked_field(fields: Sequence[FieldProfile], asked: str) -> FieldProfile:
    """Return the field of this name, or of which it is the last part; RefusedError where there is none."""
    able = [field for field in fields if not field.trouble and not field.shape]
    names = [[field for field in able if field.name == asked], [field for field in able if field.path[-1] == asked]]
    found = next((some[0] for some in names if len(some) == 1), None)
    if found is None:
        raise RefusedError(
            f"the records have no field {asked[:80]!r} that can be a label: expected one of "
            f"{listed(field.name for field in able)}",
            hint="name one of them, _key for the key of the records, or none",
        )
    return found


def _name(label: ChosenLabel) -> str:
    return label.field.name[:200] if label.field is not None else "label"


def _expression(label: ChosenLabel, choice: ColumnChoice) -> str:
    return choice.label_expression if label.field is not None else _KEY
