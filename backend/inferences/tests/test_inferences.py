"""Inferences through the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.inferences import deleting, services, transitions
from backend.inferences.models import Inference
from backend.inferences.plans import inference_plan
from backend.runs import transitions as runs
from kafkaml.starts import Start, StartPlace
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.inference import InferencePlan
from kafkaml.wire.report import Stats

pytestmark = pytest.mark.django_db


def body(**values: Any) -> dict[str, Any]:
    return {"result": builders.make_finished().pk, "input_topic": "in", "output_topic": "out", **values}


def test_format_comes_from_the_stream_that_trained_it(editor: APIClient) -> None:
    answer = editor.post("/api/inferences/", body(replicas=3))
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["input_format"], shown["input_config"]) == ("RAW", {"data_type": "uint8", "data_reshape": "8 8"})
    assert (shown["guarantee"], shown["replicas"], shown["desired"]) == ("exactly_once", 3, "run")


COLUMN = {"name": "a", "expression": "a", "scaling": "standard"}
CONTRACT = {"format": "JSON", "fields": [{"path": ["a"], "kind": "number"}], "columns": [COLUMN]}
WINDOWS = {**CONTRACT, "window": {"length": 2}, "split": "time"}
LEARNT = {"columns": {"a": {"offset": 3.0, "scale": 2.0}}}
LINES = {"contract": {**CONTRACT, "format": "CSV", "format_config": {"columns": ["a"]}}, "learnt": LEARNT}


@pytest.mark.parametrize(
    ("config", "field", "detail"),
    [
        ({"contract": CONTRACT, "learnt": LEARNT}, "", ""),
        ({}, "input_config", "no contract"),
        ({"contract": CONTRACT}, "input_config", "nothing that was learnt"),
        ({"contract": {**CONTRACT, "fields": []}, "learnt": LEARNT}, "input_config", "no field a"),
        ({"contract": WINDOWS, "learnt": LEARNT}, "", ""),
        ({"contract": {**CONTRACT, "columns": [{**COLUMN, "missing": "last"}]}, "learnt": LEARNT}, "", ""),
        (
            {
                "contract": {
                    **WINDOWS,
                    "window": {"length": 3000},
                    "fields": [{"path": ["a"], "kind": "numbers"}],
                    "columns": [{"name": "a", "expression": "a", "encoding": "numbers", "shape": [5000]}],
                },
                "learnt": LEARNT,
            },
            "result",
            "the window of one key takes",
        ),
    ],
)
def test_a_data_set_serves_by_what_its_training_learnt(
    editor: APIClient, config: dict[str, Any], field: str, detail: str
) -> None:
    answer = editor.post("/api/inferences/", body(input_format="COLUMNS", input_config=config))
    assert answer.status_code == (400 if field else 201), answer.content
    reported = {error["field"]: error["detail"] for error in answer.json().get("errors", [])}
    assert list(reported) == ([field] if field else [])
    assert detail in reported.get(field, "")


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({"include": ["a", "_timestamp"]}, ""),
        ({"include": ["b"], "input_config": LINES}, "neither a column nor a field: expected some of a"),
        ({"include": ["a", "a"]}, "each name once"),
        ({"include": ["a"], "input_format": "RAW", "input_config": {}}, "no contract that names their fields"),
        ({"include": [f"_headers.{number}" for number in range(21)]}, "at most 20"),
    ],
)
def test_answers_carry_what_a_contract_names(editor: APIClient, more: dict[str, Any], detail: str) -> None:
    config = {"contract": CONTRACT, "learnt": LEARNT}
    answer = editor.post("/api/inferences/", body(**{"input_format": "COLUMNS", "input_config": config, **more}))
    if detail:
        assert answer.status_code == 400
        ((field, reported),) = {error["field"]: error["detail"] for error in answer.json()["errors"]}.items()
        assert field.startswith("include")
        assert detail in reported
    else:
        assert answer.json()["include"] == more["include"]
        assert inference_plan(Inference.objects.get()).include == ("a", "_timestamp")


def test_what_answers_carry_is_changed_while_it_runs(editor: APIClient) -> None:
    config = {"contract": CONTRACT, "learnt": LEARNT}
    made = editor.post("/api/inferences/", body(input_format="COLUMNS", input_config=config)).json()
    path = f"/api/inferences/{made['id']}/"
    answer = editor.patch(path, {"include": ["a", "a"]}, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "include")
    for revision, names in [(1, ["site.name", "_offset"]), (1, ["site.name", "_offset"]), (2, [])]:
        shown = editor.patch(path, {"include": names}, format="json").json()
        assert (shown["include"], shown["revision"]) == (names, revision)
    assert inference_plan(Inference.objects.get()).include == ()


def test_windows_are_served_on_one_cluster_alone(editor: APIClient, configure: Callable[..., None]) -> None:
    configure(allowed_output_brokers="elsewhere:9092")
    config = {"contract": WINDOWS, "learnt": LEARNT}
    made = editor.post("/api/inferences/", body(input_format="COLUMNS", input_config=config)).json()
    assert made["changelog_topic"] == f"{made['group']}-changelog"
    elsewhere = body(input_format="COLUMNS", input_config=config, output_bootstrap_servers="elsewhere:9092")
    answer = editor.post("/api/inferences/", elsewhere)
    assert answer.status_code == 400
    (reported,) = answer.json()["errors"]
    assert reported["field"] == "output_bootstrap_servers"
    assert "in the transaction of the answers" in reported["detail"]


def test_another_format_does_not_inherit_the_settings(editor: APIClient) -> None:
    shown = editor.post("/api/inferences/", body(input_format="JSON")).json()
    assert (shown["input_format"], shown["input_config"]) == ("JSON", {})


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("input_topic", {"input_topic": "a b"}),
        ("output_topic", {"output_topic": "in"}),
        ("output_topic", {"input_topic": "out.dlq"}),
        ("output_topic", {"output_topic": "x" * 248}),
        ("input_topic", {"input_topic": "KAFKA_ML_CONTROL_TOPIC"}),
        ("replicas", {"replicas": -1}),
        ("max_replicas", {"replicas": 0, "max_replicas": 2}),
        ("upper_topic", {"limit": 0.8}),
        ("limit", {"upper_topic": "upper"}),
        ("output_timestamps", {"output_timestamps": "now"}),
        ("output_bootstrap_servers", {"output_bootstrap_servers": "169.254.169.254:80"}),
        ("output_bootstrap_servers", {"output_bootstrap_servers": "a:1/etc/passwd"}),
        ("visualization.type", {"visualization": {"type": "pie", "labels": []}}),
        (
            "visualization.labels.0.color",
            {"visualization": {"type": "classification", "labels": [{"id": 0, "label": "a", "color": "url(x)"}]}},
        ),
        ("visualization.labels", {"visualization": {"type": "regression", "labels": [{"id": 0, "label": "a"}] * 2}}),
        ("visualization.script", {"visualization": {"type": "regression", "labels": [], "script": "x"}}),
    ],
)
def test_wrong_fields_are_named(field: str, values: dict[str, Any], editor: APIClient) -> None:
    answer = editor.post("/api/inferences/", body(**values))
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert not Inference.objects.exists()


def test_which_time_answers_carry_reaches_the_replicas(editor: APIClient) -> None:
    assert editor.post("/api/inferences/", body()).json()["output_timestamps"] == "source"
    shown = editor.post("/api/inferences/", body(output_timestamps="written")).json()
    assert shown["output_timestamps"] == "written"
    plan = inference_plan(Inference.objects.get(pk=shown["id"]))
    assert InferencePlan.model_validate(plan.to_json()).output_timestamps == "written"


def test_another_cluster_means_at_least_once(editor: APIClient, configure: Callable[..., None]) -> None:
    configure(allowed_output_brokers="other:9092")
    answer = editor.post("/api/inferences/", body(output_bootstrap_servers="other:9092", output_topic="in"))
    assert (answer.status_code, answer.json()["guarantee"]) == (201, "at_least_once")


def test_only_finished_results_serve(editor: APIClient) -> None:
    answer = editor.post("/api/inferences/", body(result=builders.make_launched().pk))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "result")


def test_it_is_scaled_stopped_started_again_and_deleted(editor: APIClient) -> None:
    inference = builders.make_inference()
    path = f"/api/inferences/{inference.pk}/"
    runs.register_attempt(Inference, inference.pk)
    assert editor.patch(path, {"replicas": 4}).json()["replicas"] == 4
    assert editor.delete(path).status_code == 409
    assert editor.post(f"{path}restart/").status_code == 409
    assert editor.post(f"{path}stop/").json()["desired"] == "stopped"
    assert runs.mark_stopped(Inference, inference.pk, 1)
    restarted = editor.post(f"{path}restart/").json()
    assert (restarted["state"], restarted["desired"], restarted["attempt"]) == ("waiting", "run", 2)
    assert restarted["group"] == inference.group
    editor.post(f"{path}stop/")
    runs.mark_stopped(Inference, inference.pk)
    assert editor.delete(path).status_code == 204


@pytest.fixture
def scaling(monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform runs in a cluster that has KEDA."""
    monkeypatch.setenv("KML_LAUNCHER", "kubernetes")
    monkeypatch.setenv("KML_KUBERNETES_KEDA", "true")


