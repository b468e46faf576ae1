"""CIFAR-10, downloaded where there is internet; patches of two photographs where there is not."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from examples.picture_patches import patches
from examples.real_data import cached_file, real_or_instead
from examples.samples import Samples

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_INSTEAD, _HELD_OUT = 3000, 300
_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
_FOLDER = "cifar-10-batches-bin"


def load(*, offline: bool = False, count: int | None = None) -> Samples:
    """Return at most ``count`` images (32, 32, 3), uint8, with labels of (1,), uint8, as CIFAR-10 has them."""
    return real_or_instead(
        "CIFAR-10 (170 MB)",
        lambda: read_archive(cached_file(_URL, "cifar-10-binary.tar.gz"), count=count),
        lambda: _patches(min(count or _INSTEAD, _INSTEAD)),
        offline=offline,
    )


def read_archive(path: Path, *, count: int | None = None) -> Samples:
    """Return what the archive holds: files of records, each a byte of the class and a picture's three colours.

    The test images are held out. Raises KeyError for an archive that has no such files.
    """
    with tarfile.open(path) as archive:
        train = [_records(archive, f"data_batch_{number}.bin") for number in range(1, 6)]
        held_out = _records(archive, "test_batch.bin")
    what = "CIFAR-10: 50,000 training and 10,000 test images of ten classes"
    images, labels = _samples(np.concatenate(train)[:count])
    return Samples(images, labels, *_samples(held_out), what, real=True)


def _records(archive: tarfile.TarFile, name: str) -> npt.NDArray[np.uint8]:
    """Return the records of a file as (count, 1 + 3 * 32 * 32)."""
    file = archive.extractfile(f"{_FOLDER}/{name}")
    assert file is not None
    return np.frombuffer(file.read(), np.uint8).reshape(-1, 1 + 3 * 32 * 32)


def _samples(records: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, :1]


def _patches(count: int) -> Samples:
    made = patches(32, count, held_out=_HELD_OUT)
    labels = (part.astype("uint8")[:, None] for part in (made.labels, made.held_out_labels))
    train, held_out = labels
    return Samples(made.features, train, made.held_out_features, held_out, made.what, real=False)
