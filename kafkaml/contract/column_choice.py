"""Which fields of a topic are columns, and how each becomes numbers; why the others are none. Pure."""

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

# Vectors of one place each; more values are counted by their places.
_MAX_ONE_HOT = 20
_MAX_VOCABULARY = 200
_MAX_COLUMNS = 500
_MAX_MISSING = 0.9
# A record without one is no sample.
_MAX_MISSING_LISTS = 0.3
_MAX_FLOAT32 = float(np.finfo(np.float32).max)
# Of so many records nearly all different values are names of single things.
_MIN_FOR_IDS = 20
_ID_NAME = re.compile(r"(^|_)(id|ids|uuid|guid|seq|sequence|number|no|index|idx|offset|key|serial|row|nr)($|_)")
_ID_END = re.compile(r"(id|uuid)$")
_SPECIAL = ("_key", "_timestamp", "_partition", "_headers", VALUE)


class ColumnChoice:
    """``roles`` and ``reasons`` by path, the ``columns``, and the fields that they and the label use, with the kind
    that each is read as. ``width`` is how many numbers a sample has, as far as it is known before learning.
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
        for each in profile.fields:
            self._place(each, *self._role(each))
        wanted = [each for each in profile.fields if self.roles[each.path] == FieldRole.COLUMN]
        self.leaks: list[Leak] = list(leaks(label, kind, wanted)) if label is not None and kind is not None else []
        for leak in self.leaks:
            if leak.same and len(wanted) > 1:
                self._place(
                    leak.field, FieldRole.LEFT_OUT, f"it says the same as the label {label.name if label else ''}"
                )
        chosen = [each for each in wanted if self.roles[each.path] == FieldRole.COLUMN]
        for each in chosen[_MAX_COLUMNS:]:
            self._place(each, FieldRole.LEFT_OUT, f"there are {_MAX_COLUMNS} columns before it")
        self._count = len(chosen)
        for each in chosen[:_MAX_COLUMNS]:
            self._add(each)
        if label is not None:
            self.used[label.path] = _read_as(label)
            as_number = label.text_numbers and kind == LabelKind.NUMBER
            self.label_expression = number_expression(label) if as_number else expression_of(label.path) or ""

    @property
    def summaries(self) -> list[FieldSummary]:
        """What is told of the fields."""
        return [self._summary(each) for each in self._profile.fields]

    def _place(self, each: FieldProfile, role: FieldRole, reason: str) -> None:
        self.roles[each.path], self.reasons[each.path] = role, reason

    def _role(self, each: FieldProfile) -> tuple[FieldRole, str]:
        if expression_of(each.path) is None or (each.path[0] in _SPECIAL and each.path != (VALUE,)):
            return FieldRole.LEFT_OUT, "no expression can name it"
        if self.label is not None and each.path == self.label.path:
            return FieldRole.LABEL, ""
        if each.trouble:
            return FieldRole.LEFT_OUT, each.trouble
        if self._is_key(each):
            return FieldRole.KEY, "it is the key of the records"
        if each.kind == FieldKind.TIME:
            return FieldRole.TIME, f"it is a time: EXTRACT(hour FROM {expression_of(each.path)}) makes a number of it"
        if each.odd > 0.1:
            return FieldRole.LEFT_OUT, f"it is of another kind in {each.odd:.0%} of the records"
        listed = each.kind in (FieldKind.NUMBERS, FieldKind.BYTES)
        if each.missing >= (_MAX_MISSING_LISTS if listed else _MAX_MISSING):
            why = ", and nothing stands in for a list" if listed else ""
            return FieldRole.LEFT_OUT, f"it is missing in {each.missing:.0%} of the records{why}"
        if _beyond(each):
            return FieldRole.LEFT_OUT, "it holds numbers beyond float32"
        if each.distinct == 1 and len(each.values) > 1:
            return FieldRole.LEFT_OUT, f"it is always {next(iter(each.counts))}"
        if each.large is not None:
            return FieldRole.LEFT_OUT, "it holds whole numbers that would be rounded"
        reason = _why_id(each) if each.whole else _why_text(each)
        return (FieldRole.LEFT_OUT, reason) if reason else (FieldRole.COLUMN, "")

    def _is_key(self, each: FieldProfile) -> bool:
        keys = self._keys.profile
        if keys is None or each.kind not in (FieldKind.TEXT, FieldKind.INTEGER) or self._keys.missing > 0.05:
            return False
        pairs = list(zip(each.values, keys.values, strict=True))
        same = sum(value is not None and str(value) == str(key) for value, key in pairs)
        return same >= 0.99 * len(pairs)

    def _add(self, each: FieldProfile) -> None:
        column = _column_of(each)
        self.used[each.path] = _read_as(each)
        taken = {other.name for other in self.columns}
        name = each.path[-1] if each.path != (VALUE,) else "value"
        if name in taken:
            name = path_text(each.path)[:200]
        while name in taken:
            name = f"{name[:190]}_{len(taken)}"
        # A picture is an input of its own.
        others = column.encoding == Encoding.IMAGE and self._count > 1
        self.columns.append(column.model_copy(update={"name": name, "input": name if others else ""}))
        match column.encoding:
            case Encoding.ONE_HOT:
                self.width += each.distinct + 1
            case Encoding.NUMBERS | Encoding.IMAGE:
                self.width += math.prod(column.shape)
            case _:
                self.width += 1

    def _summary(self, each: FieldProfile) -> FieldSummary:
        plain = expression_of(each.path) or ".".join(each.path)[:2000]
        numbers = each.numbers if each.numbers is not None and each.kind != FieldKind.BOOLEAN else None
        few = numbers is None or each.distinct <= _MAX_ONE_HOT
        return FieldSummary(
            path=each.path,
            kind=each.kind,
            expression=number_expression(each) if each.text_numbers else plain,
            role=self.roles[each.path],
            reason=self.reasons[each.path],
            missing=min(1.0, each.missing),
            odd=min(1.0, each.odd),
            distinct=each.distinct,
            more=each.present > 0 and each.distinct == each.present >= 1000,
            shape=each.shape,
            numbers=None if numbers is None else numbers_summary(numbers, whole=each.whole),
            top=value_counts(each.counts) if few and each.counts else (),
        )


def number_expression(each: FieldProfile) -> str:
    """Return what makes numbers of texts."""
    plain = expression_of(each.path) or ""
    return f"CAST(REPLACE({plain}, ',', '.') AS DOUBLE)" if each.decimal == "," else f"CAST({plain} AS DOUBLE)"


def are_bytes(each: FieldProfile) -> bool:
    """Whether a field's numbers go from 0 to 255, as those of pictures do."""
    if each.numbers is None or not each.whole or each.kind == FieldKind.BOOLEAN:
        return False
    finite = each.numbers[np.isfinite(each.numbers)]
    return bool(len(finite) and finite.min() >= 0 and 200 < finite.max() <= 255)