@pytest.mark.usefixtures("scaling")
def test_the_lag_may_choose_between_two_numbers_of_replicas(editor: APIClient) -> None:
    shown = editor.post("/api/inferences/", body(replicas=2, max_replicas=6)).json()
    assert (shown["replicas"], shown["max_replicas"], shown["current_replicas"]) == (2, 6, 2)
    path = f"/api/inferences/{shown['id']}/"
    runs.register_attempt(Inference, shown["id"])
    assert transitions.mark_scaled(shown["id"], 1, 5)
    assert editor.get(path).json()["current_replicas"] == 5
    # The user's number counts immediately, before the autoscaler chooses again.
    assert editor.patch(path, {"max_replicas": 4}).json()["current_replicas"] == 4
    fixed = editor.patch(path, {"max_replicas": None}).json()
    assert (fixed["replicas"], fixed["max_replicas"], fixed["current_replicas"]) == (2, None, 2)


@pytest.mark.usefixtures("scaling")
def test_bounds_that_cannot_be_kept_are_refused(editor: APIClient) -> None:
    refused = editor.post("/api/inferences/", body(replicas=3, max_replicas=2)).json()["errors"]
    assert [(problem["field"], problem["detail"]) for problem in refused] == [
        ("max_replicas", "at most 2 replicas, but at least 3: expected max_replicas not below replicas")
    ]
    path = f"/api/inferences/{builders.make_inference(max_replicas=4).pk}/"
    assert editor.patch(path, {"replicas": 5}).json()["errors"][0]["field"] == "replicas"
    assert editor.patch(path, {"replicas": 4}).status_code == 200


