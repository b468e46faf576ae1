"""P4: messages per second through an inference on the real broker, exactly once, isolated, order per partition kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.context import Context, Row, median_and_spread
from benchmarks.inference_loops import PARTITIONS, SAMPLE_SHAPE, EchoLoop, fill, measure_replica, old_loop
from tests.model_inference.onnx_models import mlp, slow_convolution

IDS = ("P4",)

_RECORDS = 300_000
_QUICK_RECORDS = 20_000
_COMMIT_SECONDS = 0.1
_SLOW_RECORDS = 6_000
_QUICK_SLOW_RECORDS = 1_000
_SLOW_BATCH = 256


def run(context: Context) -> Iterator[Row]:
    """Measure our replica and the floor in turns, so that a busy moment of the machine hits both. Measure the old loops
    afterwards.
    """
    count = _QUICK_RECORDS if context.quick else _RECORDS
    topic, model = fill(context, count), mlp()
    floors, ours = [], []
    for _ in range(context.repeats):
        output = context.topic(PARTITIONS, name="echo")
        floors.append(EchoLoop(context.bootstrap_servers, topic, output, _COMMIT_SECONDS).run(count))
        ours.append(measure_replica(context, topic, model, count).per_second)
    rate, spread = median_and_spread(ours)
    floor, floor_spread = median_and_spread(floors)
    for name, bar, messages, predict in _references(context.quick):
        reference = old_loop(context.bootstrap_servers, topic, context.topic(name="old"), messages, predict)
        yield Row(
            id="P4",
            what=f"inference, reference: {name}",
            unit="messages/s",
            ours=rate,
            reference=reference,
            floor=floor,
            spread=spread,
            bar=f">= {bar:,}x, >= 0.7 of the floor",
            met=rate / reference >= bar and rate / floor >= 0.7,
            note=f"{count} messages; floor: exactly-once echo, spread {floor_spread:.2f}",
        )
    yield _slow_model(context)


def _references(quick: bool) -> Iterator[tuple[str, int, int, Callable[[np.ndarray[Any, Any]], list[float]]]]:
    """Yield each way in which the old system predicts a message: its name, its bar, the number of messages, and the
    function.
    """
    import keras
    import tensorflow as tf
    import torch

    network = keras.Sequential(
        [
            keras.Input(shape=SAMPLE_SHAPE),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    yield "keras predict, one by one", 5000, 50 if quick else 300, lambda x: network.predict(x, verbose=0)[0].tolist()
    function = tf.function(network).get_concrete_function(tf.TensorSpec((1, *SAMPLE_SHAPE), tf.float32))
    yield (
        "concrete function, one by one",
        100,
        500 if quick else 5_000,
        lambda x: function(tf.constant(x, tf.float32)).numpy()[0].tolist(),
    )
    layers = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10), torch.nn.Softmax(1)
    )
    yield (
        "torch, one by one",
        20,
        1_000 if quick else 20_000,
        lambda x: layers(torch.from_numpy(x).float())[0].tolist(),
    )


def _slow_model(context: Context) -> Row:
    """Measure with a model that takes about a millisecond per sample, next to which the cost of our loop should not be
    noticeable.
    """
    count = _QUICK_SLOW_RECORDS if context.quick else _SLOW_RECORDS
    topic, model = fill(context, count), slow_convolution()
    bare, ours = [], []
    for _ in range(min(3, context.repeats)):
        bare.append(_bare_engine(model, count // 2))
        ours.append(measure_replica(context, topic, model, count).per_second)
    rate, spread = median_and_spread(ours)
    floor, floor_spread = median_and_spread(bare)
    return Row(
        id="P4",
        what="inference, slow model against the bare engine",
        unit="messages/s",
        ours=rate,
        floor=floor,
        spread=spread,
        bar=">= 0.9 of the bare engine",
        met=rate / floor >= 0.9,
        note=f"{1000 / floor:.2f} ms a sample; bare engine: batches of {_SLOW_BATCH}, spread {floor_spread:.2f}",
    )


def _bare_engine(model: bytes, count: int) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    batch = np.random.default_rng(0).integers(0, 256, (_SLOW_BATCH, *SAMPLE_SHAPE)).astype(np.float32)
    session.run(None, {"x": batch})
    batches = max(1, count // _SLOW_BATCH)
    began = time.perf_counter()
    for _ in range(batches):
        session.run(None, {"x": batch})
    return batches * _SLOW_BATCH / (time.perf_counter() - began)
