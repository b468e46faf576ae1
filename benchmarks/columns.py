"""P2c: records per second from JSON with named fields to the arrays of a model: four columns by SQL.

Reference: a Python loop over what orjson reads, as people write it. Ours is ``CompiledContract.decode``, which serving
and training use, on one thread. The figure of a small batch is its time. That is how much longer a record that is
answered alone waits than one of RAW numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import orjson

from benchmarks.context import Context, Row, median_and_spread
from kafkaml.codecs.raw import RawCodec
from kafkaml.records import ListBatch, Record

IDS = ("P2c",)

_RECORDS = 200_000
_QUICK_RECORDS = 8_000
_BATCH = 4000
_REFERENCE_RECORDS = 20_000
_BAR_PER_SECOND = 1e6
_BAR_MS = 1.0


def run(context: Context) -> Iterator[Row]:
    """Yield a row for large batches, and for each small one."""
    records = _QUICK_RECORDS if context.quick else _RECORDS
    values = _values(records)
    few = values[:_REFERENCE_RECORDS]
    reference = median_and_spread([len(few) / seconds for seconds in context.measure(lambda: _python_loop(few))])[0]
    batches = [_batch(values[start : start + _BATCH]) for start in range(0, records, _BATCH)]
    decode = decoder()

    def decode_all() -> None:
        for batch in batches:
            decode(batch)

    decode_all()
    ours, spread = median_and_spread([records / seconds for seconds in context.measure(decode_all)])
    yield Row(
        id="P2c",
        what="JSON records to 4 columns",
        unit="records/s",
        ours=ours,
        reference=reference,
        spread=spread,
        bar=">= 1M/s",
        met=ours >= _BAR_PER_SECOND,
        note="reference: orjson and a loop; one thread",
    )
    yield from _small_batches(context, values)


def _small_batches(context: Context, values: list[bytes]) -> Iterator[Row]:
    repeats = 50 if context.quick else 500
    decode = decoder()
    raw = RawCodec(np.dtype("<f4"), (4,))
    sample = np.arange(4, dtype="<f4").tobytes()
    for count in (1, 32):
        batch = _batch(values[:count])
        ours, spread = _milliseconds(lambda: decode(batch), repeats)  # noqa: B023  called at once
        floor = _milliseconds(lambda: raw.decode_each([sample] * count), repeats)[0]  # noqa: B023
        yield Row(
            id="P2c",
            what=f"one batch of {count} record{'s' * (count > 1)}",
            unit="ms",
            ours=ours,
            floor=floor,
            spread=spread,
            bar="<= 1 ms above RAW" if count == 1 else "",
            met=ours - floor <= _BAR_MS if count == 1 else None,
            higher_is_better=False,
            note="floor: the same numbers as RAW",
        )


def _milliseconds(action: Callable[[], object], repeats: int) -> tuple[float, float]:
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        seconds.append(1e3 * (time.perf_counter() - began))
    # The first measurements are left out, because they warm caches up. The slowest are left out too, because they
    # contain pauses of the machine.
    return median_and_spread(sorted(seconds[repeats // 10 :])[: repeats * 8 // 10])


def decoder() -> Callable[[ListBatch], object]:
    """Return a function that decodes batches by a contract of four columns."""
    from kafkaml.contract.compiled import CompiledContract
    from kafkaml.wire.contract import Column, Contract, FieldKind, Learnt, LearntColumn, RecordField, Scaling

    contract = Contract(
        format="JSON",
        fields=(
            RecordField(path=("reading", "temperature"), kind=FieldKind.NUMBER),
            RecordField(path=("reading", "pressure"), kind=FieldKind.NUMBER),
            RecordField(path=("status",), kind=FieldKind.TEXT),
            RecordField(path=("rpm",), kind=FieldKind.NUMBER),
        ),
        columns=(
            Column(name="temperature", expression="reading.temperature", scaling=Scaling.STANDARD),
            Column(name="ratio", expression="reading.temperature / reading.pressure"),
            Column(name="bad", expression="CASE WHEN status = 'ok' THEN 0 ELSE 1 END"),
            Column(name="rpm", expression="rpm", scaling=Scaling.MIN_MAX),
        ),
    )
    learnt = Learnt(
        columns={"temperature": LearntColumn(offset=20, scale=5), "rpm": LearntColumn(offset=900, scale=200)}
    )
    return CompiledContract(contract, learnt).decode


def _values(records: int) -> list[bytes]:
    return [
        orjson.dumps(
            {
                "machine": f"machine-{number % 100}",
                "time": 1_700_000_000_000 + number,
                "reading": {"temperature": 20 + number % 50 * 0.1, "pressure": 1.01 + number % 7 * 0.01},
                "status": "ok" if number % 3 else "worn",
                "rpm": 1000.0 + number % 13,
                "failure": number % 2,
            }
        )
        for number in range(records)
    ]


def _batch(values: list[bytes]) -> ListBatch:
    return ListBatch([Record("machines", 0, offset, b"k", value) for offset, value in enumerate(values)])


def _python_loop(values: list[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    rows = []
    for value in values:
        record = orjson.loads(value)
        reading = record["reading"]
        temperature = reading["temperature"]
        rows.append(
            (
                (temperature - 20) / 5,
                temperature / reading["pressure"],
                0.0 if record["status"] == "ok" else 1.0,
                (record["rpm"] - 900) / 200,
            )
        )
    return np.array(rows, np.float32)