def test_autoscaling_is_refused_where_nothing_scales(editor: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    (refused,) = editor.post("/api/inferences/", body(max_replicas=2)).json()["errors"]
    assert refused["field"] == "max_replicas"
    assert "processes of this machine" in refused["detail"]
    monkeypatch.setenv("KML_LAUNCHER", "kubernetes")
    monkeypatch.setenv("KML_KUBERNETES_KEDA", "false")
    (refused,) = editor.post("/api/inferences/", body(max_replicas=2)).json()["errors"]
    assert "KEDA is not in use" in refused["detail"]
    # Where KEDA has been taken away since, a fixed number can still be chosen.
    Inference.objects.filter(pk=(pk := builders.make_inference().pk)).update(max_replicas=4)
    assert editor.patch(f"/api/inferences/{pk}/", {"max_replicas": None, "replicas": 2}).status_code == 200


@pytest.mark.usefixtures("scaling")
def test_what_replicas_said_counts_while_they_are_to_run(editor: APIClient) -> None:
    inference = builders.make_inference(max_replicas=4)
    runs.register_attempt(Inference, inference.pk)
    transitions.mark_scaled(inference.pk, 1, 3)
    for replica in range(3):
        values = {"state": "running", "rate": 10.0, "lag": 5, "predicted": 100}
        transitions.store_stats(inference.pk, Stats(attempt=1, replica=replica, **values))
    path = f"/api/inferences/{inference.pk}/"
    shown = editor.get(path).json()
    assert (shown["stats"]["rate"], shown["stats"]["lag"], len(shown["replica_stats"])) == (30.0, 15, 3)
    transitions.mark_scaled(inference.pk, 1, 1)
    shown = editor.get(path).json()
    assert (shown["stats"]["rate"], shown["stats"]["lag"], len(shown["replica_stats"])) == (10.0, 5, 1)


def test_visualization_is_kept_and_cleared(editor: APIClient) -> None:
    path = f"/api/inferences/{builders.make_inference().pk}/"
    wanted = {"type": "classification", "labels": [{"id": 0, "label": "zero", "color": "#00ff00"}]}
    shown = editor.patch(path, {"visualization": wanted}).json()["visualization"]
    assert shown == {**wanted, "average_updated": False, "average_window": 5000}
    assert editor.patch(path, {"visualization": None}).json()["visualization"] is None


@pytest.mark.usefixtures("scaling")
def test_a_topic_is_made_for_the_most_replicas_and_its_partitions_bound_them() -> None:
    inference = builders.make_inference(replicas=1, max_replicas=4, input_topic="in", output_topic="out")
    made, there = Topics({}), Topics({"in": 3})
    services.ensure_topics(inference, lambda _servers: made)
    assert made.existing == {"in": 4, "out": 4, "out.dlq": 1}
    services.ensure_topics(inference, lambda _servers: there)
    inference.refresh_from_db()
    assert inference.warnings == ["topic in has 3 partitions: no more than 3 of at most 4 replicas will be started"]


class Topics:
    def __init__(self, existing: dict[str, int]) -> None:
        self.existing = existing
        self.begun: list[tuple[str, str, Start]] = []
        self.max_record_bytes: dict[str, int] = {}

    def ensure_topic(self, topic: str, *, partitions: int, max_record_bytes: int = 0) -> int:
        self.max_record_bytes[topic] = max_record_bytes
        return self.existing.setdefault(topic, partitions)

    def begin_at(self, group: str, topic: str, start: Start) -> None:
        assert topic in self.existing
        self.begun.append((group, topic, start))


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("beginning", None),
        ("now", StartPlace.NOW),
        ("1200", 1200),
        ("2026-01-31T12:30:00", datetime(2026, 1, 31, 12, 30, tzinfo=UTC)),
    ],
)
def test_an_inference_begins_where_it_is_set(editor: APIClient, start: str, expected: Start | None) -> None:
    shown = editor.post("/api/inferences/", body(start=start)).json()
    assert shown["start"] == start
    topics = Topics({})
    services.ensure_topics(Inference.objects.get(), lambda _servers: topics)
    assert topics.begun == ([] if expected is None else [(shown["group"], "in", expected)])


