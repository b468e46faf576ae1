"""Decides whether the model can learn these labels as they are. Called before anything is trained.

A loss over classes takes the numbers 0 to n-1. With others it fails late and obscurely, or trains nonsense. Labels that
cannot be right as they are (from 1 on, negative, with gaps) are renumbered with their names kept, where the model has
an output for each; otherwise they are refused with a reason. Labels that can be right are never touched, because a
slice that lacks a class must not shift the others. The decision looks at all parts of the data together, independent of
the seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kafkaml.label_doubts import KEY_IS_LABEL, number_doubt, text_doubt
from kafkaml.shapes import DataMismatch, ModelSignature, label_range_doubt

__all__ = ["MAX_NAMES", "LabelFacts", "LabelKind", "LabelPlan", "LabelRule", "LossLabels", "plan_labels", "rule_of"]

Labels = NDArray[Any]

# The most class names that are kept, because the result's JSON holds them.
MAX_NAMES = 10_000
_MAX_NAME_LENGTH = 200
# At most this many different labels are counted; beyond that messages say "more than".
_MAX_DISTINCT = 10_000
_CHUNK_VALUES = 1 << 20
_SHOWN = 6


class LabelKind(StrEnum):
    """What a loss takes as labels; see ``mlcode_executor.frameworks.losses``."""

    CLASSES = "classes"
    BINARY = "binary"
    ONE_HOT = "one_hot"
    SIGNS = "signs"
    NUMBERS = "numbers"
    UNKNOWN = ""


@dataclass(frozen=True)
class LossLabels:
    """What the model's loss takes; ``ignored`` is the label that it leaves out."""

    kind: LabelKind = LabelKind.UNKNOWN
    ignored: int | None = None

    @classmethod
    def from_report(cls, report: Mapping[str, Any]) -> Self:
        """Read the model process's answer to ``describe_loss``; anything unrecognised counts as unknown."""
        kind, ignored = report.get("kind"), report.get("ignored")
        known = kind if isinstance(kind, str) and kind in {label_kind.value for label_kind in LabelKind} else ""
        return cls(LabelKind(known), ignored if isinstance(ignored, int) else None)


@dataclass(frozen=True)
class LabelFacts:
    """Facts about all labels except those that the loss ignores: their ``count``, their range, how many are NaN or
    infinite, and whether the others are whole numbers.
    """

    count: int
    lost: int
    smallest: float
    largest: float
    whole: bool

    @classmethod
    def of(cls, parts: Sequence[Labels], ignored: int | None = None) -> LabelFacts:
        """Scan all labels once, in pieces."""
        count = lost = 0
        smallest, largest, whole = np.inf, -np.inf, True
        for chunk in _chunks(parts, ignored):
            count += len(chunk)
            values = chunk
            if chunk.dtype.kind == "f":
                values = chunk[np.isfinite(chunk)]
                lost += len(chunk) - len(values)
                whole = whole and bool((np.floor(values) == values).all())
            if len(values):
                # The bounds are Python numbers, so that 64-bit integers stay exact.
                smallest, largest = min(smallest, values.min().item()), max(largest, values.max().item())
        return cls(count, lost, smallest, largest, whole)

    @property
    def known(self) -> bool:
        """Whether there is any label that is a number."""
        return self.count > self.lost


@dataclass(frozen=True)
class LabelPlan:
    """How labels are handed to the model. ``values[i]`` is what was sent for class i; None when labels are used as
    sent.

    ``names`` are the names of the classes, empty where the labels are not classes.
    """

    values: NDArray[Any] | None = None
    names: tuple[str, ...] = ()
    ignored: int | None = None
    warnings: list[str] = field(default_factory=list)
    doubts: list[DataMismatch] = field(default_factory=list)

    def write(self, labels: Labels, path: Path) -> np.dtype[Any]:
        """Write ``labels`` as class numbers; returns their type, which is the labels' own where they fit."""
        assert self.values is not None
        dtype = labels.dtype
        if dtype.kind not in "iuf" or (dtype.kind != "f" and np.iinfo(dtype).max < len(self.values)):
            dtype = np.dtype(np.int64)
        with path.open("wb") as file:
            for chunk in _chunks([labels]):
                numbers = np.searchsorted(self.values, chunk).astype(dtype)
                if self.ignored is not None:
                    numbers = np.where(chunk == self.ignored, chunk, numbers).astype(dtype)
                file.write(numbers.data)
        return dtype


