"""So2Sat LCZ42 from a file that you have downloaded (it is large); patches of two photographs where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from examples.picture_patches import patches
from examples.real_data import real_or_instead
from examples.samples import Samples, shuffled

CLASSES = (
    "compact high-rise",
    "compact mid-rise",
    "compact low-rise",
    "open high-rise",
    "open mid-rise",
    "open low-rise",
    "lightweight low-rise",
    "large low-rise",
    "sparsely built",
    "heavy industry",
    "dense trees",
    "scattered trees",
    "bush or scrub",
    "low plants",
    "bare rock or paved",
    "bare soil or sand",
    "water",
)
# The environment variable that names the file, which is too large to be downloaded unasked.
FILE_VARIABLE = "SO2SAT_FILE"
# The reflectances that become the brightest pixels.
_BRIGHTEST = 1 / 3.5
_RED_GREEN_BLUE = [2, 1, 0]
_INSTEAD, _HELD_OUT = 3000, 300


def load(*, offline: bool = False, count: int | None = None) -> Samples:
    """Return at most ``count`` images (32, 32, 3), uint8, with labels int64 of 0..16."""
    return real_or_instead(
        "So2Sat",
        lambda: _given(count),
        lambda: patches(32, min(count or _INSTEAD, _INSTEAD), held_out=_HELD_OUT),
        offline=offline,
    )


def _given(count: int | None) -> Samples:
    name = os.environ.get(FILE_VARIABLE, "")
    if not name:
        raise FileNotFoundError(f"it has gigabytes: {FILE_VARIABLE} names no validation.h5 of it")
    return read_file(Path(name), count=count)


def read_file(path: Path, *, count: int | None = None) -> Samples:
    """Return the images of a file of So2Sat, which has ``sen2`` (n, 32, 32, 10) and ``label`` (n, 17), one-hot.

    A tenth is held out. Raises ValueError for a file that holds something else.
    """
    import h5py

    with h5py.File(path) as file:
        if "sen2" not in file or "label" not in file or file["sen2"].shape[1:] != (32, 32, 10):
            raise ValueError(f"{path} is not of So2Sat: expected sen2 (n, 32, 32, 10) and label (n, 17)")
        most = len(file["label"]) if count is None else min(count + count // 9 + 1, len(file["label"]))
        # Images are picked from all over the file, because it is sorted by city.
        chosen = np.linspace(0, len(file["label"]) - 1, most).astype(int)
        bands = file["sen2"][chosen][..., _RED_GREEN_BLUE]
        labels = np.asarray(file["label"][chosen]).argmax(1).astype(np.int64)
    images = np.clip(bands / _BRIGHTEST * 255, 0, 255).astype(np.uint8)
    what = f"So2Sat LCZ42: {most:,} images of Sentinel-2, 17 local climate zones; a tenth held out"
    return shuffled(images, labels, held_out=0.1, what=what, real=True)
