from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from model_training.background import in_background


def test_the_result_is_handed_over() -> None:
    with in_background(lambda _checkpoint: 42) as future:
        assert future.result(60) == 42


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    def fails(_checkpoint: Callable[[int, int], None]) -> None:
        raise ValueError("no stream")

    with in_background(fails) as future, pytest.raises(ValueError, match="no stream"):
        future.result(60)


def test_the_function_ends_when_its_caller_left() -> None:
    reading, ended = threading.Event(), threading.Event()

    def reads_forever(checkpoint: Callable[[int, int], None]) -> None:
        try:
            while True:
                checkpoint(1, 2)
                reading.set()
        finally:
            ended.set()

    def run() -> None:
        with in_background(reads_forever):
            assert reading.wait(60)
            raise RuntimeError("the model does not build")

    with pytest.raises(RuntimeError):
        run()
    assert ended.wait(60)
