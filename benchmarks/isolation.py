"""S11: what isolation costs: how soon a confined process is ready, and a batch that crosses to it and back.

The floor is a fork of the same warm server without any confinement. For the batch it is the same engine in this
process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.context import Context, Row, median_and_spread
from kafkaml.wire.framework import Framework
from kafkaml.wire.inference import ServedModel
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import OwnRuntime, Runtime
from model_inference.engine import EngineStarter, choose_engine
from model_inference.predicting import SampleSpec
from tests.fork_servers import running_fork_server
from tests.model_inference.onnx_models import slow_convolution

IDS = ("S11",)

_READY_BAR_MS = 30.0
_BATCH = 32
_SPEC = SampleSpec(np.dtype(np.uint8), (28, 28))


def run(context: Context) -> Iterator[Row]:
    """Yield for each runtime the p95 of the time to get ready, then the time that a batch takes."""
    starts = 20 if context.quick else 40
    for runtime in (OwnRuntime.ONNX, Framework.PYTORCH, Framework.TENSORFLOW):
        # Both servers are measured in turns, so that a busy moment of the machine hits both.
        with running_fork_server(runtime, "auto") as confined, running_fork_server(runtime, "off") as open_:
            floor, ours = [], []
            for _ in range(context.repeats):
                floor.append(_p95_ms(runtime, open_.socket, "off", starts))
                ours.append(_p95_ms(runtime, confined.socket, "auto", starts))
        p95, spread = median_and_spread(ours)
        yield Row(
            id="S11",
            what=f"a confined process is ready, p95, {runtime.value}",
            unit="ms",
            ours=p95,
            floor=median_and_spread(floor)[0],
            spread=spread,
            bar=f"<= {_READY_BAR_MS:g} ms",
            met=p95 <= _READY_BAR_MS,
            higher_is_better=False,
            note="floor: the same fork without confinement",
        )
    yield _batch(context)


def _p95_ms(runtime: Runtime, fork_server: str, isolation: str, starts: int) -> float:
    times = []
    for _ in range(starts):
        began = time.perf_counter()
        with ModelProcess.start(runtime, ResourceLimits(), fork_server=fork_server, isolation=isolation):
            times.append(1e3 * (time.perf_counter() - began))
    return sorted(times)[int(0.95 * len(times))]


def _batch(context: Context) -> Row:
    model, batches = slow_convolution(), 20 if context.quick else 100
    samples = np.random.default_rng(0).integers(0, 256, (_BATCH, *_SPEC.shape)).astype(_SPEC.dtype)
    path = context.folder / "slow.onnx"
    path.write_bytes(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    bare = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    floor, ours = [], []
    with running_fork_server(OwnRuntime.ONNX, "auto") as server:
        engine = _starter(path, Path(server.socket))(_SPEC)
        try:
            for _ in range(context.repeats):
                floor.append(_ms(batches, lambda: bare.run(None, {"x": samples.astype(np.float32)})))
                ours.append(_ms(batches, lambda: _through(engine, samples)))
        finally:
            engine.close()
    middle, spread = median_and_spread(ours)
    least = median_and_spread(floor)[0]
    return Row(
        id="S11",
        what=f"a batch of {_BATCH} by the isolated process, slow model",
        unit="ms",
        ours=middle,
        floor=least,
        spread=spread,
        bar="<= 1.1 x the engine in this process",
        met=middle <= 1.1 * least,
        higher_is_better=False,
    )


def _starter(path: Path, fork_server: Path) -> EngineStarter:
    model = ServedModel(
        result_id=1,
        version=1,
        name="slow",
        framework=Framework.TENSORFLOW,
        code="",
        imports="",
        artifacts={"model.onnx": ""},
    )
    return EngineStarter(
        model,
        choose_engine(model),
        path,
        limits=ResourceLimits(),
        gpu=0,
        fork_server=fork_server,
        isolation="auto",
        start_timeout_seconds=60,
        max_batch=_BATCH,
        batch_timeout_seconds=60,
    )


def _through(engine: Any, samples: np.ndarray[Any, Any]) -> None:
    engine.submit(samples)
    while not engine.wait(1.0):
        pass
    engine.collect()


def _ms(batches: int, predict: Any) -> float:
    predict()
    began = time.perf_counter()
    for _ in range(batches):
        predict()
    return 1e3 * (time.perf_counter() - began) / batches
