"""The table of training runs: ordered and narrowed by scores, metrics and parameters; users' annotations of runs."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.api.tests.fake_executor import FakeExecutor
from backend.deployments.models import TrainingResult

pytestmark = pytest.mark.django_db


def run(accuracy: float | None, *, epochs: int, framework: str = "tensorflow") -> TrainingResult:
    """A finished run with a score, which trained with ``epochs`` epochs."""
    result = builders.make_finished(builders.make_model(framework=framework))
    version = result.current_version
    assert version is not None
    version.outcome = {**version.outcome, "scores": {} if accuracy is None else {"accuracy": accuracy}}
    version.save()
    result.parameters = {"epochs": epochs, "batch_size": 32, "shuffle": True}
    result.history = {"best_validation": {"val.loss": {"value": epochs / 10, "epoch": 1}}, "best_training": {}}
    result.save()
    return result


def ids(client: APIClient, **query: Any) -> list[int]:
    answer = client.get("/api/results/", query)
    assert answer.status_code == 200, answer.json()
    return [row["id"] for row in answer.json()["results"]]


def test_runs_of_both_frameworks_are_ordered_by_score_and_parameter(viewer: APIClient) -> None:
    low, none, high = run(0.8, epochs=5), run(None, epochs=2), run(0.95, epochs=10, framework="pytorch")
    assert ids(viewer, ordering="-score.accuracy") == [high.pk, low.pk, none.pk]
    assert ids(viewer, ordering="score.accuracy") == [low.pk, high.pk, none.pk]
    assert ids(viewer, ordering="parameter.epochs") == [none.pk, low.pk, high.pk]
    assert ids(viewer, ordering="-best.val.loss,id") == [high.pk, low.pk, none.pk]


def test_a_run_whose_number_is_none_comes_last_and_fulfils_no_condition(viewer: APIClient) -> None:
    good, diverged, missing = run(0.8, epochs=5), run(0.9, epochs=5), run(None, epochs=5)
    assert diverged.current_version is not None
    diverged.current_version.outcome["scores"] = {"accuracy": None}
    diverged.current_version.save()
    for order in ("score.accuracy,id", "-score.accuracy,id"):
        assert ids(viewer, ordering=order) == [good.pk, diverged.pk, missing.pk]
    for condition in ("score.accuracy>=0", "score.accuracy<2", "score.accuracy!=0.1", "score.accuracy=0.8"):
        assert ids(viewer, where=condition) == [good.pk]


def test_runs_are_narrowed_by_conditions(viewer: APIClient) -> None:
    low, none, high = run(0.8, epochs=5), run(None, epochs=5), run(0.95, epochs=10)
    assert ids(viewer, where="score.accuracy>=0.9") == [high.pk]
    assert ids(viewer, where="score.accuracy<0.9") == [low.pk]
    assert ids(viewer, where="parameter.epochs=5") == [none.pk, low.pk]
    assert ids(viewer, where="parameter.epochs=5, score.accuracy>0") == [low.pk]
    assert ids(viewer, where="parameter.epochs!=5") == [high.pk]
    assert ids(viewer, where="parameter.shuffle=true", ordering="id") == [low.pk, none.pk, high.pk]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"where": "score.accuracy"}, "is not a condition"),
        ({"where": "score.accuracy>high"}, "expected a number"),
        ({"where": "secret.name=1"}, "there is no column"),
        ({"where": ",".join(["parameter.a=1"] * 9)}, "expected at most 8"),
        ({"ordering": "score.accuracy,password"}, "there is no column 'password'"),
        ({"ordering": "deployment.configuration"}, "there is no column"),
    ],
)
def test_what_is_not_a_column_or_condition_is_refused(viewer: APIClient, query: dict[str, Any], said: str) -> None:
    answer = viewer.get("/api/results/", query)
    assert answer.status_code == 400
    assert said in answer.json()["errors"][0]["detail"]


def test_names_of_columns_are_values_for_the_database(viewer: APIClient) -> None:
    first = run(0.8, epochs=5)
    assert ids(viewer, ordering="parameter.x\"]') OR 1=1 --") == [first.pk]
    assert ids(viewer, where="parameter.x') OR ('1'=1") == []


def test_a_user_writes_next_to_a_run_what_it_is_found_by(editor: APIClient, viewer: APIClient) -> None:
    other, result = run(0.8, epochs=5), run(0.9, epochs=5)
    body = {"name": "Wide layers", "notes": "see *ticket 12*", "tags": ["wide", "mnist", "wide"], "favourite": True}
    answer = editor.patch(f"/api/results/{result.pk}/", body, format="json")
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in body} == {**body, "tags": ["wide", "mnist"]}
    assert ids(viewer, tag="wide") == ids(viewer, search="Wide lay") == ids(viewer, favourite=True) == [result.pk]
    assert ids(viewer, tag="wid") == []
    assert ids(viewer, favourite=False) == [other.pk]
    # What is left out stays.
    assert editor.patch(f"/api/results/{result.pk}/", {"tags": []}, format="json").json()["name"] == "Wide layers"
    assert ids(viewer, tag="wide") == []


@pytest.mark.parametrize("body", [{"tags": ["two words"]}, {"tags": ["a"] * 21}, {"name": "n" * 101}])
def test_what_is_not_a_tag_or_name_is_refused(editor: APIClient, body: dict[str, Any]) -> None:
    assert editor.patch(f"/api/results/{run(0.8, epochs=5).pk}/", body, format="json").status_code == 400


def test_a_run_is_reported_by_names(viewer: APIClient) -> None:
    result = run(0.8, epochs=5)
    for shown in (viewer.get("/api/results/").json()["results"][0], viewer.get(f"/api/results/{result.pk}/").json()):
        assert shown["stream_topic"] == "digits"
        assert shown["configuration_name"] == result.deployment.configuration.name


def test_a_run_on_a_stream_that_repeats_another_names_the_first(viewer: APIClient) -> None:
    first = run(0.8, epochs=5)
    assert first.stream is not None
    again = run(0.9, epochs=5)
    again.stream = builders.make_stream(value=first.stream.control_message().to_bytes())
    again.save()
    shown = {row["id"]: row["stream_same_as"] for row in viewer.get("/api/results/").json()["results"]}
    assert shown == {first.pk: None, again.pk: first.stream.pk}
    assert viewer.get(f"/api/results/{again.pk}/").json()["stream_same_as"] == first.stream.pk


def test_parameters_have_the_names_that_all_frameworks_know(editor: APIClient, executor: FakeExecutor) -> None:
    models = [builders.make_model(), builders.make_model(framework="pytorch")]
    body = {
        "configuration": builders.make_configuration(*models).pk,
        "batch_size": 64,
        "seed": 3,
        "arguments": {"tensorflow": {"fit": "epochs=5, shuffle=False"}, "pytorch": {"fit": "max_epochs=7"}},
    }
    assert editor.post("/api/deployments/", body, format="json").status_code == 201
    pytorch, tensorflow = editor.get("/api/results/").json()["results"]
    assert tensorflow["parameters"] == {"batch_size": 64, "seed": 3, "epochs": 5, "shuffle": False}
    assert pytorch["parameters"] == {"batch_size": 64, "seed": 3, "epochs": 7}
    assert tensorflow["configuration_name"] == pytorch["configuration_name"]