def plan_labels(
    parts: Mapping[str, Labels], *, loss: LossLabels, signature: ModelSignature, class_names: Sequence[str] = ()
) -> LabelPlan:
    """Return how the labels of ``parts`` (by the part's name; each (n, *label_shape), numbers) are handed over.

    ``class_names[i]`` is the text that label i stands for, where labels were sent as text. Raises DataMismatch for
    labels that the model's loss cannot learn.
    """
    arrays = [part for part in parts.values() if len(part)]
    shape = arrays[0].shape[1:] if arrays else ()
    outputs = _class_outputs(shape, signature)
    kind = _kind_for(loss.kind, shape, signature)
    ignored = loss.ignored if kind is LabelKind.CLASSES else None
    facts = LabelFacts.of(arrays, ignored)
    if not facts.known and not facts.lost:
        return LabelPlan()
    _refuse_lost(facts, kind)
    warnings = _common_warnings(facts, kind, class_names)
    doubts: list[DataMismatch] = []
    values: Labels | None = None
    names: tuple[str, ...] = ()
    if kind is LabelKind.CLASSES:
        values = _of_classes(arrays, facts, outputs, ignored, class_names)
        names = _names(values, outputs or int(facts.largest) + 1, class_names, arrays[0].dtype)
    elif kind is LabelKind.BINARY:
        values = _of_two(arrays, facts, class_names)
        if facts.whole and _single(signature):
            names = _names(values, 2, class_names, arrays[0].dtype)
    elif kind is LabelKind.ONE_HOT:
        names = tuple(class_names) or _numbers(shape[-1] if len(shape) == 1 else 0)
    elif kind is LabelKind.SIGNS:
        names = ("-1", "1") if facts.smallest == -1 and facts.largest == 1 else tuple(class_names)
    else:
        names = tuple(class_names)
        if not names and facts.whole and outputs and outputs > 1 and 0 <= facts.smallest <= facts.largest < outputs:
            names = _numbers(outputs)
        elif facts.whole and facts.known:
            doubt = label_range_doubt(shape, int(facts.largest), signature)
            doubts = [] if doubt is None else [doubt]
            warnings += [] if class_names else _id_warnings(arrays, facts)
    if values is not None:
        warnings.append(_renumbered(values, names))
    if names and len(shape) <= 1 and facts.whole and kind in (LabelKind.CLASSES, LabelKind.BINARY, LabelKind.UNKNOWN):
        warnings += _unseen(parts, names, values)
    return LabelPlan(values, _bounded(names), ignored, warnings, doubts)


@dataclass(frozen=True, kw_only=True)
class LabelRule:
    """Which labels of an unbounded stream a model can learn. Labels are used as sent.

    Nothing is renumbered, because later labels are not known. ``dtype`` is the type in which they are handed over;
    ``whole`` and the bounds say what they must be; ``names`` are the names of the classes, where known.
    """

    dtype: str
    whole: bool = False
    smallest: float | None = None
    largest: float | None = None
    ignored: int | None = None
    names: tuple[str, ...] = ()

    def wrong(self, labels: Labels) -> NDArray[np.bool_]:
        """Return which samples' labels (n, *label_shape) cannot be learnt; (n,)."""
        bad = np.zeros(labels.shape, np.bool_)
        if self.whole and labels.dtype.kind == "f":
            bad |= np.floor(labels) != labels
        if self.smallest is not None:
            bad |= labels < self.smallest
        if self.largest is not None:
            bad |= labels > self.largest
        if self.ignored is not None:
            bad &= labels != self.ignored
        return np.asarray(bad.any(axis=tuple(range(1, bad.ndim))))

    @property
    def expected(self) -> str:
        """What labels are expected to be, for messages."""
        what = "whole numbers" if self.whole else "numbers"
        if self.smallest is None and self.largest is None:
            return what
        return f"{what} from {self.smallest or 0:g} {'on' if self.largest is None else f'to {self.largest:g}'}"


