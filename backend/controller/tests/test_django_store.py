"""The controller's rows, from the database."""

from __future__ import annotations

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from backend.api.tests import builders
from backend.controller import django_store
from backend.controller.actions import BeginAttempt, ForgiveTries, MarkLaunched, MarkRunning, ShowObstacle, ShowScale
from backend.controller.django_store import DjangoStore
from backend.controller.rows import Row, Subject
from backend.deployments.models import TrainingResult
from backend.inferences import transitions
from backend.inferences.models import Inference
from backend.launchers.base import Autoscale
from backend.launchers.names import RunKind
from backend.runs import transitions as runs
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.report import Stats

pytestmark = pytest.mark.django_db

FULL = Failure(category=FailureCategory.CONFIGURATION, cause="no node has room", hint="add a node")


@pytest.fixture
def store() -> DjangoStore:
    return DjangoStore(ensure_topics=lambda _inference: None)


def row_of(store: DjangoStore, subject: Subject) -> Row:
    return next(row for row in store.rows([subject]) if row.subject == subject)


def test_an_inference_that_is_scaled_on_its_lag(store: DjangoStore) -> None:
    inference = builders.make_inference(replicas=2, input_topic="in")
    Inference.objects.filter(pk=inference.pk).update(max_replicas=6)
    subject = Subject(RunKind.INFERENCE, inference.pk)
    assert store.apply(BeginAttempt(subject, 1))
    row = row_of(store, subject)
    assert row.autoscale == Autoscale(topic="in", group=inference.group, max_replicas=6)
    assert (row.replicas, row.launched_max_replicas, row.scaled_to_shown) == (2, None, None)
    # The launcher got the row as it was read, whatever a user changed since.
    Inference.objects.filter(pk=inference.pk).update(max_replicas=4)
    assert store.apply(MarkLaunched(subject, 1, row.max_replicas))
    row = row_of(store, subject)
    assert (row.launched, row.max_replicas, row.launched_max_replicas) == (True, 4, 6)


def test_replicas_beyond_those_that_the_lag_asks_for_do_not_serve(store: DjangoStore) -> None:
    inference = builders.make_inference(replicas=1)
    Inference.objects.filter(pk=inference.pk).update(max_replicas=3)
    subject = Subject(RunKind.INFERENCE, inference.pk)
    store.apply(BeginAttempt(subject, 1))
    for replica in range(3):
        transitions.store_stats(inference.pk, Stats(attempt=1, replica=replica, state="running"))
    assert store.apply(ShowScale(subject, 1, 3))
    assert row_of(store, subject).replicas_serving == 3
    assert store.apply(ShowScale(subject, 1, 1))
    assert row_of(store, subject).replicas_serving == 1
    assert not store.apply(ShowScale(subject, 2, 3))


def test_what_keeps_a_training_from_starting_goes_when_it_runs(store: DjangoStore) -> None:
    subject = Subject(RunKind.TRAINING, builders.make_launched().pk)
    assert store.apply(ShowObstacle(subject, 1, FULL))
    assert row_of(store, subject).failure == FULL
    assert store.apply(MarkRunning(subject, 1))
    row = row_of(store, subject)
    assert row.failure is None
    assert row.started_at is not None


def test_tries_are_forgiven(store: DjangoStore) -> None:
    result = builders.make_launched()
    subject = Subject(RunKind.TRAINING, result.pk)
    lost = Failure(category=FailureCategory.LOST, cause="evicted")
    runs.mark_failed(TrainingResult, result.pk, 1, lost, retry_at=runs.next_retry(lost, 1))
    assert store.apply(BeginAttempt(subject, 2))
    assert row_of(store, subject).tries == 2
    assert store.apply(ForgiveTries(subject, 2))
    assert row_of(store, subject).tries == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases do not say whether they changed")
def test_a_database_that_did_not_change_is_not_read_again_at_once(
    store: DjangoStore, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    inference = builders.make_inference(replicas=1)
    subject = Subject(RunKind.INFERENCE, inference.pk)
    before = row_of(store, subject)
    # It is only asked whether it changed.
    with django_assert_num_queries(1):
        assert row_of(store, subject) == before
    Inference.objects.filter(pk=inference.pk).update(replicas=2)
    assert row_of(store, subject).replicas == 2
    assert store.rows([]) == store.rows([subject])
    # A replica's silence changes nothing there.
    monkeypatch.setattr(django_store, "_KEPT_SECONDS", -1)
    with django_assert_num_queries(4):
        row_of(store, subject)
