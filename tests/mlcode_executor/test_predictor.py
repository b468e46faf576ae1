"""The hot path: batches keep their order and overlap, and a failed one does not end the others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from kafkaml.errors import BrokenError, DeadlineExceeded, FailedError, ModelProcessDied, UserCodeError
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.predictor import Predictor, bucket_for
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import OwnRuntime
from mlcode_executor.warming import WarmBudget, WarmUp
from tests.fork_servers import RunningForkServer, running_fork_server


@pytest.fixture(scope="module")
def server() -> Iterator[RunningForkServer]:
    with running_fork_server(OwnRuntime.PLAIN, "auto") as running:
        yield running


@pytest.fixture
def process(server: RunningForkServer) -> Iterator[ModelProcess]:
    limits = ResourceLimits(memory_bytes=512 << 20)
    with ModelProcess.start(OwnRuntime.PLAIN, limits, fork_server=server.socket) as running:
        yield running


def define(process: ModelProcess, code: str) -> None:
    process.call("run", {"code": code}, timeout_seconds=60)


@pytest.mark.parametrize(
    ("count", "max_batch", "bucket"),
    [(1, 1024, 1), (2, 1024, 8), (8, 1024, 8), (33, 1024, 256), (1000, 1024, 1024), (20, 20, 20), (1025, 5000, 5000)],
)
def test_batches_are_padded_to_few_sizes(count: int, max_batch: int, bucket: int) -> None:
    assert bucket_for(count, max_batch) == bucket


def test_answers_come_in_order_with_two_batches_under_way(process: ModelProcess) -> None:
    define(process, "def predict(x):\n    return x * 2")
    with Predictor(process, np.float32, (3,), 100) as predictor:
        collected: list[list[float]] = []
        for number in range(200):
            count = number % 100 + 1
            predictor.input_array[:count] = number
            predictor.submit(count)
            if predictor.in_flight == 2:
                collected.append(predictor.collect()[0][:, 0].tolist())
        collected.append(predictor.collect()[0][:, 0].tolist())
    assert collected == [[number * 2.0] * (number % 100 + 1) for number in range(200)]


def test_the_model_sees_padded_batches_only_and_each_size_before_the_first_record(process: ModelProcess) -> None:
    define(process, "seen = []\ndef predict(x):\n    seen.append(len(x))\n    return np.full(len(x), len(seen))")
    with Predictor(process, np.uint8, (4,), 40) as predictor:
        predictor.submit(20)
        # Sizes 1, 8, 32 and 40 ran before.
        assert predictor.collect()[0].tolist() == [5] * 20
        predictor.submit(33)
        assert predictor.collect()[0].tolist() == [6] * 33
    define(process, "assert True")


def test_bytes_are_written_without_knowing_the_shape(process: ModelProcess) -> None:
    with Predictor(process, "<u2", (2,), 4) as predictor:
        predictor.input_buffer[:8] = np.array([1, 2, 3, 4], "<u2").tobytes()
        predictor.submit(2)
        assert predictor.collect()[0].tolist() == [[1, 2], [3, 4]]


def test_other_calls_work_after_the_hot_path(process: ModelProcess) -> None:
    with Predictor(process, np.float32, (), 4) as predictor:
        predictor.submit(1)
        predictor.collect()
        with pytest.raises(BrokenError, match="busy"):
            process.call("echo", timeout_seconds=0.1)
    assert process.call("echo", {"x": 1}, timeout_seconds=60)["params"] == {"x": 1}


def test_a_batch_that_fails_does_not_end_serving(process: ModelProcess) -> None:
    define(process, "def predict(x):\n    if (x == 13).any(): raise ValueError('bad luck')\n    return x")
    with Predictor(process, np.float32, (1,), 8) as predictor:
        predictor.input_array[:8] = 13
        predictor.submit(8)
        predictor.input_array[:8] = 1
        predictor.submit(8)
        with pytest.raises(UserCodeError, match="ValueError: bad luck"):
            predictor.collect()
        assert predictor.collect()[0].tolist() == [[1.0]] * 8


def test_a_model_that_dies_is_reported(process: ModelProcess) -> None:
    define(process, "import os\ndef predict(x):\n    if x[0] > 0: os._exit(4)\n    return x")
    with Predictor(process, np.float32, (), 8) as predictor:
        predictor.input_array[:] = 1
        predictor.submit(1)
        with pytest.raises(ModelProcessDied, match="exit code 4") as caught:
            predictor.collect()
        assert caught.value.reason == "crashed"
        with pytest.raises(ModelProcessDied):
            predictor.submit(1)


def test_a_model_that_hangs_is_ended_at_the_time_limit(process: ModelProcess) -> None:
    define(process, "import time\ndef predict(x):\n    if x[0] > 0: time.sleep(100)\n    return x")
    with Predictor(process, np.float32, (), 8, timeout_seconds=0.2) as predictor:
        predictor.input_array[:] = 1
        predictor.submit(1)
        with pytest.raises(DeadlineExceeded, match="batch of 1"):
            predictor.collect()
    assert not process.alive


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def predict(x):\n    return x[:1]", "first axis"),
        ("def predict(x):\n    return np.zeros((len(x), len(x)))", "change with the batch"),
        ("def predict(x):\n    return np.array([object()] * len(x))", "cannot be"),
    ],
)
def test_outputs_that_cannot_be_served_are_refused(process: ModelProcess, code: str, message: str) -> None:
    define(process, code)
    with pytest.raises(FailedError, match=message):
        Predictor(process, np.float32, (2,), 8)


def test_counts_and_order_of_use_are_checked(process: ModelProcess) -> None:
    with Predictor(process, np.float32, (2,), 8) as predictor:
        for count in (0, 9, -1):
            with pytest.raises(BrokenError, match="expected 1 to 8"):
                predictor.submit(count)
        with pytest.raises(BrokenError, match="submit one first"):
            predictor.collect()
        predictor.submit(1)
        predictor.submit(1)
        with pytest.raises(BrokenError, match="collect one first"):
            predictor.submit(1)


def test_nonsense_instead_of_an_answer_ends_the_process(process: ModelProcess) -> None:
    define(
        process,
        """
