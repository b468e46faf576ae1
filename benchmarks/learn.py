"""P11: incremental training against classic training on the same images, and what a checkpoint costs.

The stream is complete before the measurement. Both trainings make the same number of passes over it; incremental
training makes them over each window. The time is measured as in P3. It runs from the start of the run, the model
process included, to the end of the last epoch or window, its checkpoint included.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.context import Context, Row, median_and_spread
from benchmarks.train import Clock, fill, plan_for, run_once
from benchmarks.train_loops import EPOCHS
from kafkaml.stream_range import StreamRange
from kafkaml.wire.choices import TrainingMode
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from model_training.modes import classic, incremental
from tests.fork_servers import running_fork_server

IDS = ("P11",)

_RECORDS = 60_000
_QUICK_RECORDS = 20_000
_OF_CLASSIC = 0.8
# Seconds between checkpoints of classic training, and the share of the time that they may take.
_BETWEEN_SECONDS = 10.0
_MOST_OF_TIME = 0.05


def run(context: Context) -> Iterator[Row]:
    """Measure both frameworks, each with one pass and with several."""
    count = _QUICK_RECORDS if context.quick else _RECORDS
    topic = fill(context, count)
    for framework in Framework:
        with running_fork_server(framework, "auto") as server:
            for passes in (1, EPOCHS):
                yield from _rows(context, framework, topic, count, passes, server.socket)


def _rows(
    context: Context, framework: Framework, topic: str, count: int, passes: int, fork_server: str
) -> Iterator[Row]:
    arguments = {"fit_arguments": {"epochs": passes}}
    slice_plan = plan_for(framework, StreamRange(topic, 0, 0, count), **arguments)
    stream_plan = plan_for(
        framework,
        StreamRange(topic),
        mode=TrainingMode.INCREMENTAL,
        incremental=Incremental(stream_timeout=1000),
        **arguments,
    )
    clocks: list[Clock] = []
    seconds: dict[TrainingMode, list[float]] = {TrainingMode.CLASSIC: [], TrainingMode.INCREMENTAL: []}
    for _ in range(context.repeats):
        for plan, mode in ((slice_plan, classic), (stream_plan, incremental)):
            started = time.perf_counter()
            clock = run_once(context, plan, mode, fork_server)
            kept = clock.checkpoint_seconds[-1] if mode is incremental else 0.0
            seconds[plan.mode].append(clock.last_epoch + kept - started)
            clocks.append(clock)
    ours, spread = median_and_spread([count / second for second in seconds[TrainingMode.INCREMENTAL]])
    reference, _ = median_and_spread([count / second for second in seconds[TrainingMode.CLASSIC]])
    costs = [checkpoint_second for clock in clocks for checkpoint_second in clock.checkpoint_seconds]
    cost, cost_spread = median_and_spread(costs)
    yield Row(
        id="P11",
        what=f"learning a stream of {count} records, {passes} passes, {framework}",
        ours=ours,
        unit="samples/s",
        reference=reference,
        spread=spread,
        bar=f">= {_OF_CLASSIC} of classic training",
        met=ours >= _OF_CLASSIC * reference,
        note=f"{len(clocks[-1].checkpoint_seconds)} windows; validation accuracy {clocks[-1].accuracy:.3f}, of classic "
        f"training {clocks[-2].accuracy:.3f}",
    )
    if passes == 1:
        yield Row(
            id="P11",
            what=f"a checkpoint of it, {framework}",
            ours=1000 * cost,
            unit="ms",
            spread=cost_spread,
            higher_is_better=False,
            bar=f"<= {_MOST_OF_TIME:.0%} of the time at one in {_BETWEEN_SECONDS:g} s",
            met=cost <= _MOST_OF_TIME * _BETWEEN_SECONDS,
            note=f"{clocks[-1].checkpoints[-1].size >> 10} KiB, the backend aside",
        )
