"""P12: windows of ten records of a key, exactly once with their state in a changelog, against records that stand alone.

The plain inference is that of P4: images as they are. Windows read JSON objects of four columns of a thousand keys, and
write the state of each key beside the answers. The same network answers both, as far as their shapes let it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from confluent_kafka import Producer

from benchmarks.context import Context, Row, median_and_spread
from benchmarks.inference_loops import PARTITIONS, fill, measure_replica
from kafkaml.input_format import InputFormat
from tests.model_inference.onnx_models import mlp

IDS = ("P12",)

_RECORDS = 200_000
_QUICK_RECORDS = 20_000
_KEYS, _LENGTH = 1000, 10
_COLUMNS = ("temperature", "pressure", "speed", "load")
_BAR = 0.5
CONTRACT: Any = {
    "format": "JSON",
    "fields": [{"path": [name], "kind": "number"} for name in _COLUMNS],
    "columns": [{"name": name, "expression": name, "scaling": "standard"} for name in _COLUMNS],
    "window": {"length": _LENGTH},
    "split": "time",
}
LEARNT: Any = {"columns": {name: {"offset": 50.0, "scale": 10.0} for name in _COLUMNS}}


def run(context: Context) -> Iterator[Row]:
    """Measure both in turns, so that a busy moment of the machine hits both."""
    count = _QUICK_RECORDS if context.quick else _RECORDS
    images, readings = fill(context, count), _readings(context, count)
    fields = {"input_format": InputFormat.COLUMNS, "input_config": {"contract": CONTRACT, "learnt": LEARNT}}
    windows, plains = [], []
    for _ in range(context.repeats):
        plains.append(measure_replica(context, images, mlp(), count).per_second)
        model = mlp(_LENGTH * len(_COLUMNS))
        windows.append(measure_replica(context, readings, model, count, plan_fields=fields).per_second)
    ours, spread = median_and_spread(windows)
    floor, floor_spread = median_and_spread(plains)
    yield Row(
        id="P12",
        what=f"windows of {_LENGTH} JSON records, exactly once, against plain records",
        unit="messages/s",
        ours=ours,
        floor=floor,
        spread=spread,
        bar=f">= {_BAR}",
        met=ours / floor >= _BAR,
        note=f"{count} messages of {_KEYS} keys; plain inference (P4): spread {floor_spread:.2f}",
    )


def _readings(context: Context, count: int) -> str:
    """Create a topic of readings and return its name."""
    topic = context.topic(PARTITIONS, name="readings")
    producer = Producer({"bootstrap.servers": context.bootstrap_servers, "linger.ms": 20})
    for number in range(count):
        value = orjson.dumps({name: 40 + (number * (place + 3)) % 21 for place, name in enumerate(_COLUMNS)})
        while True:
            try:
                producer.produce(topic, value, b"machine-%d" % (number % _KEYS), partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.05)
    if producer.flush(120):
        raise RuntimeError(f"not all of {count} messages were acknowledged")
    return topic
