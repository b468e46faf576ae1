"""Inferences through the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.api.audit import SYSTEM
from backend.api.tests import builders
from backend.inferences import services
from backend.inferences.models import Inference
from kafkaml.results import Failure, FailureCategory

pytestmark = pytest.mark.django_db


def body(**values: Any) -> dict[str, Any]:
    return {"result": builders.make_finished().pk, "input_topic": "in", "output_topic": "out", **values}


def test_format_comes_from_the_stream_that_trained_it(editor: APIClient) -> None:
    answer = editor.post("/api/inferences/", body(replicas=3))
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["input_format"], shown["input_config"]) == ("RAW", {"data_type": "uint8", "data_reshape": "8 8"})
    assert (shown["guarantee"], shown["replicas"], shown["desired"]) == ("exactly_once", 3, "run")


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
        ("replicas", {"replicas": 0}),
        ("limit", {"limit": 0.8}),
        ("limit", {"upper_topic": "upper"}),
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
    services.register_attempt(inference.pk)
    assert editor.patch(path, {"replicas": 4}).json()["replicas"] == 4
    assert editor.delete(path).status_code == 409
    assert editor.post(f"{path}restart/").status_code == 409
    assert editor.post(f"{path}stop/").json()["desired"] == "stopped"
    assert services.mark_stopped(inference.pk, 1)
    restarted = editor.post(f"{path}restart/").json()
    assert (restarted["state"], restarted["desired"], restarted["attempt"]) == ("waiting", "run", 2)
    assert restarted["group"] == inference.group
    editor.post(f"{path}stop/")
    services.mark_stopped(inference.pk)
    assert editor.delete(path).status_code == 204


def test_visualization_is_kept_and_cleared(editor: APIClient) -> None:
    path = f"/api/inferences/{builders.make_inference().pk}/"
    wanted = {"type": "classification", "labels": [{"id": 0, "label": "zero", "color": "#00ff00"}]}
    shown = editor.patch(path, {"visualization": wanted}).json()["visualization"]
    assert shown == {**wanted, "average_updated": False, "average_window": 5000}
    assert editor.patch(path, {"visualization": None}).json()["visualization"] is None


class Topics:
    def __init__(self, existing: dict[str, int]) -> None:
        self.existing = existing

    def ensure_topic(self, topic: str, *, partitions: int) -> int:
        return self.existing.setdefault(topic, partitions)


def test_missing_topics_are_made_and_idle_replicas_are_told() -> None:
    inference = builders.make_inference(replicas=5, input_topic="in", output_topic="out")
    topics = Topics({"in": 3})
    services.ensure_topics(inference, topics, topics)
    assert topics.existing == {"in": 3, "out": 3, "out.dlq": 1}
    inference.refresh_from_db()
    assert inference.warnings == [
        "5 replicas, but topic in has 3 partitions: 2 replicas will have nothing to do",
    ]


def test_a_crashed_replica_waits_and_then_runs_again() -> None:
    killed = Failure(category=FailureCategory.LOST, cause="killed")
    inference = builders.make_inference()
    services.register_attempt(inference.pk)
    assert services.mark_running(inference.pk, 1, ready_replicas=1)
    assert services.mark_waiting(inference.pk, 1, killed, log_tail="bye")
    inference.refresh_from_db()
    assert (inference.state, inference.failure["cause"], inference.log_tail) == ("waiting", "killed", "bye")
    assert services.mark_running(inference.pk, 1, ready_replicas=1)
    inference.refresh_from_db()
    assert (inference.state, inference.failure) == ("running", None)


def test_groups_are_never_shared() -> None:
    result = builders.make_finished()
    groups = {builders.make_inference(result).group for _ in range(3)}
    assert len(groups) == 3
    services.delete_inference(Inference.objects.first(), actor=SYSTEM)
