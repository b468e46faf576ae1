"""Chooses the fields of a topic that become columns, and how each becomes numbers; gives reasons for the
others. Pure.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from kafkaml.codecs.field_names import Path, path_text
from kafkaml.contract.field_statistics import numbers_summary, value_counts
from kafkaml.contract.key_choice import Keys
from kafkaml.contract.label_choice import Leak, leaks
from kafkaml.contract.loading import VALUE
from kafkaml.contract.names import expression_of
from kafkaml.contract.profile import FieldProfile, Profile, words_of
from kafkaml.wire.contract import Column, Encoding, FieldKind, LabelKind, Missing, Scaling
from kafkaml.wire.proposal import FieldRole, FieldSummary

__all__ = ["ColumnChoice", "are_bytes", "number_expression"]

# The most values for one-hot columns; a field with more is encoded by index.
_MAX_ONE_HOT = 20
_MAX_VOCABULARY = 200
_MAX_COLUMNS = 500
_MAX_MISSING = 0.9
# A list or picture may be missing in fewer records than a number, because a record without it is not a sample.
_MAX_MISSING_LISTS = 0.3
_MAX_FLOAT32 = float(np.finfo(np.float32).max)
# From this many records on, a field whose values are nearly all different is taken for an id.
_MIN_FOR_IDS = 20
_ID_NAME = re.compile(r"(^|_)(id|ids|uuid|guid|seq|sequence|number|no|index|idx|offset|key|serial|row|nr)($|_)")
_ID_END = re.compile(r"(id|uuid)$")
_SPECIAL = ("_key", "_timestamp", "_partition", "_headers", VALUE)


class ColumnChoice:
    """The proposed columns. ``roles`` and ``reasons`` are by path. ``columns`` are the fields that become columns.
    ``used`` are the fields that the columns and the label use, with the kind that each is read as. ``width`` is how
    many numbers a sample has, as far as it is known before learning.
    """

    def __init__(self, profile: Profile, label: FieldProfile | None, kind: LabelKind | None, keys: Keys) -> None:
        self.label = label
        self.label_expression = ""
        self.roles: dict[Path, FieldRole] = {}
        self.reasons: dict[Path, str] = {}
        self.columns: list[Column] = []
        self.used: dict[Path, FieldKind] = {}
        self.width = 0
        self._profile = profile
        self._keys = keys
        for field in profile.fields:
            self._place(field, *self._role(field))
        wanted = [field for field in profile.fields if self.roles[field.path] == FieldRole.COLUMN]
        self.leaks: list[Leak] = list(leaks(label, kind, wanted)) if label is not None and kind is not None else []
        for leak in self.leaks:
            if leak.same and len(wanted) > 1:
                self._place(
                    leak.field, FieldRole.LEFT_OUT, f"it says the same as the label {label.name if label else ''}"
                )
        chosen = [field for field in wanted if self.roles[field.path] == FieldRole.COLUMN]
        for field in chosen[_MAX_COLUMNS:]:
            self._place(field, FieldRole.LEFT_OUT, f"there are {_MAX_COLUMNS} columns before it")
        self._count = len(chosen)
        for field in chosen[:_MAX_COLUMNS]:
            self._add(field)
        if label is not None:
            self.used[label.path] = _read_as(label)
            as_number = label.text_numbers and kind == LabelKind.NUMBER
            self.label_expression = number_expression(label) if as_number else expression_of(label.path) or ""

    @property
    def summaries(self) -> list[FieldSummary]:
        """The summary of the fields."""
        return [self._summary(field) for field in self._profile.fields]

    def _place(self, field: FieldProfile, role: FieldRole, reason: str) -> None:
        self.roles[field.path], self.reasons[field.path] = role, reason

    def _role(self, field: FieldProfile) -> tuple[FieldRole, str]:
        if expression_of(field.path) is None or (field.path[0] in _SPECIAL and field.path != (VALUE,)):
            return FieldRole.LEFT_OUT, "no expression can name it"
        if self.label is not None and field.path == self.label.path:
            return FieldRole.LABEL, ""
        if field.trouble:
            return FieldRole.LEFT_OUT, field.trouble
        if self._is_key(field):
            return FieldRole.KEY, "it is the key of the records"
        if field.kind == FieldKind.TIME:
            return FieldRole.TIME, f"it is a time: EXTRACT(hour FROM {expression_of(field.path)}) makes a number of it"
        if field.odd > 0.1:
            return FieldRole.LEFT_OUT, f"it is of another type in {field.odd:.0%} of the records"
        listed = field.kind in (FieldKind.NUMBERS, FieldKind.BYTES)
        if field.missing >= (_MAX_MISSING_LISTS if listed else _MAX_MISSING):
            why = ", and nothing can replace a missing list" if listed else ""
            return FieldRole.LEFT_OUT, f"it is missing in {field.missing:.0%} of the records{why}"
        if _beyond(field):
            return FieldRole.LEFT_OUT, "it holds numbers beyond float32"
        if field.distinct == 1 and len(field.values) > 1:
            return FieldRole.LEFT_OUT, f"it is always {next(iter(field.counts))}"
        if field.large is not None:
            return FieldRole.LEFT_OUT, "it holds whole numbers that would be rounded"
        reason = _why_id(field) if field.whole else _why_text(field)
        return (FieldRole.LEFT_OUT, reason) if reason else (FieldRole.COLUMN, "")

    def _is_key(self, field: FieldProfile) -> bool:
        keys = self._keys.profile
        if keys is None or field.kind not in (FieldKind.TEXT, FieldKind.INTEGER) or self._keys.missing > 0.05:
            return False
        pairs = list(zip(field.values, keys.values, strict=True))
        same = sum(value is not None and str(value) == str(key) for value, key in pairs)
        return same >= 0.99 * len(pairs)

    def _add(self, field: FieldProfile) -> None:
        column = _column_of(field)
        self.used[field.path] = _read_as(field)
        taken = {other.name for other in self.columns}
        name = field.path[-1] if field.path != (VALUE,) else "value"
        if name in taken:
            name = path_text(field.path)[:200]
        while name in taken:
            name = f"{name[:190]}_{len(taken)}"
        # A picture becomes an input of its own.
        others = column.encoding == Encoding.IMAGE and self._count > 1
        self.columns.append(column.model_copy(update={"name": name, "input": name if others else ""}))
        match column.encoding:
            case Encoding.ONE_HOT:
                self.width += field.distinct + 1
            case Encoding.NUMBERS | Encoding.IMAGE:
                self.width += math.prod(column.shape)
            case _:
                self.width += 1

    def _summary(self, field: FieldProfile) -> FieldSummary:
        plain = expression_of(field.path) or ".".join(field.path)[:2000]
        numbers = field.numbers if field.numbers is not None and field.kind != FieldKind.BOOLEAN else None
        few = numbers is None or field.distinct <= _MAX_ONE_HOT
        return FieldSummary(
            path=field.path,
            kind=field.kind,
            expression=number_expression(field) if field.text_numbers else plain,
            role=self.roles[field.path],
            reason=self.reasons[field.path],
            missing=min(1.0, field.missing),
            odd=min(1.0, field.odd),
            distinct=field.distinct,
            more=field.present > 0 and field.distinct == field.present >= 1000,
            shape=field.shape,
            numbers=None if numbers is None else numbers_summary(numbers, whole=field.whole),
            top=value_counts(field.counts) if few and field.counts else (),
        )


def number_expression(field: FieldProfile) -> str:
    """Return the expression that turns texts into numbers."""
    plain = expression_of(field.path) or ""
    return f"CAST(REPLACE({plain}, ',', '.') AS DOUBLE)" if field.decimal == "," else f"CAST({plain} AS DOUBLE)"


def are_bytes(field: FieldProfile) -> bool:
    """Whether a field's numbers go from 0 to 255, as those of pictures do."""
    if field.numbers is None or not field.whole or field.kind == FieldKind.BOOLEAN:
        return False
    finite = field.numbers[np.isfinite(field.numbers)]
    return bool(len(finite) and finite.min() >= 0 and 200 < finite.max() <= 255)


