"""Nitrate and four other measurements of rivers: Kafka-ML's own file where there is internet, otherwise generated data.

The generated data have the quantiles and the rank correlations of the real ones, so they are as hard to learn.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from examples.real_data import cached_file, real_or_instead
from examples.samples import Array, Samples, shuffled

COLUMNS = ("ALK_MGL", "COND_USCM", "PH", "SS_MGL", "NO3_N_MGL")
UNITS = "alkalinity mg/l, conductivity uS/cm, pH, suspended solids mg/l -> nitrate mg/l (as nitrogen)"
_URL = (
    "https://raw.githubusercontent.com/ertis-research/kafka-ml/master/examples/"
    "NO2SoftSensor_RAW_format/DatasetFiltered.csv"
)
_COUNT = 6000
# Larger values are errors in the file: one row says 171,798,692.
_MOST = 1e6

_SHARES = (0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.9999, 1)
_QUANTILES = {
    "ALK_MGL": (0, 20, 53, 83, 121, 160, 194, 255, 360, 372),
    "COND_USCM": (13, 97, 192, 263, 351, 445, 520, 640, 1200, 18790),
    "PH": (6.49, 7.13, 7.5, 7.76, 7.98, 8.17, 8.3, 8.5, 8.9, 8.94),
    "SS_MGL": (1, 2, 2, 4, 7, 14, 21, 42, 69, 71),
    "NO3_N_MGL": (0, 0.08, 0.41, 1.06, 1.88, 2.7, 3.31, 4.1, 4.45, 4.5),
}
# These correlations are a little higher than the real ones, because mapping to the quantiles weakens them.
_CORRELATIONS = np.array(
    [
        [1, 0.71, 0.54, 0, 0.24],
        [0.71, 1, 0.365, 0, 0.35],
        [0.54, 0.365, 1, 0, 0.04],
        [0, 0, 0, 1, 0.06],
        [0.24, 0.35, 0.04, 0.06, 1],
    ]
)


def load(*, offline: bool = False, count: int | None = None) -> Samples:
    """Return measurements (4,), float32, with nitrate, float32; a fifth is held out."""
    rows, what, real = real_or_instead(
        "the rivers of Northern Ireland (4 MB)",
        lambda: read_file(cached_file(_URL, "DatasetFiltered.csv")),
        lambda: (generated(_COUNT), f"GENERATED: {_COUNT:,} measurements of rivers, as hard as the real ones", False),
        offline=offline,
    )
    rows = rows.astype(np.float32)
    return shuffled(rows[:, :4], rows[:, 4], held_out=0.2, what=what, real=real, classes=False, count=count)


def read_file(path: Path) -> tuple[Array, str, bool]:
    """Return the rows of a CSV file with the five columns, without impossible ones.

    Raises ValueError for a file that holds something else.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            rows = np.array([[float(row[name]) for name in COLUMNS] for row in csv.DictReader(file)])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} is not the data set: expected {', '.join(COLUMNS)}") from error
    good = rows[(np.abs(rows) < _MOST).all(1)]
    left_out = len(rows) - len(good)
    what = f"rivers of Northern Ireland, 1990-2018: {len(good):,} measurements, {left_out} left out that cannot be"
    return good, what, True


def generated(count: int, *, seed: int = 0) -> Array:
    """Return ``count`` generated rows (count, 5) of measurements (a Gaussian copula: Sklar, 1959)."""
    from math import erf

    normal = np.random.default_rng(seed).multivariate_normal(np.zeros(5), _CORRELATIONS, count)
    shares = 0.5 + 0.5 * np.vectorize(erf)(normal / np.sqrt(2))
    columns = [np.interp(shares[:, place], _SHARES, _QUANTILES[name]) for place, name in enumerate(COLUMNS)]
    return np.stack(columns, axis=1)
