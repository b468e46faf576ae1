"""scikit-learn's handwritten digits: 1,797 real images of 8x8 pixels, shipped inside the package."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# Number of images that are never trained on. They are predicted through Kafka at the end.
HELD_OUT = 360


class Digits(NamedTuple):
    """``images``: (count, 8, 8), uint8 of 0..255; ``labels``: (count,), int64 of 0..9."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


def load_digits(*, seed: int = 0) -> tuple[Digits, Digits]:
    """Return the images to train on and those held out, shuffled by ``seed``."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    order = np.random.default_rng(seed).permutation(len(bunch.target))
    # Brightness 0..16 becomes 0..255, the range of images of bytes.
    images = (bunch.images * (255 / 16)).round().astype(np.uint8)[order]
    labels = bunch.target.astype(np.int64)[order]
    return Digits(images[HELD_OUT:], labels[HELD_OUT:]), Digits(images[:HELD_OUT], labels[:HELD_OUT])