import os, stat
def predict(x):
    if x[0] > 0:
        for fd in range(3, 64):
            try:
                if stat.S_ISSOCK(os.fstat(fd).st_mode):
                    os.write(fd, b"nonsense of twenty bytes or so")
            except OSError:
                pass
    return x
""",
    )
    with Predictor(process, np.float32, (), 8) as predictor:
        predictor.input_array[:] = 1
        predictor.submit(1)
        with pytest.raises(FailedError, match="nonsense"):
            predictor.collect()
    assert not process.alive


def test_memory_that_a_batch_takes_bounds_the_next_ones(process: ModelProcess) -> None:
    define(process, "def predict(x):\n    taken = np.ones((len(x), 12 << 20), np.uint8)\n    return taken[:, :1]")
    with Predictor(process, np.float32, (2,), 1024, warm_up=WarmUp(1024, WarmBudget(growth_bytes=120 << 20))) as served:
        # Ten would fit. The number tried depends on the memory that the interpreter took besides.
        most = served.max_batch
        assert most in (4, 8)
        assert served.input_array.shape == (most, 2)
        served.submit(most)
        assert served.collect()[0].tolist() == [[1]] * most


def test_a_batch_that_runs_out_of_memory_is_distinguished_from_one_that_the_model_refuses(
    process: ModelProcess,
) -> None:
    define(process, "def predict(x):\n    if x[0]: raise RuntimeError('cannot allocate memory')\n    return x")
    with Predictor(process, np.float32, (), 8) as predictor:
        predictor.input_array[:] = 1
        predictor.submit(3)
        with pytest.raises(ModelProcessDied) as caught:
            predictor.collect()
        assert caught.value.reason == "memory"
