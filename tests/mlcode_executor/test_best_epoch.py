"""The best epoch by its rule alone; ``test_keras`` checks that it is Keras' rule."""

from __future__ import annotations

import math
from typing import Any

import pytest

from kafkaml.errors import ArgumentsError
from mlcode_executor.frameworks.best_epoch import BestEpoch, BestWeights, Monitoring

NAN = math.nan


def after(values: list[float], *, name: str = "loss", **arguments: Any) -> BestEpoch:
    """Return the best of epochs with these values, up to the one that ends the training."""
    best, terms = BestEpoch(), Monitoring(**arguments)
    for epoch, value in enumerate(values, start=1):
        best.epoch_done(terms, epoch=epoch, training={name: value}, validation={}, validates=False)
        if best.stopped:
            break
    return best


@pytest.mark.parametrize(
    ("values", "arguments", "epoch", "waited"),
    [
        ([3, 2, 1], {}, 3, 0),
        ([3, 1, 2, 1], {}, 2, 2),
        ([1, 2, 1.5], {"mode": "max"}, 2, 1),
        # The patience restarts with each better epoch. An improvement that is too small does not count.
        ([3, 3.1, 2, 2.1, 2.2, 1], {"early_stopping": 2}, 3, 2),
        ([3, 2.95, 2.9, 2.8], {"min_delta": 0.1}, 4, 0),
        ([3, 2.95, 2.92], {"min_delta": 0.1}, 1, 2),
        # A value that is not a number is never the best, and costs patience.
        ([NAN, 5, NAN, NAN], {"early_stopping": 2}, 2, 2),
        ([NAN, NAN], {"early_stopping": 2}, 0, 2),
        ([math.inf, 4.0, -math.inf], {}, 3, 0),
    ],
)
def test_the_best_epoch(values: list[float], arguments: dict[str, Any], epoch: int, waited: int) -> None:
    best = after(values, **arguments)
    assert (best.epoch, best.waited) == (epoch, waited)
    assert best.stopped == (waited >= arguments.get("early_stopping", math.inf))


def test_the_name_of_a_metric_tells_which_value_is_best() -> None:
    assert after([0.1, 0.9, 0.5], name="accuracy", monitor="accuracy").epoch == 2
    assert after([0.9, 0.1, 0.5], name="mae", monitor="mae").epoch == 2


def test_by_default_the_loss_of_validation_decides_and_epochs_without_it_do_not_count() -> None:
    best, terms = BestEpoch(), Monitoring(early_stopping=1)
    for epoch, validation in enumerate([{}, {"loss": 2.0}, {}, {"loss": 3.0}], start=1):
        assert not best.stopped
        best.epoch_done(terms, epoch=epoch, training={"loss": 9 - epoch}, validation=validation, validates=True)
    assert (best.epoch, best.monitor, best.value, best.stopped) == (2, "val_loss", 2.0, True)
    unlike = BestEpoch()
    # The loss is computable only in training.
    unlike.epoch_done(terms, epoch=1, training={"loss": 1.0}, validation={"accuracy": 0.5}, validates=True)
    assert (unlike.epoch, unlike.monitor) == (1, "loss")


def test_a_metric_of_validation_without_validation_is_refused_with_what_to_do() -> None:
    with pytest.raises(ArgumentsError, match="expected one of loss") as error:
        after([1.0], monitor="val_loss")
    assert "validation_rate" in error.value.hint


def test_weights_are_restored_where_they_were_asked_for() -> None:
    assert not Monitoring().restores
    assert Monitoring(early_stopping=3).restores
    assert not Monitoring(early_stopping=3, restore_best_weights=False).restores
    assert Monitoring(restore_best_weights=True).restores
    model = [1]
    best = BestWeights(model.copy, lambda weights: model.__setitem__(slice(None), weights))
    assert not best.restore()
    best.keep()
    model[0] = 2
    assert best.restore()
    assert model == [1]
    assert best.kept is None