@pytest.mark.parametrize("start", ["yesterday", "-1", "9" * 30, "1.5", ""])
def test_a_start_that_is_none_is_refused(editor: APIClient, start: str) -> None:
    (error,) = editor.post("/api/inferences/", body(start=start)).json()["errors"]
    assert error["field"] == "start"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [([None, 10], 0), ([None, 256, 256, 3], 3_473_984), ([None, None, 3], 0), ([None, 4096, 4096], 16 << 20), ([], 0)],
)
def test_an_output_topic_is_made_for_the_size_of_its_answers(shape: list[int | None], expected: int) -> None:
    model = builders.make_model(report={"outputs": [{"name": "y", "dtype": "float32", "shape": shape}]})
    inference = builders.make_inference(builders.make_finished(model), input_topic="in", output_topic="out")
    topics = Topics({})
    services.ensure_topics(inference, lambda _servers: topics)
    assert topics.max_record_bytes == {"in": 0, "out": expected, "out.dlq": 0}


def test_missing_topics_are_made_and_idle_replicas_are_reported() -> None:
    inference = builders.make_inference(replicas=5, input_topic="in", output_topic="out")
    topics = Topics({"in": 3})
    services.ensure_topics(inference, lambda _servers: topics)
    assert topics.existing == {"in": 3, "out": 3, "out.dlq": 1}
    inference.refresh_from_db()
    assert inference.warnings == [
        "5 replicas, but topic in has 3 partitions: 2 replicas will have nothing to do",
    ]


def test_a_crashed_replica_waits_and_then_runs_again() -> None:
    killed = Failure(category=FailureCategory.LOST, cause="killed")
    inference = builders.make_inference()
    runs.register_attempt(Inference, inference.pk)
    assert transitions.mark_running(inference.pk, 1, ready_replicas=1)
    assert transitions.mark_waiting(inference.pk, 1, killed, log_tail="bye")
    inference.refresh_from_db()
    assert (inference.state, inference.failure["cause"], inference.log_tail) == ("waiting", "killed", "bye")
    assert transitions.mark_running(inference.pk, 1, ready_replicas=1)
    inference.refresh_from_db()
    assert (inference.state, inference.failure) == ("running", None)


def test_what_keeps_replicas_from_running_is_shown_with_and_without_others_that_serve() -> None:
    full = Failure(category=FailureCategory.CONFIGURATION, cause="no node has room")
    inference = builders.make_inference()
    runs.register_attempt(Inference, inference.pk)

    def shown() -> tuple[str, object]:
        inference.refresh_from_db()
        return inference.state, (inference.failure or {}).get("cause")

    assert runs.mark_obstacle(Inference, inference.pk, 1, full)
    assert shown() == ("waiting", "no node has room")
    assert transitions.mark_running(inference.pk, 1, ready_replicas=1)
    assert shown() == ("running", None)
    # A launch that failed while others serve is tried again; only what the runtime says of replicas is shown.
    assert runs.mark_obstacle(Inference, inference.pk, 1, full)
    assert shown() == ("running", None)
    assert transitions.mark_running(inference.pk, 1, ready_replicas=1, obstacle=full)
    assert shown() == ("running", "no node has room")
    assert transitions.mark_running(inference.pk, 1, ready_replicas=2)
    assert shown() == ("running", None)
    assert not runs.mark_obstacle(Inference, inference.pk, 2, full)


def test_groups_are_never_shared() -> None:
    result = builders.make_finished()
    groups = {builders.make_inference(result).group for _ in range(3)}
    assert len(groups) == 3
    deleting.delete_inference(Inference.objects.first(), actor=SYSTEM)
