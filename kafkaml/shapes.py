"""Checks whether samples and model fit together: when a training is set up, and before each training.

Frameworks fail late here and in their own words, or broadcast and train nonsense. Certain mismatches are refused. Where
a model may be right after all (a custom loss, a PyTorch model that does not begin with its first layer) there is a
*doubt*: the reason to give if training fails, a warning if it does not. A missing or superfluous axis of size 1 at
either end, as between images (28, 28) and an input (28, 28, 1) of Keras or (1, 28, 28) of PyTorch, is fixed by a view;
nothing else is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kafkaml.dtypes import shape_to_wire, shapes_up_to_unit_axis
from kafkaml.errors import RefusedError

__all__ = [
    "DataMismatch",
    "ModelSignature",
    "Shape",
    "check_inputs",
    "fit_feature_shape",
    "fits",
    "label_range_doubt",
    "label_shape_doubt",
    "shape_text",
    "shapes_of",
]

# Shape of one sample, without the batch axis; None is a size that is not fixed.
Shape = tuple[int | None, ...]


class DataMismatch(RefusedError):
    """The stream's samples or labels are not what the model takes."""


@dataclass(frozen=True)
class ModelSignature:
    """Shapes per sample (without the batch axis; None: any size) of the model's inputs and outputs, by name.

    Shapes are empty where the framework does not know them before it sees data. Keras knows its inputs (``exact``). For
    a PyTorch model they come from its first layer, which may take samples with more axes or flatten them. ``names`` are
    the names of all inputs, including inputs of unknown shape. ``proven`` says that the model was seen to take vectors
    of no other length.
    """

    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    exact: bool = True
    names: tuple[str, ...] = ()
    proven: bool = False

    @classmethod
    def from_report(cls, report: Mapping[str, Any], *, exact: bool) -> ModelSignature:
        """Read the ``inputs`` and ``outputs`` of the model process's answer to ``build``."""
        inputs = report.get("inputs") or ()
        names = tuple(str(name.get("name") or index) for index, name in enumerate(inputs))
        proven = report.get("proven") is True
        return cls(shapes_of(inputs), shapes_of(report.get("outputs")), exact, names, proven)

    def with_outputs(self, described: Sequence[Mapping[str, Any]] | None) -> ModelSignature:
        """Return the same signature with the outputs ``described``, unless it already has outputs."""
        return self if self.outputs else replace(self, outputs=shapes_of(described))


def shapes_of(described: Sequence[Mapping[str, Any]] | None) -> dict[str, Shape]:
    """Return the shapes of one sample, by name, of inputs or outputs as the model process describes them."""
    # An unknown rank is null instead of a list, so there is nothing to compare with.
    known = [tensor for tensor in described or () if tensor.get("shape")]
    return {str(tensor.get("name") or index): tuple(tensor["shape"][1:]) for index, tensor in enumerate(known)}


def fit_feature_shape(
    sample: tuple[int, ...], signature: ModelSignature
) -> tuple[tuple[int, ...], DataMismatch | None]:
    """Return the shape in which to hand samples of shape ``sample`` to the model, and a doubt about it.

    The shape is the same except for an axis of size 1. Raises DataMismatch when the model takes several inputs or, as
    far as can be known, another shape.
    """
    if len(signature.names) > 1 or len(signature.inputs) > 1:
        names = signature.names or tuple(signature.inputs)
        raise DataMismatch(
            f"the model has {len(names)} inputs ({', '.join(names)}): the samples are one array",
            hint="name the inputs in the columns of a data set's contract; or give the model one input and split it "
            "inside",
        )
    if not signature.inputs:
        return sample, None
    ((name, expected),) = signature.inputs.items()
    for candidate in shapes_up_to_unit_axis(sample):
        if _matches(candidate, expected):
            # Where only the first layer is known, code before it may add the axis itself, which the process will find
            # out.
            added = bool(sample) and len(candidate) > len(sample)
            return (sample if added and not signature.exact else candidate), None
    same_size = None not in expected and math.prod(sample) == math.prod(size or 1 for size in expected)
    # The process may move the channel axis of images to the front, as PyTorch's convolutions want it.
    moved = len(sample) == 3 and _matches((sample[-1], *sample[:-1]), expected)
    if not signature.exact and (same_size or moved or (len(expected) == 1 and sample[-1:] == expected)):
        return sample, None
    mismatch = DataMismatch(
        f"the stream's samples have the shape {shape_text(sample)}: the model's input {name!r} expects "
        f"{shape_text(expected)}",
        hint=f"set data_reshape to '{shape_to_wire([size or 1 for size in expected])}' in the sink: the number of "
        "elements is the same"
        if same_size
        else f"give the model an input of shape {shape_text(sample)}, or send samples of shape {shape_text(expected)}",
    )
    if signature.exact:
        raise mismatch
    return sample, mismatch


