"""P6: what exactly once costs: the same replica with commits every 100 ms, by transactions and at least once."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.context import Context, Row, median_and_spread
from benchmarks.inference_loops import fill, measure_replica
from kafkaml.wire.choices import DeliveryGuarantee
from tests.model_inference.onnx_models import mlp

IDS = ("P6",)

_RECORDS = 300_000
_QUICK_RECORDS = 20_000


def run(context: Context) -> Iterator[Row]:
    """Measure both kinds of replica in turns, so that a busy moment of the machine hits both."""
    count = _QUICK_RECORDS if context.quick else _RECORDS
    topic, model = fill(context, count), mlp()
    rates: dict[DeliveryGuarantee, list[float]] = {guarantee: [] for guarantee in DeliveryGuarantee}
    for _ in range(context.repeats):
        for guarantee, measured in rates.items():
            result = measure_replica(context, topic, model, count, plan_fields={"guarantee": guarantee})
            measured.append(result.per_second)
    ours, spread = median_and_spread(rates[DeliveryGuarantee.EXACTLY_ONCE])
    floor, floor_spread = median_and_spread(rates[DeliveryGuarantee.AT_LEAST_ONCE])
    yield Row(
        id="P6",
        what="exactly once against at least once",
        unit="messages/s",
        ours=ours,
        floor=floor,
        spread=spread,
        bar=">= 0.9",
        met=ours / floor >= 0.9,
        note=f"{count} messages; at least once: spread {floor_spread:.2f}",
    )
