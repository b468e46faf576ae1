"""Chains of sub-models: which links are refused, and that configurations have chains whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.api.tests.fake_executor import FakeExecutor
from backend.configurations.models import Configuration
from backend.ml_models import chains
from backend.ml_models.models import MLModel
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.frameworks.tensorflow import TENSORFLOW
from kafkaml.wire.framework import Framework

pytestmark = pytest.mark.django_db


def report(takes: list[int], *gives: list[int]) -> dict[str, Any]:
    def spec(shape: list[int]) -> dict[str, Any]:
        return {"name": "x", "shape": [None, *shape], "dtype": "float32"}

    return {"inputs": [spec(takes)], "outputs": [spec(output_shape) for output_shape in gives], "parameters": 1}


EDGE, FOG, CLOUD = report([28, 28, 1], [64], [10]), report([64], [64], [10]), report([64], [10])


def body(name: str, upper: MLModel | None = None, **values: Any) -> dict[str, Any]:
    model = {"name": name, "framework": "tensorflow", "code": name, "distributed": True}
    return {**model, "upper_model": upper and upper.pk, **values}


def problem(answer: Any) -> tuple[str, str]:
    assert answer.status_code == 400, answer.json()
    error = answer.json()["errors"][0]
    return error["field"], error["detail"]


@pytest.fixture
def chain() -> list[MLModel]:
    """From below: edge, fog, cloud."""
    cloud = builders.make_model(name="cloud", distributed=True, report=CLOUD)
    fog = builders.make_model(name="fog", distributed=True, upper_model=cloud, report=FOG)
    return [builders.make_model(name="edge", distributed=True, upper_model=fog, report=EDGE), fog, cloud]


def test_a_framework_without_chains_has_no_distributed_model(
    editor: APIClient, executor: FakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "FRAMEWORKS", {**FRAMEWORKS, Framework.TENSORFLOW: replace(TENSORFLOW, chain=None)})
    saved = editor.post("/api/models/", body("cloud"))
    checked = editor.post("/api/models/validate/", body("cloud"))
    assert problem(saved) == problem(checked) == ("distributed", "TensorFlow has no distributed models")
    assert saved.json()["errors"][0]["hint"] == "there are some of PyTorch"
    assert executor.requests == []


def test_a_chain_is_entered_from_the_top(editor: APIClient, executor: FakeExecutor) -> None:
    upper = None
    for name, found in (("cloud", CLOUD), ("fog", FOG), ("edge", EDGE)):
        executor.report = found
        answer = editor.post("/api/models/", body(name, upper))
        assert answer.status_code == 201, answer.json()
        assert executor.requests[-1][2]["distributed"] is True
        upper = MLModel.objects.get(name=name)
    rows = {result["name"]: result for result in editor.get("/api/models/").json()["results"]}
    assert rows["cloud"]["lower_model"] == rows["fog"]["id"]
    assert rows["fog"]["upper_model"] == rows["cloud"]["id"]
    assert rows["edge"]["lower_model"] is None
    assert editor.delete(f"/api/models/{rows['cloud']['id']}/").status_code == 409


@pytest.mark.parametrize(
    ("values", "found", "field", "words"),
    [
        ({}, report([28, 28, 1], [32], [10]), "upper_model", "below sends (32) up and edge takes (28, 28, 1)"),
        ({}, report([28, 28], [28, 28, 1], [3]), "upper_model", "below predicts (3) and edge predicts (10)"),
        ({}, report([28, 28], [10]), "upper_model", "below has 1 output and an upper model: expected two"),
        ({"framework": "pytorch"}, None, "upper_model", "edge' is of tensorflow and this one of pytorch"),
        ({"distributed": False}, None, "upper_model", "only a distributed model has an upper model"),
        ({"upper": 1}, None, "upper_model", "'edge' is below 'fog' already"),
        ({"upper": None}, report([28, 28], [64], [10]), "upper_model", "below has 2 outputs and no upper model"),
    ],
)
def test_what_does_not_go_on_a_chain_is_refused(
    values: dict[str, Any],
    found: dict[str, Any] | None,
    field: str,
    words: str,
    chain: list[MLModel],
    editor: APIClient,
    executor: FakeExecutor,
) -> None:
    if found is not None:
        executor.report = found
    place = values.get("upper", 0)
    upper = None if place is None else chain[place]
    others = {name: value for name, value in values.items() if name != "upper"}
    answered, detail = problem(editor.post("/api/models/", body("below", upper, **others)))
    assert answered == field
    assert words in detail
    # Errors that do not depend on the code are reported without checking it.
    assert bool(executor.requests) == (found is not None)


def test_an_ordinary_model_has_nothing_below(editor: APIClient, executor: FakeExecutor) -> None:
    plain = builders.make_model()
    assert "is not distributed" in problem(editor.post("/api/models/", body("edge", plain)))[1]


def test_a_change_that_breaks_the_chain_is_refused(
    chain: list[MLModel], editor: APIClient, executor: FakeExecutor
) -> None:
    edge, fog, cloud = chain
    executor.report = report([32], [64], [10])
    assert "edge sends (64) up and fog takes (32)" in problem(editor.patch(f"/api/models/{fog.pk}/", {"code": "x"}))[1]
    executor.report = report([64], [32], [10])
    assert "fog sends (32) up and cloud takes (64)" in problem(editor.patch(f"/api/models/{fog.pk}/", {"code": "x"}))[1]
    executor.report = report([64], [7])
    assert (
        "fog predicts (10) and cloud predicts (7)"
        in problem(editor.patch(f"/api/models/{cloud.pk}/", {"code": "x"}))[1]
    )
    assert problem(editor.patch(f"/api/models/{cloud.pk}/", {"distributed": False}))[0] == "distributed"
    assert problem(editor.patch(f"/api/models/{cloud.pk}/", {"framework": "pytorch"}))[0] == "framework"
    answer = editor.patch(f"/api/models/{cloud.pk}/", {"upper_model": edge.pk})
    assert "would be above itself" in problem(answer)[1]
    executor.report = FOG
    assert editor.patch(f"/api/models/{fog.pk}/", {"code": "better"}).status_code == 200


def test_any_sub_model_brings_its_chain_into_a_configuration(chain: list[MLModel], editor: APIClient) -> None:
    plain = builders.make_model()
    answer = editor.post("/api/configurations/", {"name": "top", "models": [chain[2].pk, plain.pk]}).json()
    assert answer["models"] == sorted(model.pk for model in (*chain, plain))
    assert answer["note"].startswith("fog and edge added")
    path = f"/api/configurations/{answer['id']}/"
    assert editor.get(path).json()["note"] == ""
    assert editor.patch(path, {"models": [chain[1].pk]}).json()["models"] == sorted(model.pk for model in chain)
    assert editor.patch(path, {"models": [plain.pk]}).json()["note"] == ""


def test_a_sub_model_that_comes_later_is_added(editor: APIClient, executor: FakeExecutor) -> None:
    cloud = builders.make_model(distributed=True, report=CLOUD)
    configuration = builders.make_configuration(cloud)
    executor.report = FOG
    fog = editor.post("/api/models/", body("fog", cloud)).json()["id"]
    assert list(configuration.models.order_by("pk").values_list("pk", flat=True)) == [cloud.pk, fog]
    # Once it is in use its place is fixed.
    for change in ({"upper_model": None}, {"distributed": False, "upper_model": None}):
        assert "uses it" in problem(editor.patch(f"/api/models/{fog}/", change))[1]
    assert editor.delete(f"/api/models/{fog}/").status_code == 409
    Configuration.objects.all().delete()
    assert editor.delete(f"/api/models/{fog}/").status_code == 204
