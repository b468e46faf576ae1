"""Tiers of a distributed model: what may be handed up, what is read, and the limit that is changed while they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api.tests import builders
from backend.deployments.models import TrainingResult
from backend.inferences import services
from backend.inferences.models import Inference, SwapRecord
from backend.inferences.plans import inference_plan
from backend.inferences.tests.test_swaps import post, say, train_again
from backend.ml_models.models import MLModel
from backend.runs import transitions as runs
from kafkaml.starts import Start
from kafkaml.wire.distributed import Cascade, Exit, Scores

pytestmark = pytest.mark.django_db

EXIT = Exit(scores=Scores.LOGITS, classes=10, temperature=1.5, upper_bytes=256)


def trained(name: str, *, found: Exit | None = EXIT, shape: list[int] | None = None) -> TrainingResult:
    result = builders.make_launched(builders.make_model(name=name))
    builders.make_artifact(result)
    builders.finish(result, exit=found, input_shape=shape or [64], output_shapes=[[64], [10]])
    return result


@pytest.fixture
def chain() -> list[TrainingResult]:
    """Edge, fog and cloud, linked once they are trained."""
    results = [trained("edge", shape=[28, 28]), trained("fog"), trained("cloud")]
    for lower, upper in zip(results, [*results[1:], None], strict=True):
        model = None if upper is None else upper.model
        MLModel.objects.filter(pk=lower.model_id).update(distributed=True, upper_model=model)
    return [TrainingResult.objects.get(pk=result.pk) for result in results]


def body(result: TrainingResult, **values: Any) -> dict[str, Any]:
    tier = {"input_topic": "in", "output_topic": "out", "upper_topic": "upper", "limit": 0.8}
    return {"result": result.pk, **tier, **values}


@pytest.fixture
def edge(chain: list[TrainingResult], editor: APIClient) -> Inference:
    answer = editor.post("/api/inferences/", body(chain[0]))
    assert answer.status_code == 201, answer.json()
    registered = runs.register_attempt(Inference, answer.json()["id"])
    assert registered is not None
    return registered


def test_the_plan_says_by_what_a_tier_hands_up(edge: Inference, chain: list[TrainingResult], viewer: APIClient) -> None:
    plan = inference_plan(Inference.objects.get(pk=edge.pk))
    assert plan.tier == "edge"
    assert plan.cascade == Cascade(upper_topic="upper", limit=0.8, scores=Scores.LOGITS, temperature=1.5)
    shown = viewer.get(f"/api/inferences/{edge.pk}/").json()
    assert (shown["tier"], shown["limit"], shown["upper_topic"]) == ("edge", 0.8, "upper")
    assert (shown["input_format"], shown["input_config"]) == ("RAW", {"data_type": "uint8", "data_reshape": "8 8"})
    alone = builders.make_inference(chain[0])
    assert (inference_plan(alone).tier, inference_plan(alone).cascade) == ("edge", None)
    assert (inference_plan(builders.make_inference()).tier, viewer.get("/api/inferences/").status_code) == ("", 200)


def test_an_upper_tier_reads_what_the_lower_one_sends(chain: list[TrainingResult], editor: APIClient) -> None:
    stream = chain[1].versions.get().stream
    assert stream is not None
    stream.message["input_config"] |= {"label_type": "uint8", "label_reshape": ""}
    stream.save()
    shown = editor.post("/api/inferences/", body(chain[1], input_topic="upper", upper_topic="top")).json()
    assert (shown["input_format"], shown["input_config"]) == (
        "RAW", {"data_type": "float32", "data_reshape": "64", "label_type": "uint8", "label_reshape": ""},
    )  # fmt: skip
    # What is given is kept.
    config = {"data_type": "float64", "data_reshape": "8 8"}
    shown = editor.post("/api/inferences/", body(chain[1], input_config=config, upper_topic="higher")).json()
    assert shown["input_config"] == {**config, "label_type": "uint8", "label_reshape": ""}
    shown = editor.post("/api/inferences/", body(chain[2], limit=None, upper_topic="", input_format="JSON")).json()
    assert (shown["input_format"], shown["input_config"], shown["tier"]) == ("JSON", {}, "cloud")


@pytest.mark.parametrize(
    ("values", "field", "reason"),
    [
        ({"limit": None}, "limit", "an upper topic needs the limit"),
        ({"upper_topic": ""}, "upper_topic", "a limit needs the topic"),
        ({"limit": 1.1}, "limit", "1.1 is not a confidence: expected a number from 0 to 1"),
        ({"limit": -0.5}, "limit", "-0.5 is not a confidence"),
        ({"limit": "nan"}, "limit", "expected a number"),
        ({"limit": 0.1}, "limit", "nothing would go up: of 10 classes the most probable has at least 0.1"),
        ({"upper_topic": "in"}, "upper_topic", "would come back forever"),
        ({"upper_topic": "out"}, "upper_topic", "must differ"),
        ({"upper_topic": "out.dlq"}, "upper_topic", "must differ"),
        ({"upper_topic": "KAFKA_ML_CONTROL_TOPIC"}, "upper_topic", "is a control topic"),
        ({"upper_topic": "a b"}, "upper_topic", "a b"),
        ({"upper_bootstrap_servers": "other:9092"}, "upper_bootstrap_servers", "is not allowed"),
    ],
)
def test_what_cannot_be_handed_up_is_refused(
    values: dict[str, Any], field: str, reason: str, chain: list[TrainingResult], editor: APIClient
) -> None:
    answer = editor.post("/api/inferences/", body(chain[0], **values))
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["field"], reason in error["detail"]) == (field, True), error


@pytest.mark.parametrize(
    ("found", "classes", "reason"),
    [
        (Exit(scores=Scores.VALUES, classes=1), 0, "predicts values, which have no confidence"),
        (None, 0, "nothing is known of the exit"),
        (Exit(scores=Scores.PROBABILITIES, classes=1), 0.5, "of 2 classes the most probable has at least 0.5"),
    ],
)
def test_exits_that_have_no_confidence_have_no_limit(
    found: Exit | None, classes: float, reason: str, editor: APIClient
) -> None:
    result, upper = trained("edge", found=found), trained("fog")
    MLModel.objects.filter(pk=upper.model_id).update(distributed=True)
    MLModel.objects.filter(pk=result.model_id).update(distributed=True, upper_model=upper.model)
    (error,) = editor.post("/api/inferences/", body(result, limit=classes or 0.9)).json()["errors"]
    assert reason in error["detail"]
    assert editor.post("/api/inferences/", body(result, limit=None, upper_topic="")).status_code == 201


def test_tops_ordinary_models_and_circles_hand_nothing_up(
    edge: Inference, chain: list[TrainingResult], editor: APIClient
) -> None:
    ordinary = builders.make_finished(builders.make_model(name="alone"))
    for result, reason in ((chain[2], "cloud is the top of its chain"), (ordinary, "alone is not a sub-model")):
        (error,) = editor.post("/api/inferences/", body(result)).json()["errors"]
        assert (error["field"], reason in error["detail"]) == ("limit", True)
    circle = body(chain[1], input_topic="upper", output_topic="answers", upper_topic="in")
    (error,) = editor.post("/api/inferences/", circle).json()["errors"]
    assert error["field"] == "upper_topic"
    assert f"inference {edge.pk} of edge reads in: expected the input of a tier above fog" in error["detail"]


def test_windows_are_handed_up_on_the_cluster_of_their_input_alone(
    chain: list[TrainingResult], editor: APIClient, configure: Callable[..., None]
) -> None:
    configure(allowed_output_brokers="other:9092")
    column = {"name": "a", "expression": "a"}
    contract = {
        "format": "JSON",
        "fields": [{"path": ["a"], "kind": "number"}],
        "columns": [column],
        "window": {"length": 4},
        "split": "time",
    }
    config = {"contract": contract, "learnt": {"columns": {"a": {}}}}
    windows = body(chain[0], input_format="COLUMNS", input_config=config)
    answer = editor.post("/api/inferences/", {**windows, "upper_bootstrap_servers": "other:9092"}, format="json")
    (error,) = answer.json()["errors"]
    assert error["field"] == "upper_bootstrap_servers"
    assert "in the transaction of the answers, which is of one cluster" in error["detail"]
    shown = editor.post("/api/inferences/", windows, format="json")
    assert (shown.status_code, shown.json()["guarantee"]) == (201, "exactly_once")


def test_each_cluster_makes_its_topics_and_transactions_span_one(
    chain: list[TrainingResult], editor: APIClient, configure: Callable[..., None]
) -> None:
    configure(allowed_output_brokers="other:9092")
    shown = editor.post("/api/inferences/", body(chain[0], upper_bootstrap_servers="other:9092", upper_topic="in"))
    assert (shown.status_code, shown.json()["guarantee"]) == (201, "at_least_once")
    made: list[tuple[str, str, int]] = []

    class Admin:
        def __init__(self, servers: str) -> None:
            self._servers = servers

        def ensure_topic(self, topic: str, *, partitions: int, max_record_bytes: int = 0) -> int:
            made.append((self._servers, topic, partitions))
            return 3

        def begin_at(self, group: str, topic: str, start: Start) -> None:
            raise AssertionError("it begins with the first record")

    services.ensure_topics(Inference.objects.get(), Admin)
    assert made == [("", "in", 1), ("", "out", 3), ("", "out.dlq", 1), ("other:9092", "in", 3)]


def test_the_limit_is_changed_while_it_runs(edge: Inference, editor: APIClient) -> None:
    path = f"/api/inferences/{edge.pk}/"
    said = {"revision": 0, "version": 1, "limit": 0.8}
    exits = {"limit": 0.8, "predicted": 100, "sent_up": 25}
    assert say(edge, serving=said, exits=exits, predicted=100, sent_up=25) == 0
    shown = editor.get(path).json()
    assert (shown["exits"], shown["stats"]["sent_up"]) == (exits, 25)

    answer = editor.patch(path, {"limit": 0.9}, format="json")

    assert (answer.status_code, answer.json()["limit"], answer.json()["revision"]) == (200, 0.9, 1)
    # What was counted by another limit says nothing of this one.
    assert answer.json()["exits"] == {"limit": 0.9, "predicted": 0, "sent_up": 0}
    assert inference_plan(Inference.objects.get()).cascade == Cascade(
        upper_topic="upper", limit=0.9, scores=Scores.LOGITS, temperature=1.5
    )
    assert AuditEntry.objects.filter(action="change").latest("pk").detail == "limit 0.9"
    swap = {"revision": 1, "from_version": 1, "version": 1, "limit": 0.9, "at": "2026-01-01T00:00:00Z"}
    swaps = [{**swap, "gap_seconds": 0.01}]
    assert say(edge, serving={**said, "limit": 0.9}, swaps=swaps, predicted=130, sent_up=35) == 1
    assert SwapRecord.objects.get().limit == 0.9
    assert Inference.objects.get().sent_up == 35
    # Setting the same again changes nothing.
    assert editor.patch(path, {"limit": 0.9}, format="json").json()["revision"] == 1
    for limit, reason in ((0.1, "nothing would go up"), (None, "null"), (2, "not a confidence")):
        refused = editor.patch(path, {"limit": limit}, format="json")
        assert (refused.status_code, reason in refused.json()["errors"][0]["detail"]) == (400, True), refused.json()


def test_what_hands_nothing_up_takes_no_limit(chain: list[TrainingResult], editor: APIClient) -> None:
    alone = builders.make_inference(chain[0])
    refused = editor.patch(f"/api/inferences/{alone.pk}/", {"limit": 0.9}, format="json")
    assert "answers everything itself" in refused.json()["errors"][0]["detail"]


def test_another_version_brings_its_own_temperature_and_a_canary_is_refused(
    edge: Inference, chain: list[TrainingResult], editor: APIClient
) -> None:
    shapes = {"input_shape": [28, 28], "output_shapes": [[64], [10]]}
    train_again(chain[0], exit=EXIT.model_copy(update={"temperature": 2.0}), **shapes)
    plan = inference_plan(Inference.objects.get())
    assert plan.cascade is not None
    assert (plan.model.version, plan.cascade.temperature) == (2, 2.0)
    refused = post(editor, edge, "canary", version=1)
    assert (refused.status_code, "start a shadow" in refused.json()["hint"]) == (409, True), refused.json()
    shadow = post(editor, edge, "shadow", version=1)
    assert (shadow.status_code, shadow.json()["limit"], shadow.json()["upper_topic"]) == (201, None, "")
    # What goes up has another shape, or another kind of scores.
    for outcome, reason in (
        ({"output_shapes": [[32], [10]], "exit": EXIT}, "(32,) and (10,)"),
        ({"exit": EXIT.model_copy(update={"scores": Scores.PROBABILITIES})}, "it answers probabilities"),
    ):
        train_again(chain[0], **{**shapes, **outcome})
        stays = Inference.objects.get(pk=edge.pk)
        assert stays.served.number == 2
        assert stays.swap_failure is not None
        assert reason in stays.swap_failure["failure"]["cause"]