def rule_of(
    labels: Labels,
    *,
    loss: LossLabels,
    signature: ModelSignature,
    may_be_whole: bool,
    class_names: Sequence[str] = (),
) -> LabelRule:
    """Return the rule for an unbounded stream whose first labels are ``labels`` (n, *label_shape).

    ``class_names[i]`` is the text that label i stands for, where a contract numbered the classes.
    ``may_be_whole``: floats that are all whole stand for whole numbers, as JSON's do. Raises DataMismatch for labels
    that the model's loss cannot learn.
    """
    shape, dtype = labels.shape[1:], labels.dtype
    outputs, kind = _class_outputs(shape, signature), _kind_for(loss.kind, shape, signature)
    facts = LabelFacts.of([labels], loss.ignored if kind is LabelKind.CLASSES else None)
    within = facts.known and facts.whole and bool(outputs) and 0 <= facts.smallest <= facts.largest < (outputs or 0)
    as_whole = "<i8" if dtype.kind == "f" else dtype.str
    rule = LabelRule(dtype=dtype.str)
    if kind is LabelKind.CLASSES:
        largest = None if outputs is None else float(outputs - 1)
        names = _names(None, outputs or 0, class_names, dtype)
        rule = LabelRule(
            dtype=as_whole, whole=True, smallest=0.0, largest=largest, ignored=loss.ignored, names=_bounded(names)
        )
    elif kind is LabelKind.BINARY:
        names = _names(None, 2, class_names, dtype) if facts.whole and _single(signature) else ()
        rule = LabelRule(dtype=dtype.str, smallest=0.0, largest=1.0, names=names)
    elif kind is LabelKind.ONE_HOT:
        rule = LabelRule(dtype=dtype.str, names=_numbers(shape[-1] if len(shape) == 1 else 0))
    elif kind is LabelKind.SIGNS:
        rule = LabelRule(dtype=dtype.str, names=("-1", "1") if facts.smallest == -1 and facts.largest == 1 else ())
    elif kind is LabelKind.UNKNOWN:
        # The user's own loss may take whole numbers as classes, which frameworks want as integers.
        whole = may_be_whole and facts.known and facts.whole
        names = _numbers(outputs) if within and outputs and outputs > 1 and not class_names else tuple(class_names)
        rule = LabelRule(dtype=as_whole if whole else dtype.str, whole=whole, names=names)
    wrong = rule.wrong(labels)
    if wrong.any():
        raise DataMismatch(
            f"the stream's first labels go from {facts.smallest:g} to {facts.largest:g}"
            f"{'' if facts.whole else ', with fractions'}: the model's loss takes {rule.expected}",
            hint="of a stream without end the classes cannot be numbered before all of them came: send the number of "
            f"each label's class, from 0 on; {KEY_IS_LABEL}",
        )
    return rule


def _kind_for(kind: LabelKind, shape: tuple[int, ...], signature: ModelSignature) -> LabelKind:
    """Return the rule for PyTorch's losses over classes, which also take a probability per class."""
    ((_, output),) = signature.outputs.items() if len(signature.outputs) == 1 else (("", ()),)
    if kind is LabelKind.CLASSES and not signature.exact and shape and shape == output and output[0] != 1:
        return LabelKind.ONE_HOT
    return kind


def _class_outputs(shape: tuple[int, ...], signature: ModelSignature) -> int | None:
    """Return the model's number of outputs over classes: Keras has them last, PyTorch first. None when unknown."""
    if len(signature.outputs) != 1:
        return None
    ((_, output),) = signature.outputs.items()
    if not output or (len(output) == 1 and shape not in ((), (1,))):
        return None
    return output[-1 if signature.exact else 0]


def _single(signature: ModelSignature) -> bool:
    """Whether the model answers with one number for each sample."""
    return [tuple(output) for output in signature.outputs.values()] in ([(1,)], [()])


