"""Minutes of a household's power: UCI's data set where there is internet, otherwise a generated household."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from examples.real_data import cached_file, real_or_instead
from examples.samples import Array, Samples, shuffled

WINDOW = 120
_URL = "https://archive.ics.uci.edu/static/public/235/individual+household+electric+power+consumption.zip"
_COLUMNS = ("Global_active_power", "Global_intensity", "Sub_metering_1", "Sub_metering_2", "Sub_metering_3")
# Minutes between the starts of two windows. Neighbouring windows share at most half of their minutes.
_STEP = 60
# Two months of minutes; the real data have four years.
_MINUTES = 60 * 24 * 60


def load(*, offline: bool = False, count: int | None = None) -> Samples:
    """Return windows (120, 2), float32: power (kW) and current (A) of each minute.

    Labels are (120, 3), float32: the energy in Wh that kitchen, laundry and water heater used of it. The last fifth is
    held out.
    """
    minutes, what, real = real_or_instead(
        "the power of a household (UCI, 20 MB)",
        lambda: (read_archive(cached_file(_URL, "household_power_consumption.zip")), "a household in Sceaux", True),
        lambda: (generated(_MINUTES), "GENERATED: a household that does not exist", False),
        offline=offline,
    )
    starts = np.arange(0, len(minutes) - WINDOW, _STEP)
    windows = np.stack([minutes[start : start + WINDOW] for start in starts]).astype(np.float32)
    # The last windows are held out as a whole, because windows that share minutes would give each other away.
    border = int(len(windows) * 0.8)
    train, held_out = windows[:border], windows[border + WINDOW // _STEP :]
    what = f"{what}: {len(windows):,} windows of two hours"
    made = shuffled(train[..., :2], train[..., 2:], held_out=0, what=what, real=real, classes=False, count=count)
    return Samples(made.features, made.labels, held_out[..., :2], held_out[..., 2:], what, real, classes=False)


def read_archive(path: Path, *, minutes: int = _MINUTES) -> Array:
    """Return the first ``minutes`` without gaps, (minutes, 5): power, current, and three meters.

    Raises ValueError for an archive that holds something else.
    """
    with zipfile.ZipFile(path) as archive, archive.open("household_power_consumption.txt") as file:
        lines: Iterable[str] = io.TextIOWrapper(file, encoding="utf-8")
        names = next(iter(lines)).strip().split(";")
        if not set(_COLUMNS) <= set(names):
            raise ValueError(f"{path} is not the data set: its columns are {', '.join(names)}")
        places = [names.index(column) for column in _COLUMNS]
        rows: list[list[float]] = []
        for line in lines:
            cells = line.strip().split(";")
            # Minutes without a measurement are left out.
            if "?" not in line and len(cells) == len(names):
                rows.append([float(cells[place]) for place in places])
            if len(rows) == minutes:
                break
    return np.array(rows)


def generated(minutes: int, *, seed: int = 0) -> Array:
    """Return minutes of a household whose appliances run occasionally, (minutes, 5).

    Each appliance uses a fixed energy in Wh per minute. It starts at random minutes within hours of its own, and runs
    for a while.
    """
    random = np.random.default_rng(seed)
    hour = np.arange(minutes) // 60 % 24
    cooking, washing = np.isin(hour, (7, 8, 12, 13, 19, 20)), np.isin(hour, (9, 10, 17, 18, 21))
    warm = np.isin(hour, (6, 7, 8, 18, 19, 20, 21))
    kitchen = _runs(random, cooking, wh=37, lasts=18, share=0.012)
    # The refrigerator, on the meter of the laundry, runs for a third of each hour.
    laundry = _runs(random, washing, wh=35, lasts=40, share=0.004) + np.where(np.arange(minutes) % 60 < 20, 1.5, 0)
    heater = _runs(random, warm, wh=18, lasts=45, share=0.02)
    rest = 4 + 6 * np.isin(hour, (7, 8, 19, 20, 21, 22)) + random.gamma(2, 1, minutes)
    meters = [
        np.clip(appliance + random.normal(0, 0.3, minutes) * (appliance > 0), 0, None)
        for appliance in (kitchen, laundry, heater)
    ]
    power = (sum(meters) + rest) * 60 / 1000
    return np.stack([power, power / 0.24 + random.normal(0, 0.05, minutes), *meters], axis=1)


def _runs(random: np.random.Generator, hours: Array, *, wh: float, lasts: int, share: float) -> Array:
    used = np.zeros(len(hours))
    for start in np.flatnonzero(hours & (random.random(len(hours)) < share)):
        used[start : start + int(random.uniform(0.5, 1.5) * lasts)] = wh
    return used
