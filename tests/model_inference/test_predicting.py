from __future__ import annotations

import numpy as np
import pytest

from kafkaml.errors import DecodeError, FailedError, ModelProcessDied, UserCodeError
from tests.model_inference.fake_engine import KILLER, REFUSED, EngineFactory


def rows(*numbers: float) -> np.ndarray:
    return np.array([[number] for number in numbers], np.float32)


def test_answers_come_in_the_order_of_submission() -> None:
    predictor = EngineFactory().predictor()
    predictor.submit(rows(1, 2))
    predictor.submit(rows(3))

    assert predictor.collect().outputs[0].tolist() == [[1], [2]]
    assert predictor.collect().outputs[0].tolist() == [[3]]


def test_refused_samples_are_found_and_the_others_answered() -> None:
    predictor = EngineFactory().predictor()
    predictor.submit(rows(1, REFUSED, 3, 4, REFUSED))

    prediction = predictor.collect()

    assert sorted(prediction.failures) == [1, 4]
    assert all(isinstance(error, UserCodeError) for error in prediction.failures.values())
    assert prediction.outputs[0][[0, 2, 3]].tolist() == [[1], [3], [4]]


def test_a_refused_batch_does_not_disturb_the_one_behind_it() -> None:
    predictor = EngineFactory().predictor()
    predictor.submit(rows(1, REFUSED))
    predictor.submit(rows(5, 6))

    assert sorted(predictor.collect().failures) == [1]
    behind = predictor.collect()
    assert (behind.outputs[0].tolist(), behind.failures) == ([[5], [6]], {})


def test_two_refused_batches_in_a_row() -> None:
    predictor = EngineFactory().predictor()
    predictor.submit(rows(REFUSED, 1))
    predictor.submit(rows(2, REFUSED))

    assert sorted(predictor.collect().failures) == [0]
    assert sorted(predictor.collect().failures) == [1]


def test_a_batch_of_refused_samples_has_no_outputs() -> None:
    predictor = EngineFactory().predictor()
    predictor.submit(rows(REFUSED, REFUSED))

    prediction = predictor.collect()

    assert prediction.outputs == []
    assert sorted(prediction.failures) == [0, 1]


def test_a_process_that_died_of_itself_is_restarted_and_the_batch_answered() -> None:
    factory = EngineFactory()
    factory.deaths_left = 1
    predictor = factory.predictor()
    predictor.submit(rows(1, 2))
    predictor.submit(rows(3))

    first, second = predictor.collect(), predictor.collect()

    assert (first.outputs[0].tolist(), first.failures) == ([[1], [2]], {})
    assert (second.outputs[0].tolist(), second.failures) == ([[3]], {})
    assert factory.starts == 2


def test_a_killer_record_costs_only_itself() -> None:
    predictor = EngineFactory().predictor()
    samples = rows(*range(100), KILLER, *range(100))
    predictor.submit(samples)
    predictor.submit(rows(7))

    prediction = predictor.collect()

    assert list(prediction.failures) == [100]
    assert isinstance(prediction.failures[100], ModelProcessDied)
    assert prediction.outputs[0][101:].ravel().tolist() == list(range(100))
    assert predictor.collect().outputs[0].tolist() == [[7]]


def test_a_model_that_dies_of_everything_ends_the_replica() -> None:
    predictor = EngineFactory().predictor()
    predictor.submit(rows(*[KILLER] * 64))

    with pytest.raises(FailedError, match="one after the other"):
        predictor.collect()


def test_a_process_that_cannot_be_started_again_ends_the_replica() -> None:
    factory = EngineFactory()
    predictor = factory.predictor()
    predictor.submit(rows(KILLER))
    factory.start_errors.extend(FailedError("no memory") for _ in range(10))

    with pytest.raises(FailedError, match="no memory"):
        predictor.collect()


def test_samples_of_another_shape_than_the_first_are_refused() -> None:
    predictor = EngineFactory().predictor()
    predictor.submit(rows(1))
    predictor.submit(np.zeros((2, 5), np.float32))

    assert predictor.collect().failures == {}
    prediction = predictor.collect()
    assert sorted(prediction.failures) == [0, 1]
    assert isinstance(prediction.failures[0], DecodeError)


def test_a_first_sample_that_the_model_cannot_take_does_not_fix_the_shape() -> None:
    factory = EngineFactory()
    factory.start_errors.append(UserCodeError("samples of shape (9,) do not fit"))
    predictor = factory.predictor()
    predictor.submit(np.zeros((1, 9), np.float32))
    predictor.submit(rows(1))

    assert list(predictor.collect().failures) == [0]
    assert predictor.collect().outputs[0].tolist() == [[1]]


def test_out_of_memory_halves_the_batches_and_every_record_is_answered_once() -> None:
    factory = EngineFactory()
    factory.fits = 10
    predictor = factory.predictor()
    predictor.submit(rows(*range(100)))
    predictor.submit(rows(*range(100, 130)))

    first, second = predictor.collect(), predictor.collect()

    assert (first.outputs[0].ravel().tolist(), first.failures) == (list(range(100)), {})
    assert (second.outputs[0].ravel().tolist(), second.failures) == (list(range(100, 130)), {})
    assert (predictor.max_batch, factory.starts) == (6, 5)
    # The predictor keeps the new limit: a batch that fits is not cut, and nothing dies.
    factory.batches.clear()
    predictor.submit(rows(*range(6)))
    assert predictor.collect().outputs[0].ravel().tolist() == list(range(6))
    assert (factory.batches, factory.starts) == ([6], 5)


def test_a_record_that_takes_all_the_memory_alone_is_a_dead_letter() -> None:
    factory = EngineFactory()
    factory.fits = 0
    predictor = factory.predictor()
    predictor.submit(rows(1, 2))

    prediction = predictor.collect()

    assert sorted(prediction.failures) == [0, 1]
    assert "out of memory" in prediction.failures[0].message


def test_one_record_that_takes_all_the_memory_does_not_cost_the_others_their_batches() -> None:
    factory = EngineFactory()
    factory.greedy = 13.0
    predictor = factory.predictor()
    samples = rows(*range(64))
    predictor.submit(samples)
    predictor.submit(rows(*range(100, 164)))

    first, second = predictor.collect(), predictor.collect()

    assert list(first.failures) == [13]
    assert first.outputs[0].ravel().tolist() == [*range(13), 0, *range(14, 64)]
    assert second.outputs[0].ravel().tolist() == list(range(100, 164))
    assert factory.batches[-1] == 64


def test_a_batch_above_what_the_engine_takes_is_cut() -> None:
    factory = EngineFactory()
    factory.limit = 4
    predictor = factory.predictor()
    predictor.submit(rows(*range(10)))
    predictor.submit(rows(10, 11))

    assert predictor.collect().outputs[0].ravel().tolist() == list(range(10))
    assert predictor.collect().outputs[0].ravel().tolist() == [10, 11]
    assert max(factory.batches) <= 4