def _beyond(field: FieldProfile) -> bool:
    """Whether float32, in which models compute, cannot represent more than a few of its numbers."""
    if field.numbers is None or field.kind in (FieldKind.BOOLEAN, FieldKind.TIME):
        return False
    return bool((np.abs(field.numbers) > _MAX_FLOAT32).sum() > 0.1 * max(1, field.present))


def _read_as(field: FieldProfile) -> FieldKind:
    """Return the kind that a contract reads a field as, given that integers may be followed by fractions."""
    return FieldKind.NUMBER if field.kind == FieldKind.INTEGER and field.large is None else field.kind


def _why_id(field: FieldProfile) -> str:
    if field.numbers is None or field.kind in (FieldKind.BOOLEAN, FieldKind.NUMBERS) or field.present < _MIN_FOR_IDS:
        return ""
    if field.distinct < 0.95 * field.present:
        return ""
    name = words_of(field.path[-1])
    if _ID_NAME.search(name) or _ID_END.search(name):
        return "it looks like the number of a record (an id)"
    known = field.numbers[np.isfinite(field.numbers)]
    if bool((np.diff(known) > 0).all()):
        return "it only counts up, record by record"
    return ""


def _why_text(field: FieldProfile) -> str:
    if field.kind != FieldKind.TEXT or field.text_numbers:
        return ""
    present = field.present
    if present >= _MIN_FOR_IDS and field.distinct >= 0.9 * present:
        return "nearly every record has a different text"
    if field.distinct > _MAX_VOCABULARY or (field.distinct > _MAX_ONE_HOT and field.distinct > 0.5 * present):
        return f"it has {field.distinct} different texts, too many for a category"
    return ""


