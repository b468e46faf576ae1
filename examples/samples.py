"""Samples: what an example learns and is asked about afterwards, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Samples", "shuffled"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """``features`` (count, *shape) with ``labels`` (count, *shape) to train on; those held out are not sent for that.

    ``what`` is a sentence that says what they are, ``real`` whether they are the data set that the example is named
    for, ``classes`` whether labels are numbers of classes.
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
    """Return at most ``count`` samples in a random order, the share ``held_out`` of them held out."""
    order = np.random.default_rng(seed).permutation(len(labels))[:count]
    border = int(len(order) * held_out)
    few, most = order[:border], order[border:]
    return Samples(features[most], labels[most], features[few], labels[few], what, real, classes)
