"""MNIST, downloaded by Keras where there is internet; scikit-learn's digits in MNIST's clothes where there is not."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# Without internet the example should go on soon.
_DOWNLOAD_TIMEOUT_SECONDS = 10.0
_DIGITS = "scikit-learn's digits, enlarged to 28x28: 1,437 training and 360 test images"


class Dataset(NamedTuple):
    """``images``: (count, 28, 28), uint8; ``labels``: (count,), uint8."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def load_mnist(*, digits: bool = False) -> tuple[Dataset, Dataset, str]:
    """Return training data, test data and a sentence that says what they are; ``digits`` does not even try MNIST."""
    if digits:
        return *_digits_like_mnist(), _DIGITS
    # TensorFlow's remarks about the machine would hide ours.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_DOWNLOAD_TIMEOUT_SECONDS)
    try:
        from keras.datasets import mnist

        (x_train, y_train), (x_test, y_test) = mnist.load_data()
    except Exception as error:  # noqa: BLE001  Keras raises plain Exception when a download fails
        print(f"MNIST cannot be downloaded here: {str(error).splitlines()[0][:150]}")
        return *_digits_like_mnist(), _DIGITS
    finally:
        socket.setdefaulttimeout(before)
    return Dataset(x_train, y_train), Dataset(x_test, y_test), "MNIST: 60,000 training and 10,000 test images"


def _digits_like_mnist() -> tuple[Dataset, Dataset]:
    """Each 8x8 pixel becomes 3x3, with a margin of two: 28x28. Brightness of 0..16 becomes MNIST's, 0..255."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    images = (bunch.images * (255 / 16)).round().astype(np.uint8)
    large = np.pad(np.kron(images, np.ones((1, 3, 3), np.uint8)), ((0, 0), (2, 2), (2, 2)))
    labels = bunch.target.astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(labels))
    large, labels = large[order], labels[order]
    return Dataset(large[360:], labels[360:]), Dataset(large[:360], labels[:360])
