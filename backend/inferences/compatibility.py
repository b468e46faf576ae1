"""Whether one version of a model can replace another: same inputs and outputs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kafkaml.wire.contract import Contract

if TYPE_CHECKING:
    from backend.deployments.models import ResultVersion

__all__ = ["contract_difference", "difference", "obstacle"]

Shape = Sequence[int | None]


def obstacle(before: ResultVersion, after: ResultVersion) -> str:
    """Return what keeps ``after`` from being served where ``before`` is, empty where nothing is known to."""
    streams = [
        {} if version.stream is None else version.stream.control_message().input_config for version in (before, after)
    ]
    return contract_difference(*streams) or difference(before.outcome, after.outcome)


def contract_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return how the samples of two trainings differ, judged by the ``input_config`` of their streams.

    Labels and splits do not count: serving needs neither. Empty where one of them has no contract.
    """
    if "contract" not in before or "contract" not in after:
        return ""
    old, new = (Contract.model_validate(config["contract"]) for config in (before, after))
    was, now = _sample_parts(old), _sample_parts(new)
    changed = [name for name in now if now[name] != was.get(name)] or [name for name in was if name not in now]
    if not changed:
        return ""
    return f"its data set makes samples otherwise ({', '.join(changed)}), and records are read as that of before says"


def _sample_parts(contract: Contract) -> dict[str, Any]:
    window = contract.window
    return {
        "format": contract.format,
        "key": contract.key,
        # The horizon describes the label, which serving does not need.
        "window": window and (window.length, window.stride),
        **{f"column {column.name}": (place, column) for place, column in enumerate(contract.columns)},
    }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return what keeps ``after`` from being served where ``before`` is, empty where nothing is known to.

    Both are outcomes (``kafkaml.wire.outcome.Outcome``). The replica checks what an outcome does not tell before it
    changes over.
    """
    fields = [(outcome.get("learnt") or {}).get("fields") for outcome in (before, after)]
    if all(fields) and fields[0] != fields[1]:
        return f"it takes the fields {_texts(fields[1])}, and records are read with {_texts(fields[0])}"
    learnt = [(outcome.get("learnt") or {}).get("learnt") for outcome in (before, after)]
    if all(learnt) and learnt[0] != learnt[1]:
        return "its training found other scales or vocabularies, and records are read with those that were found before"
    inputs = [outcome.get("input_shape") or () for outcome in (before, after)]
    if all(inputs) and _squeezed(inputs[0]) != _squeezed(inputs[1]):
        return f"it takes samples of shape {_text(inputs[1])}, and the input's are {_text(inputs[0])}"
    outputs = [[tuple(shape) for shape in outcome.get("output_shapes") or ()] for outcome in (before, after)]
    if all(outputs) and outputs[0] != outputs[1]:
        return f"it answers {_shapes(outputs[1])}, and readers of the output expect {_shapes(outputs[0])}"
    scores = [(outcome.get("exit") or {}).get("scores") for outcome in (before, after)]
    if all(scores) and scores[0] != scores[1]:
        return f"it answers {scores[1]}, and readers of the output expect {scores[0]}"
    return ""


def _squeezed(shape: Shape) -> list[int | None]:
    # An axis of size 1 at either end is adapted to each model.
    return [size for size in shape if size != 1]


def _text(shape: Shape) -> str:
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _shapes(shapes: Sequence[Shape]) -> str:
    return " and ".join(map(_text, shapes))


def _texts(fields: Any) -> str:
    return ", ".join(str(field if isinstance(field, str) else field[0]) for field in fields)
