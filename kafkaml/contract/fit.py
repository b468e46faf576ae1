"""Checks whether a model can learn by a contract: when a training is set up, and again before its first epoch.

Only the training part shows the vocabularies, and so the width of one-hot columns and the number of classes. The
training therefore checks again with what it learnt. Pure; imports no Polars.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from kafkaml.contract.errors import Problem
from kafkaml.errors import RefusedError
from kafkaml.shapes import DataMismatch, ModelSignature, Shape, check_inputs, fits, label_shape_doubt, shape_text
from kafkaml.wire.contract import Column, Contract, Encoding, FieldKind, LabelKind, SplitBy

__all__ = ["asks_for_classes", "check_contract", "declared_shapes", "endless_problems"]

# The kinds of labels that losses take; see ``mlcode_executor.frameworks.losses``.
_BINARY, _ONE_HOT, _NUMBERS, _CLASSES, _UNKNOWN = "binary", "one_hot", "numbers", "classes", ""
_SHOWN = 6


def declared_shapes(contract: Contract) -> dict[str, Shape]:
    """Return the shape of one sample of each input, None for sizes that only the training part shows."""
    window: Shape = () if contract.window is None else (contract.window.length,)
    shapes: dict[str, Shape] = {}
    for name in dict.fromkeys(column.input for column in contract.columns):
        columns = [column for column in contract.columns if column.input == name]
        if len(columns) == 1 and columns[0].encoding in (Encoding.NUMBERS, Encoding.IMAGE):
            shapes[name] = (*window, *columns[0].shape)
        else:
            widths = [_width(column) for column in columns]
            shapes[name] = (*window, None if None in widths else sum(width or 0 for width in widths))
    return shapes


def endless_problems(contract: Contract) -> list[Problem]:
    """Return the parts of a contract that a data set without end cannot have."""
    window, problems = contract.window, list[Problem]()
    if window is not None and window.horizon:
        problems.append(
            Problem(
                ("window", "horizon"),
                RefusedError(
                    "a forecast of a stream without end would wait for labels that are still to come: expected 0",
                    hint="a data set with an end learns forecasts",
                ),
            )
        )
    if window is not None and contract.split != SplitBy.KEY:
        problems.append(
            Problem(
                ("split",),
                RefusedError(
                    "windows go on from one part of a stream without end to the next: by time or content some records "
                    "would be in windows that train and in ones that validate",
                    hint="split by key: the windows of a key all train, or all validate",
                ),
            )
        )
    return problems


def check_contract(
    contract: Contract,
    signature: ModelSignature,
    loss: str,
    *,
    features_are_targets: bool = False,
    shapes: Mapping[str, Shape] | None = None,
    classes: Sequence[str] | None = None,
) -> None:
    """Raise DataMismatch where the model of ``signature`` cannot learn by the contract.

    ``loss`` is the kind of labels that its loss takes, empty when unknown. ``shapes`` of samples, by input, and
    ``classes`` come from the training part or from some records; None when not known yet.
    """
    shapes = shapes or declared_shapes(contract)
    if len(shapes) > 1:
        check_inputs(shapes, signature)
    else:
        _check_sample(contract, next(iter(shapes.values())), signature)
    if features_are_targets or len(signature.outputs) > 1:
        return
    if contract.labels:
        _check_labels(contract, signature, loss, _known_classes(contract) if classes is None else classes)
    elif loss not in (_UNKNOWN, _NUMBERS, _BINARY):
        raise DataMismatch(
            "the contract names no label, and the model's loss learns classes",
            hint="name the label in the data set's contract",
        )


def asks_for_classes(contract: Contract, signature: ModelSignature, loss: str) -> bool:
    """Whether the model of ``signature`` may have too few outputs for the classes of the label, which the kind of the
    field does not limit.
    """
    outputs = list(signature.outputs.values())
    return (
        loss in (_BINARY, _CLASSES)
        and len(outputs) == 1
        and len(outputs[0]) == 1
        and outputs[0][0] is not None
        and bool(contract.labels)
        and contract.labels[0].kind == LabelKind.CLASS
        and _known_classes(contract) is None
    )


def _width(column: Column) -> int | None:
    return None if column.encoding == Encoding.ONE_HOT else math.prod(column.shape)


def _check_sample(contract: Contract, sample: Shape, signature: ModelSignature) -> None:
    if len(signature.names) > 1:
        raise DataMismatch(
            f"the model has {len(signature.names)} inputs ({', '.join(signature.names)}): the contract's columns name "
            "none, and are one array side by side",
            hint="say in each column of the contract which input it goes to; or give the model one input",
        )
    if len(signature.inputs) != 1:
        return
    ((name, expected),) = signature.inputs.items()
    if not signature.exact and not (signature.proven and len(sample) == len(expected) == 1):
        return
    forms = {sample, (*sample, 1), (1, *sample)}
    forms |= {sample[:-1]} if sample[-1:] == (1,) else set()
    forms |= {sample[1:]} if sample[:1] == (1,) else set()
    if any(fits(form, expected) for form in forms):
        return
    columns = [column.name for column in contract.columns]
    made = f"{len(columns)} column{'' if len(columns) == 1 else 's'} ({_some(columns)})"
    if contract.window is not None:
        made += f" in windows of {contract.window.length} records"
    raise DataMismatch(
        f"the contract makes samples of the shape {shape_text(sample)}, {made}: the model's input {name!r} takes "
        f"{shape_text(expected)}",
        hint=f"give the model an input of shape {shape_text(sample)}"
        + (", such as an LSTM or Conv1D takes," if contract.window is not None and len(expected) == 1 else "")
        + f" or the contract samples of {shape_text(expected)}",
    )


def _check_labels(contract: Contract, signature: ModelSignature, loss: str, classes: Sequence[str] | None) -> None:
    labels = contract.labels
    output = next(iter(signature.outputs.values()), None)
    if labels[0].kind == LabelKind.CLASS:
        _check_classes(labels[0].name, output, loss, classes)
        return
    names = _some([label.name for label in labels])
    shape: Shape = () if len(labels) == 1 else (len(labels),)
    doubt = label_shape_doubt(tuple(size or 0 for size in shape), signature)
    alone = output is not None and len(output) == 1 and output[0] not in (None, 1)
    if loss != _UNKNOWN and (doubt is not None or (loss == _NUMBERS and len(labels) == 1 and alone)):
        assert output is not None
        raise DataMismatch(
            f"the contract has {len(labels)} label{'' if len(labels) == 1 else 's'} to learn ({names}): the model's "
            f"output has the shape {shape_text(output)}",
            hint=f"give the model's last layer {len(labels)} unit{'' if len(labels) == 1 else 's'}, or the contract as "
            "many labels as it has",
        )


def _check_classes(label: str, output: Shape | None, loss: str, classes: Sequence[str] | None) -> None:
    if loss == _ONE_HOT:
        raise DataMismatch(
            f"the contract's label {label!r} is the number of a class: the model's loss takes a row for each sample, "
            "with a 1 at its class",
            hint="use the loss for numbers of classes, in Keras sparse_categorical_crossentropy",
        )
    units = output[-1] if output is not None and len(output) == 1 else None
    if classes is None or units is None:
        return
    count = len(classes)
    what = f"the contract's label {label!r} has {count} classes ({_some(classes)}): the model has {units} output"
    what += "" if units == 1 else "s"
    if loss == _BINARY and units == 1 and count > 2:
        raise DataMismatch(
            f"{what} and a binary crossentropy, for two classes",
            hint=f"give the last layer {count} units and use a categorical crossentropy",
        )
    if loss == _CLASSES and count > units:
        raise DataMismatch(
            f"{what}, {'for a single class' if units == 1 else 'one for each class'}",
            hint=f"give the last layer {count} units"
            + (", or keep one unit and use a binary crossentropy" if units == 1 and count == 2 else ""),
        )


def _known_classes(contract: Contract) -> Sequence[str] | None:
    """Return the classes that any record can have, where the kind of the label's field limits them."""
    label = contract.labels[0]
    if label.classes:
        return label.classes
    for field in contract.fields:
        if ".".join(field.path) == label.expression.strip() and field.kind == FieldKind.BOOLEAN:
            return ("false", "true")
    return None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
