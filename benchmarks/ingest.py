"""P1: rows per second that a sink sends, all acknowledged: 28x28 images of one byte a pixel, with their label.

The reference sends as the old sinks do, through kafka-python, with one ``send`` per row. The floor is a bare
``produce`` loop over bytes in memory, with the same guarantees. Ours starts from NumPy arrays and ends with the
announcement. The second figure packs 64 samples into a record, and so does its floor. Python's part is then a tenth,
and the broker does not take the bytes any faster. The time includes making the client and asking for the topic in all
cases.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from confluent_kafka import Producer
from kafka import KafkaProducer

from benchmarks.context import Context, Row, median_and_spread
from datasources import RawSink

IDS = ("P1",)

_ROWS = 200_000
_REFERENCE_ROWS = 20_000
_QUICK_ROWS = 5_000
_PARTITIONS = 4
_PER_RECORD = 64

Array = np.ndarray[Any, Any]


def run(context: Context) -> list[Row]:
    """Measure with one row per record, then with packed records."""
    rows = _QUICK_ROWS if context.quick else _ROWS
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (rows, 28, 28), dtype=np.uint8)
    labels = random.integers(0, 10, rows).astype(np.uint8)
    reference_rows = min(rows, _REFERENCE_ROWS)
    # Measurements are taken in turns, so that a busy minute of the machine falls on all of them.
    rates: dict[str, list[float]] = {"reference": [], "floor": [], "ours": [], "packed_floor": [], "packed": []}
    for _ in range(context.repeats):
        rates["reference"].append(_rate(context, reference_rows, _kafka_python, images, labels))
        rates["floor"].append(_rate(context, rows, _bare_produce, images, labels))
        rates["ours"].append(_rate(context, rows, _sink, images, labels))
        rates["packed_floor"].append(_rate(context, rows, _bare_produce_packed, images, labels))
        rates["packed"].append(_rate(context, rows, _packed_sink, images, labels))
    reference, floor, packed_floor = (
        median_and_spread(rates[name])[0] for name in ("reference", "floor", "packed_floor")
    )
    return [
        _row("one row a record", rates["ours"], reference, floor, 30.0, 0.75),
        _row(f"packed, {_PER_RECORD} rows a record", rates["packed"], reference, packed_floor, 30.0, 0.9),
    ]


def _row(what: str, rates: list[float], reference: float, floor: float, times: float, of_floor: float) -> Row:
    ours, spread = median_and_spread(rates)
    met = ours >= times * reference and ours >= of_floor * floor
    return Row(
        id="P1",
        what=f"send 28x28 images with labels: {what}",
        unit="rows/s",
        ours=ours,
        reference=reference,
        floor=floor,
        spread=spread,
        bar=f">= {times:g}x reference, >= {of_floor:g} of the floor",
        met=met,
    )


def _rate(
    context: Context, rows: int, send: Callable[[str, str, Array, Array], None], images: Array, labels: Array
) -> float:
    topic = context.topic(_PARTITIONS, name="ingest")
    began = time.perf_counter()
    send(context.bootstrap_servers, topic, images[:rows], labels[:rows])
    return rows / (time.perf_counter() - began)


def _kafka_python(servers: str, topic: str, images: Array, labels: Array) -> None:
    producer = KafkaProducer(bootstrap_servers=servers)
    for image, label in zip(images, labels, strict=True):
        producer.send(topic, key=label.tobytes(), value=image.tobytes())
    producer.flush()
    producer.close()


def _bare_producer(servers: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": servers,
            "acks": "all",
            "linger.ms": 5,
            "batch.size": 1 << 20,
            "queue.buffering.max.messages": 1_000_000,
        }
    )


def _bare_produce_packed(servers: str, topic: str, images: Array, labels: Array) -> None:
    producer = _bare_producer(servers)
    values = [images[start : start + _PER_RECORD].tobytes() for start in range(0, 16 * _PER_RECORD, _PER_RECORD)]
    key = labels[:_PER_RECORD].tobytes()
    for index in range(len(images) // _PER_RECORD):
        producer.produce(topic, values[index % 16], key)
        if index % 100 == 0:
            producer.poll(0)
    producer.flush()


def _bare_produce(servers: str, topic: str, images: Array, labels: Array) -> None:
    producer = _bare_producer(servers)
    values = [bytes(image) for image in images[:1000]]
    keys = [bytes([label]) for label in range(256)]
    codes = labels.tolist()
    for index, code in enumerate(codes):
        producer.produce(topic, values[index % 1000], keys[code])
        if index % 1000 == 0:
            producer.poll(0)
    producer.flush()


def _sink(servers: str, topic: str, images: Array, labels: Array) -> None:
    with RawSink(bootstrap_servers=servers, topic=topic, deployment_id=1, control_topic=f"{topic}-control") as sink:
        sink.send_array(images, labels)


def _packed_sink(servers: str, topic: str, images: Array, labels: Array) -> None:
    with RawSink(
        bootstrap_servers=servers,
        topic=topic,
        deployment_id=1,
        control_topic=f"{topic}-control",
        samples_per_record=_PER_RECORD,
    ) as sink:
        sink.send_array(images, labels)
