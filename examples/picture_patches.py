"""Patches of the two photographs that come with scikit-learn: real pixels in the shape of what is classified.

Without internet they stand in for CIFAR-10, EuroSAT and So2Sat. The accuracy on them says nothing about those data
sets, because the classes are only six kinds of surface from two pictures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from examples.samples import Samples

__all__ = ["PLACES", "SURFACES", "patches"]

# (picture, left, top, right, bottom) of the areas for training and for testing, which have no pixel in common.
PLACES = {
    "sky": ((0, 340, 0, 640, 110), (0, 0, 0, 90, 130)),
    "temple": ((0, 100, 90, 320, 270), (0, 80, 271, 340, 340)),
    "water": ((0, 350, 228, 445, 293), (0, 446, 226, 540, 292)),
    "trees": ((0, 330, 310, 560, 427), (0, 561, 200, 640, 427)),
    "petals": ((1, 190, 95, 309, 350), (1, 310, 110, 425, 340)),
    "leaves": ((1, 470, 0, 640, 250), (1, 470, 251, 640, 427)),
}
SURFACES = tuple(PLACES)


def patches(size: int, count: int, *, held_out: int, seed: int = 0) -> Samples:
    """Return ``count`` patches to train on, (size, size, 3) uint8, equally many of each surface.

    Labels are int64, 0..5. Some patches are mirrored, and brighter or darker, as pictures of one thing are.
    """
    from sklearn.datasets import load_sample_images

    pictures = load_sample_images().images
    random = np.random.default_rng(seed)
    parts = [_cut(pictures, size, size_of_part, random, part) for part, size_of_part in enumerate((count, held_out))]
    (features, labels), (held_features, held_labels) = parts
    what = (
        f"{count:,} patches of {size}x{size} pixels of scikit-learn's two photographs ({', '.join(SURFACES)}), and "
        f"{held_out:,} from other places of them"
    )
    return Samples(features, labels, held_features, held_labels, what, real=False)


def _cut(
    pictures: list[npt.NDArray[np.uint8]], size: int, count: int, random: np.random.Generator, part: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    labels = random.permutation(np.arange(count) % len(SURFACES))
    images = np.empty((count, size, size, 3), np.uint8)
    for number, label in enumerate(labels):
        picture, left, top, right, bottom = PLACES[SURFACES[label]][part]
        x, y = random.integers(left, right - size + 1), random.integers(top, bottom - size + 1)
        patch: npt.NDArray[Any] = pictures[picture][y : y + size, x : x + size]
        if random.random() < 0.5:
            patch = patch[:, ::-1]
        images[number] = np.clip(patch * random.uniform(0.8, 1.2), 0, 255)
    return images, labels
