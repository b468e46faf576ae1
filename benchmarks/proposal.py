"""P2p: what a topic of a million JSON records would be as a data set: read a sample spread over it, and propose.

The work is that of the API: ``backend.topics.proposals`` reads the sample by ``TopicSampler`` and calls ``propose``.
The floor only reads the sample.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import orjson

from benchmarks.context import Context, Row, median_and_spread
from kafkaml.confluent import TopicSampler
from kafkaml.contract.proposal import propose
from kafkaml.settings import KafkaSettings

IDS = ("P2p",)

_RECORDS = 1_000_000
_QUICK_RECORDS = 20_000
_SAMPLED = 1000
_PARTITIONS = 4
_BAR_SECONDS = 2.0


def run(context: Context) -> Iterator[Row]:
    """Fill a topic, and make a proposal for it repeatedly."""
    count = _QUICK_RECORDS if context.quick else _RECORDS
    topic = context.fill(map(_record, range(count)), partitions=_PARTITIONS, name="proposed")
    settings = KafkaSettings(bootstrap_servers=context.bootstrap_servers)
    whole, reading = [], []
    for _ in range(context.repeats):
        began = time.perf_counter()
        sample = TopicSampler(settings).sample(topic, max_records=_SAMPLED, timeout_seconds=30)
        reading.append(time.perf_counter() - began)
        found = propose(sample.records)
        whole.append(time.perf_counter() - began)
        if found.contract is None or [label.name for label in found.contract.labels] != ["failure"]:
            raise RuntimeError(f"not what the records hold: {found}")
    ours, spread = median_and_spread(whole)
    yield Row(
        id="P2p",
        what=f"proposal of a data set on a topic of {count:,} JSON records",
        unit="s",
        ours=ours,
        floor=median_and_spread(reading)[0],
        spread=spread,
        bar=f"<= {_BAR_SECONDS:g} s",
        met=ours <= _BAR_SECONDS,
        higher_is_better=False,
        note=f"of {_SAMPLED} records that are spread over the topic; floor: reading them",
    )


def _record(number: int) -> tuple[bytes, bytes]:
    reading = {"temperature": 20 + number % 50 * 0.1, "pressure": 1.01 + number % 7 * 0.01}
    value = {"reading": reading, "rpm": 1000.0 + number % 13, "failure": number % 31 == 0}
    return orjson.dumps(value), b"machine-%d" % (number % 100)
