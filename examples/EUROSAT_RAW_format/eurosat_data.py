"""EuroSAT, downloaded from Zenodo where there is internet; patches of two photographs where there is not."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np

from examples.picture_patches import patches
from examples.real_data import cached_file, real_or_instead
from examples.samples import Samples, shuffled

CLASSES = (
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
)
_URL = "https://zenodo.org/records/7711810/files/EuroSAT_RGB.zip?download=1"
_INSTEAD, _HELD_OUT = 1500, 300


def load(*, offline: bool = False, count: int | None = None) -> Samples:
    """Return at most ``count`` images (64, 64, 3), uint8, with labels int64 of 0..9."""
    return real_or_instead(
        "EuroSAT (95 MB)",
        lambda: read_archive(cached_file(_URL, "EuroSAT_RGB.zip"), count=count),
        lambda: patches(64, min(count or _INSTEAD, _INSTEAD), held_out=_HELD_OUT),
        offline=offline,
    )


def read_archive(path: Path, *, count: int | None = None) -> Samples:
    """Return what the archive holds: a folder for each class, with JPEG images of 64x64 pixels in it.

    A tenth is held out. Raises ValueError for an archive that holds something else.
    """
    from PIL import Image

    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        unknown = {PurePosixPath(name).parent.name for name in names} - set(CLASSES)
        if not names or unknown:
            raise ValueError(f"{path} is not EuroSAT: {len(names)} images, of other classes {sorted(unknown)[:5]}")
        # Reading is slow, so only the requested number of images is read.
        chosen = np.random.default_rng(0).permutation(len(names))[: None if count is None else count + count // 9 + 1]
        labels = np.array([CLASSES.index(PurePosixPath(names[index]).parent.name) for index in chosen], np.int64)
        images = np.stack([np.asarray(Image.open(io.BytesIO(archive.read(names[index])))) for index in chosen])
    what = f"EuroSAT: {len(labels):,} of {len(names):,} images of Sentinel-2, ten classes; a tenth held out"
    return shuffled(images, labels, held_out=0.1, what=what, real=True)
