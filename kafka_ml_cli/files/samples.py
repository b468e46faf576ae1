"""Samples: what was found in a file, and its arrays in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

__all__ = ["Part", "Samples"]

# Features (count, *shape) and labels (count, *shape), or None for samples without.
Part = tuple[npt.NDArray[Any], npt.NDArray[Any] | None]


@dataclass(frozen=True)
class Samples:
    """``count`` samples. ``features`` names their columns or array; ``label`` is None where they have none.

    ``classes`` counts the labels where they are classes; ``described`` says how the file was read, ``notes`` what had
    to be assumed. ``parts`` reads them, as often as it is called.
    """

    count: int
    features: list[str]
    feature_type: str
    label: str | None
    label_type: str | None
    parts: Callable[[], Iterator[Part]]
    classes: dict[str, int] | None = None
    described: str = ""
    notes: list[str] = field(default_factory=list)
