"""Context and Row: the argument and the results of a benchmark."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from platform_local.broker import EmbeddedBroker

__all__ = ["Context", "Row", "median_and_spread"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured figure. ``reference`` behaves as the old system does, ``floor`` does only the unavoidable part.

    Figures are in ``unit``. They are rates where ``higher_is_better``, otherwise times. ``spread`` is (largest -
    smallest) / median of our own measurements. ``bar`` is the target as text, and ``met`` says whether it was reached.
    """

    id: str
    what: str
    ours: float
    unit: str = ""
    reference: float | None = None
    floor: float | None = None
    ratio_to_reference: float | None = field(default=None, init=False)
    fraction_of_floor: float | None = field(default=None, init=False)
    spread: float | None = None
    bar: str = ""
    met: bool | None = None
    higher_is_better: bool = True
    note: str = ""

    def __post_init__(self) -> None:
        for ratio, base in (("ratio_to_reference", self.reference), ("fraction_of_floor", self.floor)):
            if base and self.ours:
                object.__setattr__(self, ratio, self.ours / base if self.higher_is_better else base / self.ours)


class Context:
    """What benchmarks share: a real broker of their own, a scratch folder, and how often to repeat.

    ``quick`` asks for small amounts, which only show that a benchmark works.
    """

    def __init__(self, folder: Path, *, repeats: int = 5, quick: bool = False) -> None:
        self.folder = folder
        self.repeats = repeats
        self.quick = quick
        self._topics = 0

    @cached_property
    def broker(self) -> EmbeddedBroker:
        """The broker, which starts on first use."""
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

    def fill(self, records: Iterable[tuple[bytes, bytes]], *, partitions: int, name: str) -> str:
        """Create a topic, write ``records`` (value, key) to its partitions in turns, and return its name."""
        from confluent_kafka import Producer

        topic = self.topic(partitions, name=name)
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "linger.ms": 20,
                "batch.num.messages": 10_000,
                "queue.buffering.max.messages": 200_000,
                "enable.idempotence": True,
            }
        )
        for number, (value, key) in enumerate(records):
            while True:
                try:
                    producer.produce(topic, value, key, partition=number % partitions)
                    break
                except BufferError:
                    producer.poll(0.05)
        if producer.flush(120):
            raise RuntimeError(f"not all records of {topic} were acknowledged")
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