def _beyond(each: FieldProfile) -> bool:
    """Whether models, which compute in float32, do not know more than a few of its numbers."""
    if each.numbers is None or each.kind in (FieldKind.BOOLEAN, FieldKind.TIME):
        return False
    return bool((np.abs(each.numbers) > _MAX_FLOAT32).sum() > 0.1 * max(1, each.present))


def _read_as(each: FieldProfile) -> FieldKind:
    """Return the kind that a contract reads a field as: a whole number today may have a fraction tomorrow."""
    return FieldKind.NUMBER if each.kind == FieldKind.INTEGER and each.large is None else each.kind


def _why_id(each: FieldProfile) -> str:
    if each.numbers is None or each.kind in (FieldKind.BOOLEAN, FieldKind.NUMBERS) or each.present < _MIN_FOR_IDS:
        return ""
    if each.distinct < 0.95 * each.present:
        return ""
    name = words_of(each.path[-1])
    if _ID_NAME.search(name) or _ID_END.search(name):
        return "it looks like a number that names each record"
    known = each.numbers[np.isfinite(each.numbers)]
    if bool((np.diff(known) > 0).all()):
        return "it only counts up, record by record"
    return ""


def _why_text(each: FieldProfile) -> str:
    if each.kind != FieldKind.TEXT or each.text_numbers:
        return ""
    present = each.present
    if present >= _MIN_FOR_IDS and each.distinct >= 0.9 * present:
        return "nearly every record has another text"
    if each.distinct > _MAX_VOCABULARY or (each.distinct > _MAX_ONE_HOT and each.distinct > 0.5 * present):
        return f"it has {each.distinct} different texts, too many for a category"
    return ""


def _column_of(each: FieldProfile) -> Column:
    expression = number_expression(each) if each.text_numbers else expression_of(each.path)
    made: dict[str, Any] = {"name": "column", "expression": expression}
    match each.kind:
        case FieldKind.BOOLEAN:
            made |= {"encoding": Encoding.BOOLEAN}
            if each.missing:
                made |= {"missing": Missing.CONSTANT, "constant": False}
        case FieldKind.TEXT if not each.text_numbers:
            made["encoding"] = Encoding.ONE_HOT if each.distinct <= _MAX_ONE_HOT else Encoding.CATEGORY
            if each.missing:
                made |= {"missing": Missing.CONSTANT, "constant": ""}
        case FieldKind.NUMBERS:
            made |= {"encoding": Encoding.NUMBERS, "shape": each.shape, "scaling": _scaling(each)}
        case FieldKind.BYTES:
            made |= {"encoding": Encoding.IMAGE, "shape": each.shape}
        case _:
            made["scaling"] = _scaling(each)
            if each.missing or (each.text_numbers and each.numbers is not None and np.isnan(each.numbers).any()):
                made["missing"] = Missing.MEAN
    return Column(**made)


def _scaling(each: FieldProfile) -> Scaling:
    """Return what brings numbers near 0..1: nothing where they are there, robust where a few are far away."""
    finite = each.numbers[np.isfinite(each.numbers)] if each.numbers is not None else np.empty(0)
    if not len(finite):
        return Scaling.NONE
    low, high = float(finite.min()), float(finite.max())
    if are_bytes(each):
        return Scaling.MIN_MAX
    if low >= -1.5 and high <= 1.5 and high - low >= 0.05:
        return Scaling.NONE
    first, third = np.percentile(finite, (25, 75))
    middle = float(third - first)
    if middle > 0 and max(high - float(third), float(first) - low) > 30 * middle:
        return Scaling.ROBUST
    return Scaling.STANDARD
