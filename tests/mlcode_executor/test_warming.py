"""The batch sizes for which a model is warmed up: those that memory and time allow, found without exceeding them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.warming import Growth, Measured, WarmBudget, WarmUp, bucket_for

MIB = 1 << 20


def warmed(
    max_batch: int,
    *,
    growth: Callable[[int], float] = lambda _size: 0,
    seconds: Callable[[int], float] = lambda _size: 1e-4,
    compiling: float = 0.0,
    bytes_per_sample: int = 1,
    budget: WarmBudget | None = None,
) -> list[int]:
    """Return the sizes that are run for a model with this growth of memory and this duration per size."""
    now, sizes = 0.0, list[int]()
    warm_up = WarmUp(max_batch, budget, clock=lambda: now)
    # Importing a framework and loading the model take time that does not count.
    now = 500.0
    highest = 0.0
    while (size := warm_up.next_size()) is not None:
        if not sizes:
            warm_up.bound(bytes_per_sample)
        sizes.append(size)
        highest = max(highest, growth(size))
        first = seconds(size) + compiling
        now += first + seconds(size)
        warm_up.note(Measured(size, seconds(size), first, int(highest)))
    assert warm_up.largest == sizes[-1]
    return sizes


def test_a_small_fast_model_is_warmed_up_for_every_size() -> None:
    assert warmed(1024) == [1, 8, 32, 256, 1024]
    assert warmed(100) == [1, 8, 32, 100]
    assert warmed(1) == [1]


def test_what_the_framework_takes_once_does_not_count_for_each_sample() -> None:
    assert warmed(1024, growth=lambda size: (200 + 0.1 * size) * MIB) == [1, 2, 8, 32, 256, 1024]
    assert warmed(1024, growth=lambda size: (400 + 0.05 * size) * MIB) == [1, 2, 8, 32, 256, 1024]


@pytest.mark.parametrize(("per_sample", "most"), [(6, 64), (20, 16), (150, 2), (600, 1), (4000, 1)])
def test_large_samples_are_served_in_small_batches(per_sample: int, most: int) -> None:
    sizes = warmed(1024, growth=lambda size: per_sample * size * MIB)
    assert sizes[-1] == most
    # No size was tried that exceeds the memory.
    assert per_sample * most <= 512 or most == 1


def test_a_small_limit_of_memory_is_kept_well_clear_of() -> None:
    budget = WarmBudget.of(ResourceLimits(memory_bytes=256 * MIB))
    assert warmed(1024, growth=lambda size: 5 * size * MIB, budget=budget)[-1] == 8
    assert WarmBudget.of(ResourceLimits(memory_bytes=0)) == WarmBudget()


@pytest.mark.parametrize(("per_sample", "most"), [(0.05, 16), (0.01, 128), (0.6, 1), (0.001, 1024)])
def test_slow_models_are_not_kept_busy_by_warming_up(per_sample: float, most: int) -> None:
    assert warmed(1024, seconds=lambda size: per_sample * size)[-1] == most


def test_compiling_for_each_size_stops_while_the_first_answer_is_near() -> None:
    assert warmed(1024, compiling=15.0) == [1, 8]


def test_samples_and_answers_in_the_runner_bound_the_batch_too() -> None:
    assert warmed(1024, bytes_per_sample=10 * MIB)[-1] == 25
    assert warmed(1024, bytes_per_sample=1 << 40) == [1]


def test_padded_sizes_are_those_that_were_run() -> None:
    for most in (1, 2, 8, 25, 64, 1024):
        sizes = set(warmed(most))
        assert {bucket_for(count, most) for count in range(1, most + 1)} <= sizes


def test_growth_without_procfs_follows_the_kernels_counter() -> None:
    growth = Growth(2**30)
    with growth.watched():
        pass
    assert [growth.upon(peak) for peak in (100, 100, 130)] == [0, 0, 30]
