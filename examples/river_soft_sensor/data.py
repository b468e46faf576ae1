"""Measurements of rivers as JSON records, some of them absurd. GENERATED, but as hard to learn as the real ones.

See ``examples.NO2SoftSensor_RAW_format.no2_data`` for the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from examples.NO2SoftSensor_RAW_format.no2_data import generated

__all__ = ["FIELDS", "Measurement", "measurements"]

# Units: alkalinity and suspended solids in mg/l, conductivity in microsiemens per cm.
FIELDS = ("alkalinity", "conductivity", "ph", "suspended_solids")
_STATIONS = 12
# One record in this many has a wrong value of this size, in each of the four measurements in turn, as real data do.
_ABSURD_EVERY, _SLIP = 199, 1.7e8


@dataclass(frozen=True)
class Measurement:
    """A record: ``key`` is the station, ``value`` JSON, ``timestamp_ms`` since 1970; ``nitrate`` is the true value."""

    key: bytes
    value: bytes
    timestamp_ms: int
    nitrate: float


def measurements(count: int, *, seed: int = 1, labelled: bool = True, absurd: bool = True) -> Iterator[Measurement]:
    """Yield ``count`` measurements, a minute apart and up to now; those of a soft sensor have no nitrate."""
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=count)
    for number, row in enumerate(generated(count, seed=seed)):
        *numbers, nitrate = (round(float(cell), 2) for cell in row)
        station = f"station-{number % _STATIONS + 1:02d}"
        at = began + timedelta(minutes=number)
        record: dict[str, object] = {"station": station, "at": at.isoformat()}
        if absurd and number % _ABSURD_EVERY == 0:
            numbers[number // _ABSURD_EVERY % 4] *= _SLIP
        record |= dict(zip(FIELDS, numbers, strict=True))
        if labelled:
            record["nitrate"] = nitrate
        yield Measurement(station.encode(), json.dumps(record).encode(), int(at.timestamp() * 1000), nitrate)
