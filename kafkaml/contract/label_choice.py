"""Chooses the field that users probably want to predict, by name and values; finds columns that give it away. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kafkaml.contract.field_statistics import Floats
from kafkaml.contract.profile import FieldProfile, words_of
from kafkaml.wire.contract import FieldKind, LabelKind

__all__ = ["MAX_CLASSES", "ChosenLabel", "Leak", "choose_label", "label_kind", "leaks"]

Classes = npt.NDArray[np.object_]

# Integers with more distinct values are a quantity.
MAX_CLASSES = 20
# A class with fewer examples proves nothing about a column.
_MIN_EXAMPLES = 10
_LEAK = 0.995

# Names of labels, ranked by certainty; of several fields the most certain wins.
_NAMES = {
    100: ("label", "labels", "target", "class", "y", "ground_truth", "target_class", "class_label"),
    90: ("failure", "failed", "fail", "fault", "faulty", "anomaly", "anomalous", "outcome", "churn", "churned", "fraud",
         "fraudulent", "defect", "defective", "broken", "diagnosis", "survived", "rul", "breakdown", "attack"),
    80: ("species", "category", "alarm", "quality", "rating", "score", "default", "defaulted", "result", "sentiment",
         "spam", "response", "digit", "variety", "price"),
}  # fmt: skip
_RANKS = {name: rank for rank, names in _NAMES.items() for name in names}
_LABEL_KINDS = (FieldKind.NUMBER, FieldKind.INTEGER, FieldKind.BOOLEAN, FieldKind.TEXT)


@dataclass(frozen=True)
class ChosenLabel:
    """The label: a field, or the key of the records (``field`` None), and the reason."""

    field: FieldProfile | None
    why: str


@dataclass(frozen=True)
class Leak:
    """A column that determines the label nearly alone. ``same``: each of its values has only one label."""

    field: FieldProfile
    accuracy: float
    same: bool


def choose_label(fields: Sequence[FieldProfile], *, last_is_label: bool = False) -> ChosenLabel | None:
    """Return the field that is most likely the label; None without evidence.

    ``last_is_label``: as in CSV files, the last column is the label unless names or values suggest another.
    """
    able = [field for field in fields if field.kind in _LABEL_KINDS and field.present and not field.trouble]
    ranked = [(rank, -place, field) for place, field in enumerate(able) if (rank := _rank(field))]
    if ranked:
        _, _, best = max(ranked, key=lambda item: item[:2])
        return ChosenLabel(best, f"its name, {best.name}, is that of a label")
    two = [field for field in able if field.distinct == 2]
    if len(two) == 1 and len(able) > 1:
        first, second = sorted(two[0].counts)
        return ChosenLabel(two[0], f"it is the only field with two values, {first} and {second}")
    if last_is_label and len(able) > 1 and able[-1] is fields[-1] and label_kind(able[-1]) == LabelKind.CLASS:
        return ChosenLabel(able[-1], f"it is the last column, and has {able[-1].distinct} values only")
    return None


def label_kind(field: FieldProfile) -> LabelKind:
    """Return whether a field's values are classes or a quantity."""
    if field.kind == FieldKind.BOOLEAN or field.numbers is None:
        return LabelKind.CLASS
    finite = field.numbers[np.isfinite(field.numbers)]
    if field.distinct <= MAX_CLASSES and bool((finite == np.floor(finite)).all()):
        return LabelKind.CLASS if field.distinct <= max(2, field.present // 5) else LabelKind.NUMBER
    return LabelKind.NUMBER


def _rank(field: FieldProfile) -> int:
    name = words_of(field.path[-1])
    bare = re.sub(r"^(is|has|was|will)_", "", name)
    # In nested records the outermost name counts too: label.value.
    first = words_of(field.path[0])
    rank = max(_RANKS.get(name, 0), _RANKS.get(bare, 0) - 1, _RANKS.get(first, 0) - 15 if len(field.path) > 1 else 0)
    parts = name.split("_")
    if not rank and len(parts) > 1:
        rank = max(0, _RANKS.get(parts[-1], 0) - 30, _RANKS.get(parts[0], 0) - 40)
    if not rank and bare != name and field.kind == FieldKind.BOOLEAN:
        rank = 30
    if (
        field.kind == FieldKind.TEXT
        and not field.text_numbers
        and field.distinct > max(MAX_CLASSES, field.present // 5)
    ):
        # A text that is nearly always different is not something to predict.
        return 0
    return rank


def leaks(label: FieldProfile, kind: LabelKind, columns: Sequence[FieldProfile]) -> Iterator[Leak]:
    """Iterate over the columns that determine the label nearly alone."""
    if kind == LabelKind.NUMBER:
        yield from _leaks_of_number(label, columns)
        return
    classes = np.array([None if value is None else str(value) for value in label.values], object)
    usual = Counter(value for value in classes if value is not None)
    if len(usual) < 2 or sorted(usual.values())[-2] < _MIN_EXAMPLES:
        return
    for column in columns:
        if column.numbers is not None and column.kind != FieldKind.BOOLEAN and len(column.numbers) == len(classes):
            accuracy = _accuracy_of_cuts(column.numbers, classes)
        elif column.counts:
            accuracy = _accuracy_of_values(column, classes)
        else:
            continue
        if accuracy >= _LEAK:
            same = accuracy == 1 and column.distinct == len(usual)
            yield Leak(column, accuracy, same)


def _leaks_of_number(label: FieldProfile, columns: Sequence[FieldProfile]) -> Iterator[Leak]:
    if label.numbers is None:
        return
    for column in columns:
        if column.numbers is None or len(column.numbers) != len(label.numbers):
            continue
        both = np.isfinite(column.numbers) & np.isfinite(label.numbers)
        one, other = column.numbers[both], label.numbers[both]
        if len(one) < 2 * _MIN_EXAMPLES or one.std() == 0 or other.std() == 0:
            continue
        with np.errstate(all="ignore"):
            likeness = abs(float(np.corrcoef(one, other)[0, 1]))
        if math.isfinite(likeness) and likeness >= 0.9995:
            yield Leak(column, likeness, likeness > 1 - 1e-9)


def _accuracy_of_values(column: FieldProfile, classes: Classes) -> float:
    """Return how well the most frequent class per value predicts, with equal weight for each class."""
    pairs = [(str(value), label) for value, label in zip(column.values, classes, strict=True) if label is not None]
    if column.distinct > len(pairs) // 5:
        # Nearly all values are distinct, which proves nothing.
        return 0.0
    return _balanced(Counter(pairs))


def _accuracy_of_cuts(numbers: Floats, classes: Classes) -> float:
    """Return how well intervals of a number predict: one per class, cut where the class changes most."""
    known = np.array([label is not None for label in classes])
    # A missing value counts as a value too.
    place = np.nan_to_num(numbers[known], nan=-np.finfo(np.float64).max)
    labels = classes[known]
    names, codes = np.unique(labels.astype(str), return_inverse=True)
    if len(names) > MAX_CLASSES or not len(place):
        return 0.0
    sorted_codes = codes[np.argsort(place, kind="stable")]
    changes = np.count_nonzero(sorted_codes[1:] != sorted_codes[:-1])
    if changes > len(names) + 2 * (1 - _LEAK) * len(names) * len(place):
        # Each wrong prediction causes at most two changes of class, so with this many changes no cuts can do well
        # enough.
        return 0.0
    cuts: list[float] = []
    for _ in range(len(names) - 1):
        cut = _best_cut(place, codes, len(names), cuts)
        if cut is None:
            break
        cuts.append(cut)
    groups = np.searchsorted(np.array(sorted(cuts)), place, side="left")
    return _balanced(Counter(zip(map(str, groups), labels, strict=True)))


def _best_cut(
    place: Floats,
    codes: npt.NDArray[np.intp],
    count: int,
    cuts: Sequence[float],
) -> float | None:
    """Return where to cut one of the intervals between ``cuts`` so that the classes are separated best."""
    groups = np.searchsorted(np.array(sorted(cuts)), place, side="left")
    best: tuple[float, float] | None = None
    weights = 1 / np.bincount(codes, minlength=count)
    for group in range(len(cuts) + 1):
        inside = groups == group
        order = np.argsort(place[inside], kind="stable")
        values, mine = place[inside][order], codes[inside][order]
        if len(values) < 2 or values[0] == values[-1]:
            continue
        below = np.cumsum(np.eye(count)[mine] * weights[mine, None], axis=0)
        above = below[-1] - below
        right = below.max(axis=1) + above.max(axis=1)
        right[:-1][values[1:] == values[:-1]] = -1
        right[-1] = -1
        at = int(right.argmax())
        gain = float(right[at] - below[-1].max())
        if best is None or gain > best[0]:
            best = (gain, float(values[at]))
    return best[1] if best is not None and best[0] > 1e-12 else None


def _balanced(pairs: Counter[tuple[str, str]]) -> float:
    """Return the mean share per class that is right when each group predicts its heaviest class."""
    sizes: Counter[str] = Counter()
    for (_, label), count in pairs.items():
        sizes[label] += count
    chosen: dict[str, tuple[float, str, int]] = {}
    for (group, label), count in pairs.items():
        weight = count / sizes[label]
        if group not in chosen or (weight, label) > chosen[group][:2]:
            chosen[group] = (weight, label, count)
    right: Counter[str] = Counter()
    for _, label, count in chosen.values():
        right[label] += count
    return sum(right[label] / size for label, size in sizes.items()) / len(sizes)
