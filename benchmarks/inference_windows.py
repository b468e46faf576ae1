"""P12: windows of ten records of a key, exactly once with their state in a changelog, against records that stand alone.

The floor is the plain inference of P4: images as they are. Windows read JSON objects of four columns of ten thousand
keys, and write the state of each key next to the answers. The same network answers both, as far as their shapes let it.
The reference is what somebody would write with Quix Streams: same topic, model and guarantee, with its state in a
changelog too. A further figure is how much memory of a replica the windows of a hundred thousand keys take.
"""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil

from benchmarks.context import Context, Row, median_and_spread
from benchmarks.inference_loops import PARTITIONS, Throughput, fill, measure_group, measure_replica
from kafkaml.codecs.columns import ColumnsCodec, contract_of
from kafkaml.input_format import InputFormat
from kafkaml.records import ListBatch, Record
from tests.model_inference.onnx_models import mlp

IDS = ("P12",)

_RECORDS = 200_000
_QUICK_RECORDS = 20_000
_KEYS, _LENGTH = 10_000, 10
_COLUMNS = ("temperature", "pressure", "speed", "load")
_OFFSET, _SCALE = 50.0, 10.0
_BAR, _PEER_BAR = 0.5, 5.0
_MANY_KEYS, _BAR_MB = 100_000, 64
_REPO = Path(__file__).resolve().parent.parent
CONTRACT: Any = {
    "format": "JSON",
    "fields": [{"path": [name], "kind": "number"} for name in _COLUMNS],
    "columns": [{"name": name, "expression": name, "scaling": "standard"} for name in _COLUMNS],
    "window": {"length": _LENGTH},
    "split": "time",
}
LEARNT: Any = {"columns": {name: {"offset": _OFFSET, "scale": _SCALE} for name in _COLUMNS}}
_CONFIG = {"contract": CONTRACT, "learnt": LEARNT}


def run(context: Context) -> Iterator[Row]:
    """Measure the three programs in turns, so that a busy moment of the machine hits all."""
    count = _QUICK_RECORDS if context.quick else _RECORDS
    images = fill(context, count)
    records = ((_reading(number), b"machine-%d" % (number % _KEYS)) for number in range(count))
    readings = context.fill(records, partitions=PARTITIONS, name="readings")
    subprocess.run([_REPO / "scripts/install-peers"], check=True)
    fields = {"input_format": InputFormat.COLUMNS, "input_config": _CONFIG}
    model = mlp(_LENGTH * len(_COLUMNS))
    windows, plains, peers = [], [], []
    for _ in range(context.repeats):
        plains.append(measure_replica(context, images, mlp(), count).per_second)
        windows.append(measure_replica(context, readings, model, count, plan_fields=fields).per_second)
        peers.append(_quix(context, readings, model, count).per_second)
    ours, spread = median_and_spread(windows)
    floor, floor_spread = median_and_spread(plains)
    reference, reference_spread = median_and_spread(peers)
    yield Row(
        id="P12",
        what=f"windows of {_LENGTH} JSON records, exactly once; reference: Quix Streams with state",
        unit="messages/s",
        ours=ours,
        reference=reference,
        floor=floor,
        spread=spread,
        bar=f">= {_PEER_BAR:g}x, >= {_BAR} of the floor",
        met=ours / floor >= _BAR and ours / reference >= _PEER_BAR,
        note=f"{count} messages of {_KEYS} keys; floor: P4, spread {floor_spread:.2f}; Quix {reference_spread:.2f}",
    )
    keys = _MANY_KEYS // 20 if context.quick else _MANY_KEYS
    megabytes = _memory(keys)
    yield Row(
        id="P12",
        what=f"memory of the windows of {keys:,} keys, {_LENGTH} records of {len(_COLUMNS)} columns",
        unit="MB",
        ours=megabytes,
        bar=f"<= {_BAR_MB} MB",
        met=megabytes <= _BAR_MB,
        higher_is_better=False,
    )


def _reading(number: int) -> bytes:
    return orjson.dumps({name: 40 + (number * (place + 3)) % 21 for place, name in enumerate(_COLUMNS)})


def _quix(context: Context, topic: str, model: bytes, count: int) -> Throughput:
    """Let one process of Quix Streams answer ``topic`` from its start, and time it from outside, as our replica is
    timed.
    """
    folder = context.folder / f"quix-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    path = folder / "model.onnx"
    path.write_bytes(model)
    output = context.topic(PARTITIONS, name="quix")
    log = folder / "log"
    with log.open("wb") as written, contextlib.ExitStack() as undo:
        arguments = [context.bootstrap_servers, topic, output, str(path), str(folder / "state"), ",".join(_COLUMNS)]
        program = [
            str(_REPO / "build/peers/bin/python"),
            "-W",
            "ignore",
            str(_REPO / "benchmarks/peers/quix_windows.py"),
        ]
        process = subprocess.Popen(
            [*program, *arguments, str(_LENGTH), str(_OFFSET), str(_SCALE)], stdout=written, stderr=subprocess.STDOUT
        )
        undo.callback(process.wait)
        undo.callback(process.kill)
        return measure_group(
            context, topic, output, count, said=lambda: log.read_text() if process.poll() is not None else ""
        )


def _memory(keys: int) -> float:
    """Return how many MB a new process grows by when it has taken a full window of each key."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.inference_windows", str(keys)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _grown(keys: int, *, batch: int = 1000) -> float:
    codec = ColumnsCodec(*contract_of(_CONFIG))
    assert codec.state is not None
    process = psutil.Process()

    def take(first: int, count: int) -> None:
        numbers = range(first, first + count)
        records = [Record("in", n % PARTITIONS, n, b"machine-%d" % (n % keys), _reading(n)) for n in numbers]
        codec.decode_batch(ListBatch(records))
        codec.state.commit()  # type: ignore[union-attr]  # asserted above

    # The first batch is not counted, because it includes the memory that reading alone takes.
    take(0, batch)
    gc.collect()
    before = process.memory_info().rss
    for first in range(batch, keys * _LENGTH, batch):
        take(first, batch)
    gc.collect()
    return float(process.memory_info().rss - before) / 1e6


if __name__ == "__main__":
    print(_grown(int(sys.argv[1])))
