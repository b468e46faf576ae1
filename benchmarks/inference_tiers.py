"""P18: what it costs to decide for each record whether it leaves here or goes up to the next tier.

The same network serves the same images twice: as an ordinary model, and as a tier that hands its hidden layer up for a
third of the images. A second topic alone costs something, because Kafka's client sends a request for each partition.
The floor is therefore the speed of the ordinary inference, reduced by the share that the exactly-once echo loses when
it writes a third of its records to a second topic.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnxruntime

from benchmarks.context import Context, Row, median_and_spread
from benchmarks.inference_loops import PARTITIONS, SAMPLE_SHAPE, EchoLoop, fill, images, measure_replica
from kafkaml.wire.distributed import Cascade
from tests.model_inference.onnx_models import mlp

IDS = ("P18",)

_RECORDS = 300_000
_QUICK_RECORDS = 20_000
_SENT_UP = 1 / 3
# How many numbers go up per image, as in the tutorial's chain.
_WIDTH = 64
_BAR = 0.9
_COMMIT_SECONDS = 0.1


def run(context: Context) -> Iterator[Row]:
    """Measure the ordinary model and the tier in turns, so that a busy moment of the machine hits both."""
    count = _QUICK_RECORDS if context.quick else _RECORDS
    topic = fill(context, count)
    plain, sub_model = mlp(hidden=_WIDTH), mlp(hidden=_WIDTH, hands_up=True)
    cascade = Cascade(upper_topic=context.topic(PARTITIONS, name="upper"), limit=_limit(sub_model))
    fields = {"tier": "edge", "cascade": cascade}
    output, upper = context.topic(PARTITIONS, name="out"), (cascade.upper_topic, bytes(4 * _WIDTH))
    tiers, plains = list[float](), list[float]()
    one, two = list[float](), list[float]()
    for _ in range(context.repeats):
        plains.append(measure_replica(context, topic, plain, count).per_second)
        tiers.append(measure_replica(context, topic, sub_model, count, plan_fields=fields).per_second)
        for rates, other in ((one, None), (two, upper)):
            echo = EchoLoop(context.bootstrap_servers, topic, output, _COMMIT_SECONDS, other)
            rates.append(echo.run(count))
    ours, spread = median_and_spread(tiers)
    ordinary, floor_spread = median_and_spread(plains)
    slowed = median_and_spread(two)[0] / median_and_spread(one)[0]
    floor = ordinary * slowed
    yield Row(
        id="P18",
        what="a tier against an ordinary inference of its network, and what a second topic costs",
        unit="messages/s",
        ours=ours,
        floor=floor,
        spread=spread,
        bar=f">= {_BAR}",
        met=ours / floor >= _BAR,
        note=f"{count} messages, a third goes up; ordinary inference {ordinary:.0f} (spread {floor_spread:.2f}); echo "
        f"to two topics {slowed:.2f} of that to one",
    )


def _limit(model: bytes) -> float:
    """Return the limit that the confidence of a third of the images is below."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows = np.frombuffer(b"".join(images(1000)), np.uint8).reshape(-1, *SAMPLE_SHAPE)
    confidence = np.asarray(session.run(None, {"x": rows.astype(np.float32)})[-1]).max(axis=1)
    return float(np.quantile(confidence, _SENT_UP))
