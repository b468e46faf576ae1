"""What lists keep of many epochs."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from backend.api.tests import builders
from backend.deployments.history import MAX_POINTS, extended, thinned
from backend.deployments.models import EpochRecord
from backend.deployments.selectors import result_epochs
from kafkaml.metric_direction import known_direction
from kafkaml.wire.choices import Direction
from kafkaml.wire.progress import EpochMetrics


def _after(values: list[float], *, name: str = "accuracy") -> dict[str, Any]:
    history: dict[str, Any] | None = None
    for epoch, value in enumerate(values, start=1):
        history = extended(history, EpochMetrics(epoch=epoch, seconds=1, training={name: value}))
    assert history is not None
    return history


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=300))
def test_the_curve_stays_short_and_in_order(values: list[float]) -> None:
    curve = _after(values)["curve"]
    assert len(curve["epochs"]) == len(curve["values"]) <= MAX_POINTS
    assert curve["epochs"][0] == 1
    assert all(
        later - earlier == curve["stride"] for earlier, later in zip(curve["epochs"], curve["epochs"][1:], strict=False)
    )


def test_the_best_of_a_loss_is_the_least() -> None:
    assert _after([3.0, 1.0, 2.0], name="loss")["best_training"]["loss"] == {"value": 1.0, "epoch": 2}
    assert _after([0.1, 0.3, 0.3])["best_training"]["accuracy"] == {"value": 0.3, "epoch": 2}
    assert known_direction("mean_absolute_error") is Direction.DOWN
    assert known_direction("auc") is Direction.UP


def test_numbers_that_are_not_finite_are_never_the_best() -> None:
    history = _after([float("nan"), float("inf")], name="loss")
    assert history["best_training"] == {}
    assert history["curve"]["values"] == [None, None]


def test_an_epoch_without_validation_is_not_a_point_of_its_curve() -> None:
    history: dict[str, Any] | None = None
    for epoch in range(1, 5):
        validation = {"loss": float(epoch)} if epoch % 2 else {}
        history = extended(history, EpochMetrics(epoch=epoch, seconds=1, training={"loss": 1.0}, validation=validation))
    assert history is not None
    assert history["curve"]["values"] == [1.0, 3.0]


def test_an_accuracy_is_followed_before_a_loss() -> None:
    metrics = EpochMetrics(epoch=1, seconds=1, training={"loss": 1.0, "f1": 0.2, "acc": 0.5})
    assert extended(None, metrics)["curve"]["metric"] == "acc"
    assert extended(None, EpochMetrics(epoch=1, seconds=1, training={}))["curve"]["metric"] == ""


def _documents(values: list[float]) -> list[dict[str, Any]]:
    return [
        EpochMetrics(epoch=epoch, seconds=1, training={"loss": value, "accuracy": -value}).to_json()
        for epoch, value in enumerate(values, start=1)
    ]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=200), st.integers(4, 60))
def test_many_epochs_are_thinned_to_the_first_the_last_and_the_extremes(values: list[float], points: int) -> None:
    documents = _documents(values)
    kept = [epoch["epoch"] for epoch in thinned(documents, points)]
    assert kept == sorted(set(kept))
    assert len(kept) <= points
    assert not values or {1, len(values)} <= set(kept)
    losses = [document["training"]["loss"] for document in documents if document["training"]["loss"] is not None]
    if losses and points >= 12:
        shown = {documents[epoch - 1]["training"]["loss"] for epoch in kept}
        assert {min(losses), max(losses)} <= shown


def test_a_spike_among_many_windows_is_seen() -> None:
    kept = thinned(_documents([1.0] * 5000 + [9.0] + [1.0] * 4999), 500)
    assert any(epoch["epoch"] == 5001 for epoch in kept)
    # And the rest is spread.
    gaps = [later["epoch"] - earlier["epoch"] for earlier, later in itertools.pairwise(kept)]
    assert max(gaps) < 60


@pytest.mark.django_db
def test_of_many_windows_only_those_that_came_since_are_read_again() -> None:
    result = builders.make_launched()
    documents = _documents([1.0] * 1500 + [9.0] + [1.0] * 4500)

    def come(first: int, last: int) -> None:
        some = documents[first - 1 : last]
        EpochRecord.objects.bulk_create(
            EpochRecord(result=result, epoch=document["epoch"], document=document) for document in some
        )

    come(1, 3000)
    assert result_epochs(result, 500)[0] == 3000
    for last in range(3250, 6001, 250):
        come(last - 249, last)
        with CaptureQueriesContext(connection) as queries:
            total, shown = result_epochs(result, 500)
        assert [f'"epoch" >= {last - 250}' in query["sql"] for query in queries] == [True, False]
        assert "COUNT" in queries[1]["sql"]
        assert total == last
        found = [epoch["epoch"] for epoch in shown]
        assert len(found) <= 500
        assert {1, 1501, last} <= set(found)
        assert max(later - earlier for earlier, later in itertools.pairwise(found)) < 80
    # Gone back to a checkpoint, it learns the same again.
    EpochRecord.objects.filter(epoch__gt=2000).delete()
    assert result_epochs(result, 500)[0] == 2000
    EpochRecord.objects.all().delete()
    assert result_epochs(result, 500) == (0, [])