def _refuse_lost(facts: LabelFacts, kind: LabelKind) -> None:
    if not facts.lost:
        return
    text = f"{facts.lost} of the stream's {facts.count} labels are NaN or infinite"
    # The user's own loss may ignore labels that are not finite.
    if kind is not LabelKind.UNKNOWN or not facts.known:
        raise DataMismatch(
            f"{text}: the loss, and with it every weight, would not be a number after the first of them",
            hint="leave these samples out, or send the labels that they should have",
        )


def _common_warnings(facts: LabelFacts, kind: LabelKind, class_names: Sequence[str]) -> list[str]:
    warnings = []
    if facts.lost:
        warnings.append(
            f"{facts.lost} of the stream's {facts.count} labels are NaN or infinite: does the loss expect it?"
        )
    if facts.known and facts.smallest == facts.largest and facts.count > 1:
        label = class_names[int(facts.largest)] if class_names else f"{facts.largest:g}"
        warnings.append(
            f"all {facts.count} labels are the same, {label}: there is nothing to tell apart; a sample's label is its "
            "record's key"
        )
    if class_names and kind is LabelKind.NUMBERS:
        warnings.append(
            f"the labels were sent as text ({_shown(class_names)}), each of which stands for a number from 0 on: the "
            "model's loss takes them as quantities, not as classes"
        )
    if doubt := text_doubt(class_names):
        warnings.append(doubt)
    return warnings


def _of_classes(
    arrays: Sequence[Labels], facts: LabelFacts, outputs: int | None, ignored: int | None, class_names: Sequence[str]
) -> Labels | None:
    """Return the labels as sent, in the order of their classes; None where they are class numbers already."""
    if not facts.whole:
        raise DataMismatch(
            f"the stream's labels are numbers between {facts.smallest:g} and {facts.largest:g} with fractions: the "
            "model's loss takes numbers of classes",
            hint="to learn a quantity, use a loss such as mean squared error and one output; for classes send whole "
            "numbers or names",
        )
    if outputs is None or (facts.smallest >= 0 and facts.largest < outputs):
        if facts.smallest < 0:
            raise DataMismatch(
                f"the stream's labels begin at {int(facts.smallest)}: the model's loss takes classes from 0 on",
                hint="number the classes from 0",
            )
        return None
    if facts.smallest >= 1 and facts.largest == outputs:
        # The labels are counted from one. A class that these samples lack keeps its place.
        return np.arange(1, outputs + 1)
    values = _distinct(arrays, ignored, most=_MAX_DISTINCT)
    if len(values) > outputs or outputs == 1:
        raise _too_many(values, facts, outputs, class_names)
    return values


def _too_many(values: Labels, facts: LabelFacts, outputs: int, class_names: Sequence[str]) -> DataMismatch:
    different = f"more than {_MAX_DISTINCT}" if len(values) > _MAX_DISTINCT else str(len(values))
    units = max(len(values), 2)
    what = (
        f"the stream's labels are {different} different texts ({_shown(class_names)})"
        if class_names
        else f"the stream's labels go up to {int(facts.largest)}, {different} different ones ({_shown(_texts(values))})"
    )
    return DataMismatch(
        f"{what}: the model has {outputs} output{'s, for as many classes' if outputs > 1 else ', for a single class'}",
        hint=f"give the model's last layer {units} units, one for each class"
        + (", or one unit with a binary crossentropy" if units == 2 else f"; {KEY_IS_LABEL}"),
    )


def _of_two(arrays: Sequence[Labels], facts: LabelFacts, class_names: Sequence[str]) -> Labels | None:
    """Like ``_of_classes``, for a loss that takes 0, 1 and probabilities between them."""
    if facts.smallest >= 0 and facts.largest <= 1:
        return None
    values = _distinct(arrays, None, most=_MAX_DISTINCT)
    if facts.whole and len(values) == 2 and not class_names:
        return values
    if class_names:
        what = f"are {len(values)} different texts ({_shown(class_names)})"
    elif facts.whole:
        different = f"more than {_MAX_DISTINCT}" if len(values) > _MAX_DISTINCT else str(len(values))
        what = f"go from {int(facts.smallest)} to {int(facts.largest)}, {different} different ones"
    else:
        what = f"are numbers between {facts.smallest:g} and {facts.largest:g}"
    raise DataMismatch(
        f"the stream's labels {what}: the model's loss, a binary crossentropy, takes the two classes 0 and 1",
        hint="for more classes give the last layer a unit for each and use a categorical crossentropy; for quantities "
        f"use a loss such as mean squared error; {KEY_IS_LABEL}",
    )


