from __future__ import annotations

import os
import signal
import threading

import pytest

from kafkaml.errors import ApiError
from model_training.interrupts import Interrupted, Interrupts


def test_a_signal_ends_the_run_and_cleaning_up_is_not_interrupted() -> None:
    cleaned = []

    def run() -> None:
        with Interrupts():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                threading.Event().wait(60)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                cleaned.append(True)

    with pytest.raises(Interrupted) as caught:
        run()
    assert caught.value.error is None
    assert cleaned == [True]


def test_the_backends_word_from_another_thread_ends_the_run() -> None:
    def run() -> None:
        with Interrupts() as interrupts:
            threading.Timer(0.05, interrupts.end, [ApiError("newer attempt", status=409)]).start()
            threading.Event().wait(60)

    with pytest.raises(Interrupted) as caught:
        run()
    assert caught.value.error is not None
    assert caught.value.error.status == 409


def test_no_except_exception_keeps_the_run_alive() -> None:
    assert not issubclass(Interrupted, Exception)


def test_a_stop_waits_until_what_is_held_is_over() -> None:
    done = []

    def run() -> None:
        with Interrupts() as interrupts, interrupts.held():
            os.kill(os.getpid(), signal.SIGTERM)
            assert interrupts.stopped
            done.append(True)

    with pytest.raises(Interrupted) as caught:
        run()
    assert caught.value.error is None
    assert done == [True]


def test_what_the_backend_says_is_not_held_back() -> None:
    def run() -> None:
        with Interrupts() as interrupts, interrupts.held():
            interrupts.end(ApiError("newer attempt", status=409))
            threading.Event().wait(60)

    with pytest.raises(Interrupted) as caught:
        run()
    assert caught.value.error is not None
