"""Aircraft around Malaga, as the records of a flight radar. GENERATED: these flights do not exist.

The fields are those that a radar's client sent to the topic ``ertisdemo`` in the seminar of Kafka-ML: position in
degrees, ``altitude`` in feet, ``speed`` in knots, ``bearing`` in degrees, ``rateOfClimb`` in feet a minute.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

__all__ = ["MALAGA", "Report", "reports"]

MALAGA = (36.675, -4.499)
_GRANADA = (37.189, -3.777)
# The watched box reaches one degree from the city, which is 60 nautical miles to the north and the south.
_CENTRE, _RADIUS = (36.72016, -4.42034), 1.0
_AIRCRAFT = 30
_MODELS = ("A320", "A20N", "B738", "B38M", "E190", "AT76", "A321")
_KINDS = ("arrival", "departure", "overflight", "to Granada")
_SHARES = (0.4, 0.25, 0.25, 0.1)
_ELSEWHERE = {"departure": ("MAD", "BCN", "LGW", "DUB", "CPH"), "overflight": ("CMN", "TNG", "LIS", "ORY", "AGA")}


@dataclass(frozen=True)
class Report:
    """A report: ``key`` is the flight's id, ``value`` JSON, ``timestamp_ms`` since 1970; ``lands`` means at Malaga."""

    key: bytes
    value: bytes
    timestamp_ms: int
    lands: bool


def reports(
    steps: int, *, every_seconds: float = 15.0, seed: int = 1, destinations: bool = True, until: datetime | None = None
) -> Iterator[list[Report]]:
    """Yield for each of ``steps`` moments up to ``until`` (now) one report per aircraft, about thirty of them.

    Without ``destinations`` the destination is unknown, as radars do not report it.
    """
    random = np.random.default_rng(seed)
    began = (until or datetime.now(UTC)) - timedelta(seconds=every_seconds * steps)
    flown = [_Flight(random, number, under_way=True) for number in range(_AIRCRAFT)]
    number = _AIRCRAFT
    for step in range(steps):
        at = began + timedelta(seconds=every_seconds * step)
        yield [flight.report(at, destinations=destinations) for flight in flown]
        for place, flight in enumerate(flown):
            if not flight.move(every_seconds):
                flown[place] = _Flight(random, number, under_way=False)
                number += 1


class _Flight:
    """One aircraft on a straight way from ``start`` to ``end``; distances are in nautical miles.

    It has over 12 fields because the messages of an aircraft have as many.
    """

    def __init__(self, random: np.random.Generator, number: int, *, under_way: bool) -> None:
        self.random = random
        self.kind = str(random.choice(_KINDS, p=_SHARES))
        angle = random.uniform(0, 2 * np.pi)
        edge = _at_edge(angle)
        self.end = {"arrival": MALAGA, "to Granada": _GRANADA}.get(self.kind, edge)
        self.start = MALAGA if self.kind == "departure" else edge
        if self.kind == "overflight":
            self.end = _at_edge(angle + np.pi + random.uniform(-0.7, 0.7))
        self.length = max(1.0, _miles(self.start, self.end))
        self.done = random.uniform(0, self.length) if under_way else 0.0
        self.cruise = float(random.integers(29, 41)) * 1000
        self.slope = random.uniform(260, 340)
        self.fast = random.uniform(0.92, 1.08)
        self.id = f"{_letters(random)}{number:04d}"
        self.callsign = f"{random.choice(['RYR', 'VLG', 'IBE', 'EZY', 'DLH'])}{random.integers(100, 9999)}"
        self.model = str(random.choice(_MODELS))
        others = _ELSEWHERE.get(self.kind, ())
        self.destination = {"arrival": "AGP", "to Granada": "GRX"}.get(self.kind) or str(random.choice(others))

    @property
    def altitude(self) -> float:
        """The altitude in feet: three degrees down to the landing, four degrees up from the start."""
        if self.kind == "overflight":
            return self.cruise
        if self.kind == "departure":
            return min(self.cruise, self.done * self.slope * 1.3)
        return min(self.cruise, (self.length - self.done) * self.slope)

    @property
    def speed(self) -> float:
        """The speed in knots."""
        return self.fast * float(np.interp(self.altitude, (0, 10_000, 25_000, 40_000), (140, 250, 380, 460)))

    def move(self, seconds: float) -> bool:
        """Fly on for a moment; returns whether the aircraft is still in the box."""
        self.done += self.speed * seconds / 3600
        return self.done < self.length

    def report(self, at: datetime, *, destinations: bool) -> Report:
        """Return the radar's report, with small errors."""
        share = self.done / self.length
        lat, lon = (
            a + (b - a) * share + self.random.normal(0, 0.003) for a, b in zip(self.start, self.end, strict=True)
        )
        ahead = min(self.length, self.done + self.speed / 60)
        here = self.altitude
        self.done, before = ahead, self.done
        climb = self.altitude - here
        self.done = before
        north = self.end[0] - self.start[0]
        east = (self.end[1] - self.start[1]) * np.cos(np.radians(_CENTRE[0]))
        record = {
            "id": self.id,
            "callsign": self.callsign,
            "flight": self.callsign,
            "name": self.callsign,
            "model": self.model,
            "destination": self.destination if destinations else "",
            "lat": round(float(lat), 5),
            "lon": round(float(lon), 5),
            "altitude": round(max(0.0, here + self.random.normal(0, 60))),
            "bearing": round(float(np.degrees(np.arctan2(east, north)) + self.random.normal(0, 4)) % 360),
            "speed": round(self.speed + float(self.random.normal(0, 5))),
            "rateOfClimb": round(climb + float(self.random.normal(0, 120))),
            "timestamp": int(at.timestamp()),
            "icon": "plane",
            "iconColor": "red",
        }
        lands = self.destination == "AGP"
        return Report(self.id.encode(), json.dumps(record).encode(), int(at.timestamp() * 1000), lands)


def _letters(random: np.random.Generator) -> str:
    """Return four random letters, so that flights of two programs have different ids."""
    return "".join(random.choice(list("abcdef0123456789"), 4))


def _at_edge(angle: float) -> tuple[float, float]:
    return (
        _CENTRE[0] + _RADIUS * float(np.sin(angle)),
        _CENTRE[1] + _RADIUS * float(np.cos(angle)),
    )


def _miles(one: tuple[float, float], other: tuple[float, float]) -> float:
    north = (one[0] - other[0]) * 60
    east = (one[1] - other[1]) * 60 * np.cos(np.radians(_CENTRE[0]))
    return float(np.hypot(north, east))