def _column_of(field: FieldProfile) -> Column:
    expression = number_expression(field) if field.text_numbers else expression_of(field.path)
    made: dict[str, Any] = {"name": "column", "expression": expression}
    match field.kind:
        case FieldKind.BOOLEAN:
            made |= {"encoding": Encoding.BOOLEAN}
            if field.missing:
                made |= {"missing": Missing.CONSTANT, "constant": False}
        case FieldKind.TEXT if not field.text_numbers:
            made["encoding"] = Encoding.ONE_HOT if field.distinct <= _MAX_ONE_HOT else Encoding.CATEGORY
            if field.missing:
                made |= {"missing": Missing.CONSTANT, "constant": ""}
        case FieldKind.NUMBERS:
            made |= {"encoding": Encoding.NUMBERS, "shape": field.shape, "scaling": _scaling(field)}
        case FieldKind.BYTES:
            made |= {"encoding": Encoding.IMAGE, "shape": field.shape}
        case _:
            made["scaling"] = _scaling(field)
            if field.missing or (field.text_numbers and field.numbers is not None and np.isnan(field.numbers).any()):
                made["missing"] = Missing.MEAN
    return Column(**made)


def _scaling(field: FieldProfile) -> Scaling:
    """Return the scaling that brings numbers near 0..1: none where they are there already, robust with outliers."""
    finite = field.numbers[np.isfinite(field.numbers)] if field.numbers is not None else np.empty(0)
    if not len(finite):
        return Scaling.NONE
    low, high = float(finite.min()), float(finite.max())
    if are_bytes(field):
        return Scaling.MIN_MAX
    if low >= -1.5 and high <= 1.5 and high - low >= 0.05:
        return Scaling.NONE
    first, third = np.percentile(finite, (25, 75))
    middle = float(third - first)
    if middle > 0 and max(high - float(third), float(first) - low) > 30 * middle:
        return Scaling.ROBUST
    return Scaling.STANDARD