def _id_warnings(arrays: Sequence[Labels], facts: LabelFacts) -> list[str]:
    if facts.lost or facts.smallest < 0 or facts.smallest == facts.largest or any(array.ndim > 2 for array in arrays):
        return []
    values = _distinct(arrays, None, most=_MAX_DISTINCT)
    doubt = number_doubt([int(value) for value in values], facts.count)
    return [doubt] if doubt else []


def _unseen(parts: Mapping[str, Labels], names: Sequence[str], values: Labels | None) -> list[str]:
    """Return a warning about classes that appear in validation or test but not in training."""
    present = {part: _present(labels, len(names), values) for part, labels in parts.items()}
    warnings = []
    for part, seen in present.items():
        missing = np.flatnonzero(seen & ~present["training"])
        if part != "training" and len(missing):
            shown = _shown([names[int(index)] for index in missing])
            one = len(missing) == 1
            warnings.append(
                f"{'a class is' if one else f'{len(missing)} classes are'} among the {part} samples that none of the "
                f"training samples {'has' if one else 'have'}: {shown}"
            )
    return warnings


def _present(labels: Labels, classes: int, values: Labels | None) -> NDArray[np.bool_]:
    """Return for each class whether any label has it; (classes,)."""
    present = np.zeros(classes, np.bool_)
    for chunk in _chunks([labels]):
        finite = chunk[np.isfinite(chunk)] if chunk.dtype.kind == "f" else chunk
        numbers = finite if values is None else np.searchsorted(values, finite)
        present[numbers[(numbers >= 0) & (numbers < classes)].astype(np.int64)] = True
    return present


def _distinct(arrays: Sequence[Labels], ignored: int | None, *, most: int) -> Labels:
    """Return the distinct values, sorted; stops somewhat above ``most`` where there are more."""
    found: Labels | None = None
    for chunk in _chunks(arrays, ignored):
        unique = np.unique(chunk)
        found = unique if found is None else np.union1d(found, unique)
        if len(found) > most:
            break
    assert found is not None
    return found[: most + 1]


def _names(values: Labels | None, classes: int, class_names: Sequence[str], dtype: np.dtype[Any]) -> tuple[str, ...]:
    """Return a name for each of ``classes`` outputs; outputs without a label are named after their index."""
    if values is not None:
        names = _texts(values)
    elif class_names:
        names = tuple(class_names)
    elif dtype.kind == "b":
        names = ("False", "True")
    else:
        return _numbers(classes)
    return (*names, *(f"output {place}" for place in range(len(names), min(classes, MAX_NAMES))))


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count))) if count <= MAX_NAMES else ()


def _texts(values: Labels) -> tuple[str, ...]:
    return tuple(str(int(value)) for value in values)


def _bounded(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name[:_MAX_NAME_LENGTH] for name in names) if len(names) <= MAX_NAMES else ()


def _renumbered(values: Labels, names: Sequence[str]) -> str:
    numbers = _shown([str(place) for place in range(len(values))])
    return (
        f"the labels are {_shown(names[: len(values)])}, and models number the classes from 0: they are taken as "
        f"{numbers}, their names are kept"
    )


def _shown(names: Sequence[str]) -> str:
    if len(names) <= _SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[: _SHOWN - 1])}, ... {names[-1]}"


def _chunks(arrays: Sequence[Labels], ignored: int | None = None) -> Iterator[Labels]:
    """Iterate over label values in flat pieces, without the ``ignored`` one."""
    for array in arrays:
        flat = array.reshape(-1)
        for start in range(0, len(flat), _CHUNK_VALUES):
            chunk = flat[start : start + _CHUNK_VALUES]
            yield chunk if ignored is None else chunk[chunk != ignored]
