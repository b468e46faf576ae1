"""Readings of machines that wear out. GENERATED: these machines do not exist.

A reading is a JSON object with the machine as its key. Wear grows until somebody repairs the machine. A single reading
is mostly noise, but ten consecutive ones of a machine tell how worn it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

__all__ = ["MACHINES", "Reading", "readings"]

MACHINES = 24
# The wear from which a machine counts as failing.
_FAILING = 0.7


@dataclass(frozen=True)
class Reading:
    """A record: ``key`` and ``value`` as bytes, ``timestamp_ms`` since 1970, and whether the machine is failing."""

    key: bytes
    value: bytes
    timestamp_ms: int
    failing: bool


def readings(count: int, *, seed: int = 1, labelled: bool = True) -> Iterator[Reading]:
    """Yield ``count`` readings of all machines in turn, a minute apart and up to now; live ones have no label.

    Kafka deletes records that are older than a topic keeps them, seven days by default.
    """
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=count // MACHINES)
    random = np.random.default_rng(seed)
    wear = random.uniform(0, 1, MACHINES)
    pace = random.uniform(0.006, 0.014, MACHINES)
    warmth = random.normal(0, 3, MACHINES)
    for number in range(count):
        place = number % MACHINES
        wear[place] += pace[place]
        if wear[place] > 1:
            wear[place], pace[place] = 0, random.uniform(0.006, 0.014)
        worn = float(wear[place])
        moment = began + timedelta(minutes=number // MACHINES, seconds=place)
        reading: dict[str, object] = {
            "machine": f"press-{place + 1:02d}",
            "at": moment.isoformat(),
            "reading": {
                "temperature": round(55 + float(warmth[place]) + 14 * worn + float(random.normal(0, 6)), 2),
                "vibration": round(1 + 1.6 * worn + float(random.normal(0, 0.7)), 3),
                "pressure": round(6 + float(random.normal(0, 0.4)), 2),
            },
            "status": str(random.choice(["idle", "running", "running", "cleaning"])),
        }
        if labelled:
            reading["failing"] = worn > _FAILING
        yield Reading(
            f"press-{place + 1:02d}".encode(),
            json.dumps(reading).encode(),
            int(moment.timestamp() * 1000),
            worn > _FAILING,
        )
