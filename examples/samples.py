"""The samples of an example: those it learns, those it is asked about afterwards, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Samples", "shuffled"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """``features`` (count, *shape) with ``labels`` (count, *shape) to train on, and others held out from training.

    ``what`` is a sentence that says what they are. ``real`` says whether they are the data set that the example is
    named for, ``classes`` whether labels are numbers of classes.
    """

    features: Array
    labels: Array
    held_out_features: Array
    held_out_labels: Array
    what: str
    real: bool
    classes: bool = True


def shuffled(
    features: Array,
    labels: Array,
    *,
    held_out: float,
    what: str,
    real: bool,
    classes: bool = True,
    count: int | None = None,
    seed: int = 0,
) -> Samples:
    """Return at most ``count`` samples in a random order; the share ``held_out`` of them is held out."""
    order = np.random.default_rng(seed).permutation(len(labels))[:count]
    border = int(len(order) * held_out)
    few, most = order[:border], order[border:]
    return Samples(features[most], labels[most], features[few], labels[few], what, real, classes)
