"""Chains of sub-models: the names of losses, optimisers and metrics as users write them, and why two sub-models do not
fit.

Called by the API when models and deployments are saved, and by training when it builds a chain. Shapes are those of one
sample, without the batch axis; None is a size that is not fixed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from math import prod

from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.framework import Framework

__all__ = ["close_name", "exits_gap", "known_name", "outputs_gap", "shape_gap"]

Shape = Sequence[int | None]


def known_name(text: str, names: Sequence[str]) -> str | None:
    """Return the one of ``names`` that ``text`` means, None where there is none. ``Adam`` is adam, as in Keras."""
    as_words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text.strip()).lower()
    return next((spelling for spelling in (text.strip().lower(), as_words) if spelling in names), None)


def close_name(text: str, names: Sequence[str]) -> str:
    """Return the closest match for ``text`` in ``names``; empty without one."""
    return next(iter(difflib.get_close_matches(text.lower(), names, n=1)), "")


def outputs_gap(model: str, count: int, *, top: bool) -> str:
    """Return why a sub-model's number of outputs is wrong; empty where it is right."""
    if count == (1 if top else 2):
        return ""
    outputs = f"{count} output{'' if count == 1 else 's'}"
    if top:
        return f"{model} has {outputs} and no upper model: expected one output, the prediction"
    return f"{model} has {outputs} and an upper model: expected two, what goes up and the prediction, in this order"


def shape_gap(lower: str, sends: Shape, upper: str, takes: Shape, framework: Framework) -> str:
    """Return why ``upper`` cannot take what ``lower`` sends up; empty where it can, as far as is known."""
    if _fits(sends, takes, flexible=not FRAMEWORKS[framework].exact_inputs):
        return ""
    return f"{lower} sends {_text(sends)} up and {upper} takes {_text(takes)}: expected the same shape"


def exits_gap(lower: str, one: Shape, upper: str, other: Shape) -> str:
    """Return why the predictions of two exits are not of the same classes; empty where they are, as far as is known."""
    if _fits(one, other, flexible=False):
        return ""
    return f"{lower} predicts {_text(one)} and {upper} predicts {_text(other)}: every exit gets the same label"


def _fits(one: Shape, other: Shape, *, flexible: bool) -> bool:
    same = len(one) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))
    if same or not flexible or len(other) != 1:
        return same
    # The model's report gives the input size of its first linear layer. That layer takes either all numbers of a
    # flattened sample, or those along its last axis.
    sizes = [size for size in one if size is not None]
    return other[0] is None or len(sizes) < len(one) or other[0] in (prod(sizes), sizes[-1] if sizes else None)


def _text(shape: Shape) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
