"""A Keras model's outputs in the order in which the model declares them, and which labels belong to which.

A stream carries one array of labels per record. Each of several outputs takes its own columns: one for class numbers,
otherwise as many as it has units. The order is never alphabetical, although Keras sorts dictionaries that way.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafkaml.errors import DecodeError, UserCodeError

__all__ = ["LabelPlan", "Output", "check_by_name", "column_note", "declared_outputs", "flat", "plan_labels"]


@dataclass(frozen=True)
class Output:
    """One output. ``width`` is its number of units, None where it is not a vector.

    ``columns`` lists how many columns of labels its loss may take, the likeliest first; empty without a loss.
    """

    name: str
    width: int | None
    columns: tuple[int, ...]

    @property
    def wants(self) -> str:
        """A description of the output's labels, for messages."""
        if not self.columns:
            return f"{self.name!r} none (it has no loss)"
        count = self.columns[0]
        kind = " (the number of a class)" if count == 1 != self.width else ""
        return f"{self.name!r} {count}{kind}"


@dataclass(frozen=True)
class LabelPlan:
    """How one tensor of labels becomes the targets of all outputs.

    ``columns`` holds (first, end) for each output, None where every output gets all labels.
    """

    structure: Any
    columns: Sequence[tuple[int, int]] | None
    warnings: Sequence[str] = ()

    def targets(self, labels: Any) -> Any:
        """Return labels (batch, ...) in the structure of the model's outputs."""
        if self.structure is None:
            return labels
        count = sum(1 for _ in flat(self.structure))
        if self.columns is None:
            return _packed(self.structure, iter([labels] * count))
        return _packed(self.structure, iter([labels[:, first:end] for first, end in self.columns]))


def flat(structure: Any) -> Iterator[Any]:
    """Yield the leaves of nested dictionaries, lists and tuples in the order in which they were written."""
    if isinstance(structure, Mapping):
        structure = structure.values()
    elif not isinstance(structure, (list, tuple)):
        yield structure
        return
    for part in structure:
        yield from flat(part)


def declared_outputs(model: Any, structure: Any = None) -> list[Output]:
    """Return the outputs of ``model``; ``structure`` is an answer of it, for models that declare none."""
    structure = _structure(model) if structure is None else structure
    if structure is None:
        return []
    leaves = list(flat(structure))
    names = _names(structure, leaves)
    losses = _by_output(getattr(model, "loss", None), names)
    return [
        Output(name, width, () if loss is None else _columns(loss, width))
        for name, width, loss in zip(names, map(_width, leaves), losses, strict=True)
    ]


def plan_labels(model: Any, label_shape: tuple[int, ...], structure: Any = None) -> LabelPlan:
    """Assign the columns of labels with ``label_shape`` (per record) to outputs. Raises DecodeError when
    nothing fits.
    """
    structure = _structure(model) if structure is None else structure
    outputs = declared_outputs(model, structure)
    if len(outputs) < 2:
        return LabelPlan(None, None)
    taking = [output for output in outputs if output.columns]
    if len(label_shape) > 1 or any(output.width is None for output in taking):
        return LabelPlan(structure, None)
    count = label_shape[0] if label_shape else 1
    if label_shape and (counts := _counts(outputs, count)):
        ends = list(itertools.accumulate(counts))
        return LabelPlan(structure, [(end - count, end) for count, end in zip(counts, ends, strict=True)])
    alike = {(output.columns, output.width) for output in taking}
    if len(alike) == 1 and count in taking[0].columns:
        names = ", ".join(repr(output.name) for output in taking)
        return LabelPlan(structure, None, [f"the outputs {names} all learn from the same labels"] * (len(taking) > 1))
    needed = sum(output.columns[0] for output in taking)
    raise DecodeError(
        f"the labels hold {count} number{'s' * (count != 1)} for each record: the model's outputs take {needed}, in "
        f"this order: {', '.join(output.wants for output in outputs)}",
        hint=f"send labels of {needed} numbers (label_reshape '{needed}'), or change the model's outputs",
    )


