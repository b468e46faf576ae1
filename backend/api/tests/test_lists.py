"""Lists: at most three queries whatever the rows, pages, filters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import Role, User
from backend.accounts.services import create_token
from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.clusters.models import Cluster
from backend.datasets.models import Dataset, DatasetVersion
from backend.deployments.models import TrainingResult
from backend.inferences.models import Inference, ReplicaStats
from backend.runs import transitions as runs
from backend.webhooks.models import Webhook

pytestmark = pytest.mark.django_db

LISTS = (
    "models",
    "configurations",
    "datasets",
    "deployments",
    "results",
    "inferences",
    "streams",
    "users",
    "tokens",
    "audit",
    "clusters",
    "webhooks",
)


@pytest.fixture
def signed_in(db: None) -> APIClient:
    """A client whose sign-in costs no queries, so that only the list's own are counted."""
    client = APIClient(headers={"host": "localhost"})
    user = User.objects.create(username="boss", role=Role.ADMIN)
    client.force_authenticate(user)
    return client


@pytest.fixture
def rows() -> TrainingResult:
    """Six of everything, and the last result: ids are never used again, so they depend on the tests before."""
    for number in range(6):
        Cluster.objects.create(name=f"edge-{number}", host="https://edge.example:6443", namespace="kafka-ml-jobs")
        dataset = Dataset.objects.create(name=f"readings {number}")
        DatasetVersion.objects.create(
            dataset=dataset, number=1, ranges="t:0:0:9", validation_rate=0.1, test_rate=0.1, contract={}
        )
        Webhook.objects.create(url=f"https://edge.example/{number}", events=["version.promoted"])
        result = builders.make_finished(builders.make_model(), confusion_matrix=True)
        inference = builders.make_inference(result)
        runs.register_attempt(Inference, inference.pk)
        for replica in range(3):
            ReplicaStats.objects.create(
                inference=inference, replica=replica, attempt=1, document={"replica": replica, "state": "running"}
            )
        user = builders.make_user()
        create_token(actor=SYSTEM, user=user, name="x", role=Role.VIEWER, days=1)
    return result


@pytest.mark.parametrize("name", LISTS)
def test_a_list_takes_three_queries(
    name: str, rows: TrainingResult, signed_in: APIClient, django_assert_max_num_queries: Callable
) -> None:
    with django_assert_max_num_queries(3):
        answer = signed_in.get(f"/api/{name}/")
    assert answer.status_code == 200
    assert len(answer.json()["results"]) >= 6


def test_every_list_is_tested() -> None:
    from backend.urls import router

    assert {prefix for prefix, _, _ in router.registry} == set(LISTS)


def test_pages_follow_each_other(rows: TrainingResult, signed_in: APIClient) -> None:
    first = signed_in.get("/api/models/?limit=4&ordering=id").json()
    assert (first["count"], len(first["results"]), first["previous"]) == (6, 4, None)
    second = signed_in.get(first["next"]).json()
    assert (len(second["results"]), second["next"]) == (2, None)
    assert signed_in.get("/api/models/?limit=100000&offset=99999999999999999999").json()["results"] == []


@pytest.mark.parametrize(
    "query",
    [
        "models/?framework=tensorflow",
        "models/?search=model",
        "configurations/?models={model}",
        "deployments/?configuration={configuration}",
        "results/?state=finished&deployment={deployment}",
        "inferences/?state=waiting",
        "streams/?deployment={deployment}",
        "users/?role=editor",
        "results/?ordering=-updated_at",
    ],
)
def test_lists_are_filtered(query: str, rows: TrainingResult, signed_in: APIClient) -> None:
    deployment = rows.deployment
    ids = {"model": rows.model_id, "deployment": deployment.pk, "configuration": deployment.configuration_id}
    answer = signed_in.get(f"/api/{query.format(**ids)}")
    assert answer.status_code == 200
    assert answer.json()["count"] >= 1


@pytest.mark.parametrize(
    "query",
    [
        "results/?state=nonsense",
        "results/?deployment=x",
        "results/?deployment=99999999999999999999999",
        "streams/?deployment=99999999999999999999999",
        "models/?framework=cobol",
    ],
)
def test_filters_that_make_no_sense_are_refused(query: str, signed_in: APIClient) -> None:
    answer = signed_in.get(f"/api/{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
