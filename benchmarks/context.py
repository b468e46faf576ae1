"""Context and Row: what a benchmark gets, and what it gives back."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from platform_local.broker import EmbeddedBroker

__all__ = ["Context", "Row", "median_and_spread"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured figure. ``reference`` behaves as the old system does, ``floor`` does only the unavoidable part.

    Figures are rates or times in ``unit``; ``higher_is_better`` says which. ``spread`` is (largest - smallest) / median
    of our own measurements. ``bar`` is the text of the figure we hold ourselves to and ``met`` whether it was reached.
    """

    id: str
    what: str
    ours: float
    unit: str = ""
    reference: float | None = None
    floor: float | None = None
    ratio_to_reference: float | None = None
    fraction_of_floor: float | None = None
    spread: float | None = None
    bar: str = ""
    met: bool | None = None
    higher_is_better: bool = True
    note: str = ""

    @classmethod
    def of(cls, document: Row | Mapping[str, Any]) -> Row:
        """Return ``document`` as a row, with the two ratios filled in where they can be."""
        values = asdict(document) if isinstance(document, Row) else dict(document)
        known = {each.name for each in fields(cls)}
        rest = {name: value for name, value in values.items() if name not in known}
        values = {name: value for name, value in values.items() if name in known}
        if rest:
            values["note"] = " ".join(
                [values.get("note", ""), *(f"{name}={value}" for name, value in rest.items())]
            ).strip()
        ours, better = values["ours"], values.get("higher_is_better", True)
        for ratio, base in (("ratio_to_reference", "reference"), ("fraction_of_floor", "floor")):
            if values.get(ratio) is None and values.get(base) and ours:
                values[ratio] = ours / values[base] if better else values[base] / ours
        return cls(**values)


class Context:
    """What benchmarks share: a real broker of their own, a scratch folder, and how often to repeat.

    ``quick`` asks for small amounts, to see that a benchmark works at all.
    """

    def __init__(self, folder: Path, *, repeats: int = 5, quick: bool = False) -> None:
        self.folder = folder
        self.repeats = repeats
        self.quick = quick
        self._topics = 0

    @cached_property
    def broker(self) -> EmbeddedBroker:
        """The broker, started when it is first asked for."""
        broker = EmbeddedBroker(self.folder / "kafka")
        broker.start()
        return broker

    @property
    def bootstrap_servers(self) -> str:
        """Address of the broker."""
        return self.broker.bootstrap_servers

    def topic(self, partitions: int = 1, *, name: str = "bench", **config: object) -> str:
        """Create a topic with a name of its own; ``config`` keys use ``_`` for ``.``."""
        from kafkaml.confluent import KafkaAdmin
        from kafkaml.settings import KafkaSettings

        self._topics += 1
        topic = f"{name}-{self._topics}"
        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        admin = KafkaAdmin(KafkaSettings(bootstrap_servers=self.bootstrap_servers))
        admin.create_topic(topic, partitions=partitions, config=settings)
        return topic

    def measure(self, action: Callable[[], object], *, repeats: int | None = None) -> list[float]:
        """Call ``action`` repeatedly and return the seconds that each call took."""
        seconds = []
        for _ in range(repeats or self.repeats):
            began = time.perf_counter()
            action()
            seconds.append(time.perf_counter() - began)
        return seconds

    def close(self) -> None:
        """Stop the broker when it was started."""
        if "broker" in self.__dict__:
            self.broker.stop()


def median_and_spread(values: list[float]) -> tuple[float, float]:
    """Return the median, and (largest - smallest) / median."""
    middle = statistics.median(values)
    return middle, (max(values) - min(values)) / middle if middle else 0.0