def column_note(outputs: Sequence[Output]) -> str:
    """Describe which columns of the labels several outputs take; empty while unknown."""
    if (
        len(outputs) < 2
        or any(output.width is None for output in outputs)
        or not any(output.columns for output in outputs)
    ):
        return ""
    parts, column = [], 0
    for output in outputs:
        if output.columns:
            last = column + output.columns[0] - 1
            kind = " (the number of a class)" if output.columns[0] == 1 != output.width else ""
            parts.append(f"{column if last == column else f'{column} to {last}'} to {output.name!r}{kind}")
            column = last + 1
    numbers = f"{column} number{'s' * (column != 1)}"
    return f"labels are {numbers} for each record; columns go to the outputs: {', '.join(parts)}"


def check_by_name(model: Any, structure: Any = None) -> None:
    """Raise UserCodeError when losses or metrics are not structured like the outputs.

    Keras would pair a list with a dictionary of outputs alphabetically, and find unknown names only when training
    begins.
    """
    structure = _structure(model) if structure is None else structure
    leaves = [] if structure is None else list(flat(structure))
    if len(leaves) < 2:
        return
    names = _names(structure, leaves)
    known = {*names, *(getattr(model, "output_names", None) or ())}
    metrics = getattr(getattr(model, "_compile_metrics", None), "_user_metrics", None)
    for what, given in (("loss", model.loss), ("metrics", metrics)):
        if isinstance(given, Mapping):
            if unknown := [name for name in given if name not in known]:
                raise UserCodeError(
                    f"{what} names the output {unknown[0]!r}: the model has {', '.join(names)}",
                    kind="invalid",
                    hint="give the output layer this name: Dense(..., name=...)",
                )
        elif isinstance(given, (list, tuple)) and what == "loss":
            if isinstance(structure, Mapping):
                raise UserCodeError(
                    f"the outputs are a dictionary ({', '.join(names)}), but the {what} is a list: which belongs to "
                    "which is not said",
                    kind="invalid",
                    hint=f"write {what}={{{names[0]!r}: ..., {names[1]!r}: ...}}",
                )
            if len(given) != len(leaves):
                raise UserCodeError(
                    f"the {what} is a list of {len(given)}: the model has {len(leaves)} outputs ({', '.join(names)})",
                    kind="invalid",
                    hint="give one loss for each output, in their order, None where there is none",
                )


def _structure(model: Any) -> Any:
    return getattr(model, "_outputs_struct", None)


def _names(structure: Any, leaves: Sequence[Any]) -> list[str]:
    if isinstance(structure, Mapping) and len(structure) == len(leaves):
        return [str(name) for name in structure]
    histories = [getattr(leaf, "_keras_history", None) for leaf in leaves]
    return [
        f"output_{index}" if history is None else str(history.operation.name) for index, history in enumerate(histories)
    ]


def _width(leaf: Any) -> int | None:
    return int(leaf.shape[1]) if len(leaf.shape) == 2 and leaf.shape[1] is not None else None


def _by_output(loss: Any, names: Sequence[str]) -> list[Any]:
    if isinstance(loss, Mapping):
        return [loss.get(name) for name in names]
    if isinstance(loss, (list, tuple)):
        return [*loss, *[None] * len(names)][: len(names)]
    return [loss] * len(names)


def _columns(loss: Any, width: int | None) -> tuple[int, ...]:
    units = 1 if width is None else width
    name = loss if isinstance(loss, str) else _name(loss)
    if "sparse" in name.lower():
        return (1,)
    if isinstance(loss, str) or _is_of_keras(loss):
        return (units,)
    # The user's own loss may take values per unit or a class number.
    return tuple(dict.fromkeys((units, 1)))


def _name(loss: Any) -> str:
    function = getattr(loss, "fn", loss)
    return f"{type(loss).__name__} {getattr(function, '__name__', '')}"


def _is_of_keras(loss: Any) -> bool:
    function = getattr(loss, "fn", loss)
    module = getattr(function, "__module__", None) or type(function).__module__
    return module.startswith("keras.")


def _counts(outputs: Sequence[Output], total: int) -> tuple[int, ...] | None:
    """Return how many columns each output takes so that all are used; None when that is impossible."""
    choices: Iterable[tuple[int, ...]] = itertools.product(*(output.columns or (0,) for output in outputs))
    return next((choice for choice in choices if sum(choice) == total), None)


def _packed(structure: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(structure, Mapping):
        return {name: _packed(part, leaves) for name, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_packed(part, leaves) for part in structure]
    return next(leaves)
