"""Detects labels that look like the names of devices, customers or orders, or are not classes at all. Pure.

A sample's label is its record's key. In other systems a key names the owner of a record, so a foreign topic would
silently train on ids. The result is always a question, because ids and labels cannot be distinguished for certain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["KEY_IS_LABEL", "no_classes_reason", "number_doubt", "text_doubt"]

KEY_IS_LABEL = (
    "the label of a sample is its record's key: where the key says whose record it is (a device, a customer), send the "
    "label as the key instead"
)

# Integer labels below this are counts, grades or classes more often than ids.
_SMALLEST_ID = 100
# With more distinct values than this, integer labels are measurements rather than ids.
_MOST_IDS = 1000
_SHOWN = 4
# A name with a number behind it, a UUID, or the address of a network card.
_ID = re.compile(
    r"[^\W\d]+(?:[-_:/#. ][^\W\d]+)*[-_:/#. ]?\d{2,}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}",
    re.IGNORECASE,
)


def no_classes_reason(kind: str) -> str:
    """Return why a model whose loss takes labels of ``kind`` does not predict classes with a probability; or empty.

    ``kind`` is what the executor says of a loss: see ``mlcode_executor/frameworks/losses.py``.
    """
    if kind == "numbers":
        return "the model's loss takes quantities: a regression has no classes, and does not say how sure it is"
    if kind == "signs":
        return "the model's loss takes -1 and 1: it gives a margin and no probability"
    return ""


def number_doubt(values: Sequence[int], count: int, *, repeats: int = 20) -> str:
    """Return a question about integer labels, where ``values`` are the distinct ones of ``count``; or empty.

    ``repeats``: how often each must occur on average to be asked about.
    """
    few = 2 <= len(values) <= _MOST_IDS and count >= repeats * len(values)
    if not few or min(values) < _SMALLEST_ID:
        return ""
    return _question([str(value) for value in values])


def text_doubt(names: Sequence[str]) -> str:
    """Return a question about labels sent as text, where ``names`` are the distinct ones; or empty."""
    return _question(names) if len(names) > 1 and all(_ID.fullmatch(name) for name in names) else ""


def _question(names: Sequence[str]) -> str:
    shown = ", ".join([*names[:_SHOWN], *(["..."] if len(names) > _SHOWN else [])])
    return f"the labels ({shown}) look like ids: {KEY_IS_LABEL}"
