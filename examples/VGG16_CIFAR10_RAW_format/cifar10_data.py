"""CIFAR-10, downloaded by Keras where there is internet; patches of two photographs where there is not."""

from __future__ import annotations

from examples.picture_patches import patches
from examples.real_data import real_or_instead
from examples.samples import Samples

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_INSTEAD, _HELD_OUT = 3000, 300


def load(*, offline: bool = False, count: int | None = None) -> Samples:
    """Return images (32, 32, 3), uint8, with labels of (1,), uint8, as CIFAR-10 has them; at most ``count``."""
    return real_or_instead(
        "CIFAR-10 (170 MB)",
        lambda: _cifar10(count),
        lambda: _patches(min(count or _INSTEAD, _INSTEAD)),
        offline=offline,
    )


def _cifar10(count: int | None) -> Samples:
    from keras.datasets import cifar10

    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    what = "CIFAR-10: 50,000 training and 10,000 test images of ten classes"
    return Samples(x_train[:count], y_train[:count], x_test, y_test, what, real=True)


def _patches(count: int) -> Samples:
    made = patches(32, count, held_out=_HELD_OUT)
    labels = (each.astype("uint8")[:, None] for each in (made.labels, made.held_out_labels))
    train, held_out = labels
    return Samples(made.features, train, made.held_out_features, held_out, made.what, real=False)
