"""Configurations through the API."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.deployments.models import TrainingResult
from backend.ml_models.models import MLModel

pytestmark = pytest.mark.django_db


def test_a_configuration_names_its_models(editor: APIClient) -> None:
    models = [builders.make_model(), builders.make_model(framework="pytorch")]
    body = {"name": "both", "models": [models[1].pk, models[0].pk, models[1].pk]}
    answer = editor.post("/api/configurations/", body)
    assert answer.status_code == 201
    shown = answer.json()
    assert shown["models"] == [models[0].pk, models[1].pk]
    assert [model["framework"] for model in shown["model_details"]] == ["tensorflow", "pytorch"]
    assert shown["deployments"] == 0


def test_a_single_model_gets_a_configuration_once(editor: APIClient) -> None:
    model, other = builders.make_model(name="digits"), builders.make_model(name="others")
    editor.post("/api/configurations/", {"name": "digits", "models": [model.pk, other.pk]})
    made = editor.post("/api/configurations/of_model/", {"model": model.pk})
    assert (made.status_code, made.json()["name"], made.json()["models"]) == (201, "digits (2)", [model.pk])
    again = editor.post("/api/configurations/of_model/", {"model": model.pk})
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    assert editor.post("/api/configurations/of_model/", {"model": other.pk}).json()["name"] == "others"
    refused = editor.post("/api/configurations/of_model/", {"model": 10**6})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "model")


def test_a_sub_model_is_trained_with_its_chain(editor: APIClient) -> None:
    chain = {model.pk for model in builders.make_chain()}
    made = [editor.post("/api/configurations/of_model/", {"model": pk}).json() for pk in chain]
    assert {found["id"] for found in made} == {made[0]["id"]}
    assert set(made[0]["models"]) == chain


def test_it_tells_what_its_models_take_and_which_is_above_which(editor: APIClient) -> None:
    cloud, unchecked = builders.make_model(distributed=True), builders.make_model()
    tensor = {"name": "x", "shape": [None, 28, 28], "dtype": "float32"}
    edge = builders.make_model(
        distributed=True,
        upper_model=cloud,
        report={"inputs": [tensor], "outputs": [tensor], "parameters": 7, "metrics": ["loss"]},
    )
    MLModel.objects.filter(pk=unchecked.pk).update(report={})
    body = {"name": "chain", "models": [edge.pk, cloud.pk, unchecked.pk]}
    details = {model["id"]: model for model in editor.post("/api/configurations/", body).json()["model_details"]}
    assert details[edge.pk]["upper_model"] == cloud.pk
    assert [details[edge.pk][key] for key in ("inputs", "parameters", "metrics")] == [[tensor], 7, ["loss"]]
    assert [details[unchecked.pk][key] for key in ("inputs", "parameters", "metrics")] == [[], None, []]


@pytest.mark.parametrize("models", [[], [999_999], ["x"], "x", None, [1.5], [True]])
def test_it_has_models_that_exist(models: object, editor: APIClient) -> None:
    answer = editor.post("/api/configurations/", {"name": "x", "models": models})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith("models")


def test_changing_it_leaves_deployments_alone(editor: APIClient) -> None:
    deployment = builders.make_deployment()
    other = builders.make_model()
    path = f"/api/configurations/{deployment.configuration_id}/"
    before = list(TrainingResult.objects.values_list("model", flat=True))
    assert editor.patch(path, {"models": [other.pk]}).json()["models"] == [other.pk]
    assert list(TrainingResult.objects.values_list("model", flat=True)) == before
    assert editor.put(path, {"name": "only a name"}).status_code == 400


def test_one_in_use_is_not_deleted(editor: APIClient) -> None:
    deployment = builders.make_deployment()
    path = f"/api/configurations/{deployment.configuration_id}/"
    answer = editor.delete(path)
    assert (answer.status_code, answer.json()["users"][0]["id"]) == (409, deployment.pk)
    deployment.delete()
    assert editor.delete(path).status_code == 204


@pytest.mark.parametrize("model", ["99999999999999999999", "999999", "x"])
def test_a_filter_by_a_model_that_is_not_there_is_refused(editor: APIClient, model: str) -> None:
    answer = editor.get("/api/configurations/", {"models": model})
    assert answer.status_code == 400
    assert model in answer.content.decode()


def test_configurations_are_filtered_by_model(editor: APIClient) -> None:
    with_it = builders.make_configuration()
    builders.make_configuration()
    model = with_it.models.get()
    assert [result["id"] for result in editor.get("/api/configurations/", {"models": model.pk}).json()["results"]] == [
        with_it.pk
    ]
