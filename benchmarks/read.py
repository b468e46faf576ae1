"""P2: records per second from a topic to contiguous arrays that a framework can train on, 28x28 images with labels.

The reference reads as the old PyTorch training does: by kafka-python, one array per record, stacked at the end. The
floor is a bare ``consume`` loop that throws everything away. Ours is ``StreamDataset.open`` into an empty cache. It
reads and decodes the records, orders them by content, and writes them to files that are mapped. Opening the data set
again reads nothing. The time includes making the client in all cases.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from confluent_kafka import Consumer, TopicPartition
from kafka import KafkaConsumer
from kafka import TopicPartition as OldTopicPartition

from benchmarks.context import Context, Row, median_and_spread
from kafkaml.confluent import KafkaRecordReader, KafkaRecordWriter
from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.settings import KafkaSettings
from kafkaml.stream_dataset import StreamDataset
from kafkaml.stream_range import StreamRange

IDS = ("P2",)

_RECORDS = 200_000
_REFERENCE_RECORDS = 20_000
_QUICK_RECORDS = 5_000
_PARTITIONS = 4
_CONFIG = {"data_type": "uint8", "data_reshape": "28 28", "label_type": "uint8", "label_reshape": "1"}


def run(context: Context) -> list[Row]:
    """Measure the first reading, then the opening of a data set that was read before."""
    records = _QUICK_RECORDS if context.quick else _RECORDS
    ranges = _fill(context, records)
    few = _fill(context, min(records, _REFERENCE_RECORDS))
    rates: dict[str, list[float]] = {"reference": [], "floor": [], "ours": []}
    again: list[float] = []
    for repeat in range(context.repeats):
        rates["reference"].append(_rate(few, lambda: _kafka_python(context.bootstrap_servers, few)))
        rates["floor"].append(_rate(ranges, lambda: _bare_consume(context.bootstrap_servers, ranges)))
        cache = context.folder / f"slices-{repeat}"
        rates["ours"].append(_rate(ranges, partial(_data_set(context, ranges), cache)))
        began = time.perf_counter()
        _data_set(context, ranges)(cache)
        again.append((time.perf_counter() - began) * 1000)
        shutil.rmtree(cache)
    ours, spread = median_and_spread(rates["ours"])
    reference, floor = (median_and_spread(rates[name])[0] for name in ("reference", "floor"))
    reopening, spread_again = median_and_spread(again)
    return [
        Row(
            id="P2",
            what=f"topic to arrays, {records:,} records",
            unit="records/s",
            ours=ours,
            reference=reference,
            floor=floor,
            spread=spread,
            bar=">= 25x reference, >= 0.7 of the floor",
            met=ours >= 25 * reference and ours >= 0.7 * floor,
        ),
        Row(
            id="P2",
            what="the same slice again, by another runner (nothing is read)",
            unit="ms",
            ours=reopening,
            spread=spread_again,
            higher_is_better=False,
        ),
    ]


def _fill(context: Context, records: int) -> tuple[StreamRange, ...]:
    topic = context.topic(_PARTITIONS, name="read")
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=context.bootstrap_servers))
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (records, 784), dtype=np.uint8)
    labels = random.integers(0, 10, records).astype(np.uint8)
    share = records // _PARTITIONS
    for partition in range(_PARTITIONS):
        for start in range(partition * share, (partition + 1) * share, 500):
            part = slice(start, min(start + 500, (partition + 1) * share))
            values = [image.tobytes() for image in images[part]]
            keys = [label.tobytes() for label in labels[part]]
            writer.write_batch(topic, values, keys, partition, lambda _partition, _offset: None)
    writer.flush()
    writer.close()
    return tuple(StreamRange(topic, partition, 0, share) for partition in range(_PARTITIONS))


def _rate(ranges: tuple[StreamRange, ...], read: Callable[[], object]) -> float:
    began = time.perf_counter()
    read()
    return sum(stream_range.max_records or 0 for stream_range in ranges) / (time.perf_counter() - began)


def _data_set(context: Context, ranges: tuple[StreamRange, ...]) -> Callable[[Path], int]:
    settings = KafkaSettings(bootstrap_servers=context.bootstrap_servers)
    message = ControlMessage(ranges, InputFormat.RAW, _CONFIG)

    def open_it(cache: Path) -> int:
        reader = KafkaRecordReader(settings)
        with StreamDataset.open(message, reader=reader, cache_dir=cache) as dataset:
            assert dataset.labels is not None
            assert len(dataset.features.array()) == sum(stream_range.max_records or 0 for stream_range in ranges)
            count = dataset.num_samples
        reader.close()
        return count

    return open_it


def _kafka_python(servers: str, ranges: tuple[StreamRange, ...]) -> int:
    consumer = KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)
    images, labels = [], []
    for stream_range in ranges:
        place = OldTopicPartition(stream_range.topic, stream_range.partition)
        consumer.assign([place])
        consumer.seek(place, stream_range.start)
        for message in consumer:
            images.append(np.frombuffer(message.value, np.uint8).reshape(28, 28))
            labels.append(np.frombuffer(message.key, np.uint8))
            if message.offset >= (stream_range.end or 0) - 1:
                break
    consumer.close()
    return len(np.stack(images)) + len(np.stack(labels))


def _bare_consume(servers: str, ranges: tuple[StreamRange, ...]) -> int:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "floor",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 5,
            "fetch.message.max.bytes": 4 << 20,
            "queued.min.messages": 200_000,
            "queued.max.messages.kbytes": 128 << 10,
            "check.crcs": False,
        }
    )
    consumer.assign(
        [TopicPartition(stream_range.topic, stream_range.partition, stream_range.start) for stream_range in ranges]
    )
    missing = sum(stream_range.max_records or 0 for stream_range in ranges)
    while missing:
        missing -= len(consumer.consume(min(missing, 4000), 1.0))
    consumer.close()
    return missing