def check_inputs(given: Mapping[str, Shape], signature: ModelSignature) -> None:
    """Raise DataMismatch unless the model takes samples of several inputs, whose names and shapes are ``given``."""
    names = signature.names
    if names and (set(names) - set(given) or (signature.exact and len(names) < len(given))):
        raise DataMismatch(
            f"the data set's contract has the inputs {', '.join(given)}: the model's are {', '.join(names)}",
            hint="give both the same names: those of the contract's columns, and of keras.Input(..., name=...) or of "
            "forward's arguments",
        )
    for name, expected in signature.inputs.items():
        if not signature.exact or fits(given[name], expected):
            continue
        raise DataMismatch(
            f"the contract's input {name!r} has the shape {shape_text(given[name])}: the model expects "
            f"{shape_text(expected)}",
            hint=f"give the model an input of shape {shape_text(given[name])}, or the contract other columns for it",
        )


def label_shape_doubt(label: tuple[int, ...], signature: ModelSignature) -> DataMismatch | None:
    """Return a doubt when labels of shape ``label`` do not fit any usual loss over the model's output.

    For an output (..., k), losses usually take labels of the same shape, or numbers of classes: the shape without the
    last axis, or with 1 there.
    """
    if len(signature.outputs) != 1:
        return None
    ((name, output),) = signature.outputs.items()
    if any(_matches(label, shape) for shape in (output, output[:-1], (*output[:-1], 1), (*output, 1))):
        return None
    return DataMismatch(
        f"the stream's labels have the shape {shape_text(label)}: the model's output {name!r} has "
        f"{shape_text(output)}, for which labels of shape {shape_text(output)} or {shape_text(output[:-1])} can be "
        "used",
        hint="set label_reshape in the sink, or change the size of the model's last layer",
    )


def label_range_doubt(label: tuple[int, ...], largest: int, signature: ModelSignature) -> DataMismatch | None:
    """Return a doubt when ``largest``, the greatest integer label, is not a class of the model's output."""
    if len(signature.outputs) != 1 or label not in ((), (1,)):
        return None
    ((_, output),) = signature.outputs.items()
    classes = output[0] if len(output) == 1 else None
    if classes is None or classes < 2 or largest < classes:
        return None
    return DataMismatch(
        f"the stream's labels go up to {largest}: the model has {classes} outputs, for the classes 0 to {classes - 1}",
        hint=f"give the model's last layer {largest + 1} units, or number the classes from 0",
    )


def fits(shape: Shape, expected: Shape) -> bool:
    """Whether two shapes may be the same; an unknown size equals any other."""
    return len(shape) == len(expected) and all(
        None in (one, other) or one == other for one, other in zip(shape, expected, strict=True)
    )


def _matches(shape: tuple[int, ...], expected: Shape) -> bool:
    return len(shape) == len(expected) and all(
        want is None or want == got for got, want in zip(shape, expected, strict=True)
    )


def shape_text(shape: Shape) -> str:
    """Return a shape as text: ``(28, any)``."""
    return f"({', '.join('any' if size is None else str(size) for size in shape)}{',' if len(shape) == 1 else ''})"
