"""P17: how long nothing is answered while a running inference goes over from one version of its model to another.

The load is an open loop at one rate, as in P5: the highest of a few rates that the machine carries with head room. The
figure is the longest time without an answer among many swaps. It is compared with the latency that 99 of 100 answers
keep to without a swap. Half of the swaps load a model, half go back to one that is still warm.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice, pairwise

from confluent_kafka import Producer

from benchmarks.context import Context, Row
from benchmarks.inference_latency import AnswerReader, send
from benchmarks.inference_loops import PARTITIONS, images, running_replica
from tests.model_inference.onnx_models import mlp
from tests.model_inference.replicas import InferenceUnderTest
from tests.support import eventually

IDS = ("P17",)

_RATES = (5_000, 2_000, 800, 300)
# A machine whose answers take longer than this without any swap cannot keep up with the rate, and waiting records would
# hide the gaps.
_CARRIED_MS = 250.0
_SWAPS = 50
_QUICK_SWAPS = 4
_CALM_SECONDS = 10.0
_FACTOR = 3.0
_VERSIONS = (2, 1, 3, 1)


def run(context: Context) -> Iterator[Row]:
    """Measure first without swaps, then with them, in the same process."""
    topic = context.topic(PARTITIONS, name="requests")
    fields = {"group": f"bench-{uuid.uuid4().hex[:8]}", "output_topic": context.topic(PARTITIONS, name="answers")}
    swaps = _QUICK_SWAPS if context.quick else _SWAPS
    with running_replica(context, topic, mlp(), plan_fields=fields) as inference:
        eventually(lambda: "running" in inference.states, 60)
        reader = AnswerReader(context, inference.output_topic)
        try:
            for rate in _RATES:
                with _sending(context, topic, rate):
                    # Wait until the backlog of the previous rate and one second of the new rate have been answered.
                    eventually(partial(_has_answered, reader, time.time() + 1.0), 180)
                    calm = _Span(reader, lambda: time.sleep(2.0 if context.quick else _CALM_SECONDS))
                    if calm.p99 <= _CARRIED_MS or rate == _RATES[-1]:
                        busy = _Span(reader, lambda: _swap(inference, swaps))
                        break
        finally:
            reader.close()
        gaps_ms = [swap["gap_seconds"] * 1000 for stat in inference.backend.stats for swap in stat["swaps"]]
    bar = _FACTOR * calm.p99
    yield Row(
        id="P17",
        what=f"longest time without an answer in {swaps} swaps at {rate:,}/s",
        unit="ms",
        ours=round(busy.longest_gap, 2),
        floor=round(calm.longest_gap, 2),
        bar=f"<= {bar:.1f} ms",
        met=busy.longest_gap <= bar and calm.p99 <= _CARRIED_MS,
        higher_is_better=False,
        note=f"floor: without swaps; the bar is three times the p99 of {calm.p99:.1f} ms without swaps; a replica read "
        f"nothing for at most {max(gaps_ms):.1f} ms; p99 with swaps {busy.p99:.1f} ms",
    )


class _Span:
    """The answers that arrived while ``action`` ran: their 99th percentile and the longest gap, in milliseconds."""

    def __init__(self, reader: AnswerReader, action: Callable[[], None]) -> None:
        first = len(reader.arrivals)
        action()
        arrivals, latencies = reader.arrivals[first:], sorted(latency for _, latency in reader.latencies[first:])
        self.p99 = latencies[len(latencies) * 99 // 100]
        self.longest_gap = 1000 * max(after - before for before, after in pairwise(arrivals))


def _swap(inference: InferenceUnderTest, count: int) -> None:
    for number in islice(cycle(_VERSIONS), count):
        revision = inference.swap(inference.version(number, {"model.onnx": mlp(seed=number)}))
        eventually(partial(_serves, inference, revision), 120)


def _has_answered(reader: AnswerReader, due: float) -> bool:
    return bool(reader.latencies) and reader.latencies[-1][0] >= due


def _serves(inference: InferenceUnderTest, revision: int) -> bool:
    return (inference.backend.stats[-1]["serving"] or {}).get("revision") == revision


@contextmanager
def _sending(context: Context, topic: str, rate: int) -> Iterator[None]:
    """Send at ``rate`` records a second until the block ends."""
    stop = threading.Event()

    def send_on() -> None:
        producer = Producer(
            {"bootstrap.servers": context.bootstrap_servers, "linger.ms": 0, "socket.nagle.disable": True}
        )
        values = images(100)
        while not stop.is_set():
            send(producer, topic, values, rate, 1.0)

    sender = threading.Thread(target=send_on, daemon=True)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join(60)
