"""Do the stream and the model fit together? Asked by the runner after building the model and before training it.

Frameworks fail late here and in their own words, or broadcast and train nonsense. A missing or superfluous last axis
of size 1, as between images (28, 28) and an input (28, 28, 1), is mended by a view; nothing else is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafkaml.dtypes import shape_to_wire
from kafkaml.errors import RefusedError

__all__ = ["DataMismatch", "ModelSignature", "check_label_range", "check_label_shape", "fit_feature_shape"]

Shape = tuple[int | None, ...]


class DataMismatch(RefusedError):
    """The stream's samples or labels are not what the model takes."""


@dataclass(frozen=True)
class ModelSignature:
    """Shapes per sample (without the batch axis; None: any size) of the model's inputs and outputs, by name.

    Empty where the framework cannot tell before it sees data, as PyTorch often cannot.
    """

    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]

    @classmethod
    def from_report(cls, report: Mapping[str, Any]) -> ModelSignature:
        """Read the ``inputs`` and ``outputs`` of the model process's answer to ``build``."""
        return cls(inputs=_shapes(report.get("inputs")), outputs=_shapes(report.get("outputs")))


def _shapes(described: Sequence[Mapping[str, Any]] | None) -> dict[str, Shape]:
    # An unknown rank is written as null instead of a list; then there is nothing to compare with.
    known = [each for each in described or () if each.get("shape")]
    return {str(each.get("name") or index): tuple(each["shape"][1:]) for index, each in enumerate(known)}


def fit_feature_shape(sample: tuple[int, ...], signature: ModelSignature) -> tuple[int, ...]:
    """Return the shape in which to hand samples of shape ``sample`` to the model: the same, or one last axis changed.

    Raises DataMismatch when the model takes several inputs or another shape.
    """
    if not signature.inputs:
        return sample
    if len(signature.inputs) > 1:
        raise DataMismatch(
            f"the model has {len(signature.inputs)} inputs ({', '.join(signature.inputs)}): a stream carries one array "
            "of features per record",
            hint="give the model one Input and split it inside the model",
        )
    ((name, expected),) = signature.inputs.items()
    for candidate in (sample, (*sample, 1), sample[:-1] if sample[-1:] == (1,) else sample):
        if _matches(candidate, expected):
            return candidate
    same_size = None not in expected and math.prod(sample) == math.prod(size or 1 for size in expected)
    raise DataMismatch(
        f"the stream's samples have the shape {_text(sample)}: the model's input {name!r} expects {_text(expected)}",
        hint=f"set data_reshape to '{shape_to_wire([size or 1 for size in expected])}' in the sink: the number of "
        "elements is the same"
        if same_size
        else f"give the model an Input of shape {_text(sample)}, or send samples of shape {_text(expected)}",
    )


def check_label_shape(label: tuple[int, ...], signature: ModelSignature) -> None:
    """Raise DataMismatch when labels of shape ``label`` can belong to no usual loss over the model's output.

    Accepted for an output (..., k): the same shape, or without the last axis or with 1 there (numbers of classes).
    """
    if len(signature.outputs) != 1:
        return
    ((name, output),) = signature.outputs.items()
    if any(_matches(label, each) for each in (output, output[:-1], (*output[:-1], 1), (*output, 1))):
        return
    raise DataMismatch(
        f"the stream's labels have the shape {_text(label)}: the model's output {name!r} has {_text(output)}, for "
        f"which labels of shape {_text(output)} or {_text(output[:-1])} can be used",
        hint="set label_reshape in the sink, or change the size of the model's last layer",
    )


def check_label_range(label: tuple[int, ...], largest: int, signature: ModelSignature) -> None:
    """Raise DataMismatch when ``largest``, the greatest whole-number label, is no class of the model's output."""
    if len(signature.outputs) != 1 or label not in ((), (1,)):
        return
    ((_, output),) = signature.outputs.items()
    classes = output[0] if len(output) == 1 else None
    if classes is not None and classes > 1 and largest >= classes:
        raise DataMismatch(
            f"the stream's labels go up to {largest}: the model has {classes} outputs, for the classes 0 to "
            f"{classes - 1}",
            hint=f"give the model's last layer {largest + 1} units, or number the classes from 0",
        )


def _matches(shape: tuple[int, ...], expected: Shape) -> bool:
    return len(shape) == len(expected) and all(
        want is None or want == got for got, want in zip(shape, expected, strict=True)
    )


def _text(shape: Shape) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)}{',' if len(shape) == 1 else ''})"
