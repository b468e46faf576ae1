"""Chains put into service as a whole: what is proposed, what is made, and that all tiers are made or none."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.deployments.models import TrainingResult
from backend.inferences.models import Inference

pytestmark = pytest.mark.django_db


@pytest.fixture
def leader() -> TrainingResult:
    """The leading result of a trained chain, with samples of its exits."""
    leader = builders.make_launched(*builders.make_chain())
    builders.finish_chain(leader)
    leader.refresh_from_db()
    return leader


def proposed(client: APIClient, result: int, **query: str) -> Any:
    answer = client.get("/api/chains/", {"result": result, **query})
    assert answer.status_code == 200, answer.json()
    return answer.json()


def deploy(client: APIClient, leader: TrainingResult, **body: Any) -> Any:
    return client.post("/api/chains/", {"result": leader.pk, **body}, format="json")


def test_free_topics_and_limits_of_the_curves_are_proposed(leader: TrainingResult, editor: APIClient) -> None:
    edge, fog, cloud = leader.parts()
    shown = proposed(editor, edge.pk, prefix="digits")
    names = [result.model.name.replace(" ", "-") for result in (fog, cloud)]
    assert (shown["result"], shown["input_topic"], shown["output_topic"]) == (leader.pk, "digits-in", "digits-out")
    assert [(tier["result"], tier["input_topic"], tier["upper_topic"]) for tier in shown["tiers"]] == [
        (edge.pk, "digits-in", f"digits-{names[0]}"),
        (fog.pk, f"digits-{names[0]}", f"digits-{names[1]}"),
        (cloud.pk, f"digits-{names[1]}", ""),
    ]
    assert [tier["limit"] for tier in shown["tiers"]] == [0.8, 0.8, None]
    assert [tier["least_limit"] for tier in shown["tiers"]] == [0.1, 0.1, None]
    assert proposed(editor, leader.pk)["input_topic"] == f"{leader.deployment.configuration.name.replace(' ', '-')}-in"
    assert deploy(editor, leader, prefix="digits").status_code == 201
    assert proposed(editor, leader.pk, prefix="digits")["input_topic"] == "digits-2-in"


def test_the_lowest_tier_alone_begins_where_the_chain_is_to(leader: TrainingResult, editor: APIClient) -> None:
    made = deploy(editor, leader, start="2026-01-31T12:30:00Z").json()["inferences"]
    assert [tier["start"] for tier in made] == ["2026-01-31T12:30:00Z", "beginning", "beginning"]
    (reported,) = deploy(editor, leader, start="later").json()["errors"]
    assert reported["field"] == "start"


def test_a_tier_joins_those_that_are_served(leader: TrainingResult, editor: APIClient) -> None:
    edge, fog, cloud = leader.parts()

    def serve(part: TrainingResult, **values: Any) -> int:
        body = {"result": part.pk, "output_topic": "answers", **values}
        answer = editor.post("/api/inferences/", body, format="json")
        assert answer.status_code == 201, answer.json()
        return int(answer.json()["id"])

    edges = serve(edge, input_topic="pictures", upper_topic="unsure", limit=0.8)
    clouds = serve(cloud, input_topic="hard")
    shown = proposed(editor, fog.pk, prefix="digits", joining="true")
    assert (shown["input_topic"], shown["output_topic"]) == ("pictures", "answers")
    assert [(tier["input_topic"], tier["upper_topic"], tier["served_by"]) for tier in shown["tiers"]] == [
        ("pictures", "unsure", edges),
        ("unsure", "hard", None),
        ("hard", "", clouds),
    ]
    # Chains that do not ask for it, and chains after their end, get topics of their own.
    assert proposed(editor, fog.pk, prefix="digits")["input_topic"] == "digits-in"
    for inference in (edges, clouds):
        assert editor.post(f"/api/inferences/{inference}/stop/").status_code < 300
    assert proposed(editor, fog.pk, prefix="digits", joining="true")["input_topic"] == "digits-in"


def test_a_chain_is_served_as_proposed_but_for_what_is_given(leader: TrainingResult, editor: APIClient) -> None:
    edge, fog, cloud = leader.parts()
    tiers = [{"result": cloud.pk, "replicas": 2}, {"result": edge.pk, "limit": 0.6, "upper_topic": "minst-upper"}]
    answer = deploy(editor, leader, input_topic="minst-in", output_topic="minst-out", prefix="minst", tiers=tiers)
    assert answer.status_code == 201, answer.json()
    made = answer.json()["inferences"]
    top = f"minst-{cloud.model.name.replace(' ', '-')}"
    assert [
        (tier["result"], tier["input_topic"], tier["upper_topic"], tier["limit"], tier["replicas"]) for tier in made
    ] == [
        (edge.pk, "minst-in", "minst-upper", 0.6, 1),
        (fog.pk, "minst-upper", top, 0.8, 1),
        (cloud.pk, top, "", None, 2),
    ]
    assert {tier["output_topic"] for tier in made} == {"minst-out"}
    assert made[0]["input_config"] == {"data_type": "uint8", "data_reshape": "8 8"}
    # Intermediates are read on their own.
    assert [tier["input_config"] for tier in made[1:]] == [{"data_type": "float32", "data_reshape": "64"}] * 2
    assert [tier["guarantee"] for tier in made] == ["exactly_once"] * 3


@pytest.mark.parametrize(
    ("tier", "values", "field", "reason"),
    [
        (0, {"limit": 0.05}, "tiers.0.limit", "nothing would go up"),
        (1, {"replicas": -1}, "tiers.1.replicas", ""),
        (2, {"limit": 0.5, "upper_topic": "higher"}, "tiers.2.limit", "is the top of its chain"),
        (1, {"upper_topic": "minst-in"}, "tiers.1.upper_topic", "would go round forever"),
    ],
)
def test_all_tiers_are_made_or_none(
    tier: int, values: dict[str, Any], field: str, reason: str, leader: TrainingResult, editor: APIClient
) -> None:
    part = leader.parts()[tier]
    answer = deploy(editor, leader, input_topic="minst-in", tiers=[{"result": part.pk, **values}])
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["field"], reason in error["detail"]) == (field, True), error
    assert not Inference.objects.exists()


def test_what_is_not_a_trained_chain_is_refused(editor: APIClient, leader: TrainingResult) -> None:
    ordinary = builders.make_finished()
    untrained = builders.make_launched(*builders.make_chain())
    for result, reason in ((ordinary, "no sub-model of a chain"), (untrained, "has no version yet")):
        for answer in (editor.get("/api/chains/", {"result": result.pk}), deploy(editor, result)):
            (error,) = answer.json()["errors"]
            assert (answer.status_code, error["field"], reason in error["detail"]) == (400, "result", True)
    for tiers, reason in (
        ([{"result": ordinary.pk}], f"result {ordinary.pk} is of another run"),
        ([{"result": leader.pk}] * 2, "given twice"),
    ):
        (error,) = deploy(editor, leader, tiers=tiers).json()["errors"]
        assert (error["field"], reason in error["detail"]) == ("tiers", True)
    assert editor.get("/api/chains/").status_code == 400


def test_exits_without_samples_need_limits_of_a_user(editor: APIClient) -> None:
    leader = builders.make_launched(*builders.make_chain())
    builders.finish_chain(leader)
    leader.refresh_from_db()
    leader.artifacts.filter(name="exits.json").delete()
    shown = proposed(editor, leader.pk)
    assert ([tier["limit"] for tier in shown["tiers"]], "has no samples" in shown["obstacle"]) == ([None] * 3, True)
    (error,) = deploy(editor, leader).json()["errors"]
    assert (error["field"], "expected more than 0.1, at most 1" in error["detail"]) == ("tiers.0.limit", True)
    limits = [{"result": result.pk, "limit": 0.7} for result in leader.parts()[:2]]
    assert deploy(editor, leader, tiers=limits).status_code == 201
