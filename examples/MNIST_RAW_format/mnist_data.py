"""MNIST, downloaded where there is internet; otherwise scikit-learn's digits in the same format."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from examples.real_data import cached_file, real_or_instead
from examples.samples import Samples

_DIGITS = "scikit-learn's digits, enlarged to 28x28: 1,437 training and 360 test images"
_MNIST = "MNIST: 60,000 training and 10,000 test images"
# The file is downloaded directly, because Keras, which offers it, would import a whole framework to fetch it.
_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"


class Dataset(NamedTuple):
    """``images``: (count, 28, 28), uint8; ``labels``: (count,), uint8."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def load_mnist(*, digits: bool = False) -> tuple[Dataset, Dataset, str]:
    """Return training data, test data and a sentence that says what they are; ``digits`` skips the download."""
    return real_or_instead("MNIST", _mnist, _digits_like_mnist, offline=digits)


def load(*, offline: bool = False, count: int | None = None) -> Samples:
    """Return at most ``count`` training images; the test images are held out."""
    train, test, what = load_mnist(digits=offline)
    return Samples(train.images[:count], train.labels[:count], *test, what, real=what == _MNIST)


def _mnist() -> tuple[Dataset, Dataset, str]:
    with np.load(cached_file(_URL, "mnist.npz"), allow_pickle=False) as file:
        train, test = (Dataset(file[f"x_{part}"], file[f"y_{part}"]) for part in ("train", "test"))
    return train, test, _MNIST


def _digits_like_mnist() -> tuple[Dataset, Dataset, str]:
    """Enlarge each 8x8 image to 28x28: three pixels for one, and a margin of two. Brightness becomes 0..255."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    images = (bunch.images * (255 / 16)).round().astype(np.uint8)
    large = np.pad(np.kron(images, np.ones((1, 3, 3), np.uint8)), ((0, 0), (2, 2), (2, 2)))
    labels = bunch.target.astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(labels))
    large, labels = large[order], labels[order]
    return Dataset(large[360:], labels[360:]), Dataset(large[:360], labels[:360]), _DIGITS
