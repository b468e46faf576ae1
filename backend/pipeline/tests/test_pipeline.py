"""The picture of the home page: facts, boxes, lines, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts.models import Role, User
from backend.api.tests import builders
from backend.configurations.models import Configuration
from backend.deployments.models import TrainingResult
from backend.inferences import transitions
from backend.inferences.models import Inference, ReplicaStats
from backend.pipeline.picture import tiers
from backend.pipeline.selectors import PER_COLUMN
from backend.runs import transitions as runs
from backend.streams.models import Announcement
from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import StreamRange
from kafkaml.wire.evaluation import Baseline, BaselineKind
from kafkaml.wire.report import Stats
from kafkaml.wire.scores import Score

pytestmark = pytest.mark.django_db


def picture(client: APIClient) -> dict[str, Any]:
    answer = client.get("/api/pipeline/")
    assert answer.status_code == 200
    return dict(answer.json())


def node(shown: dict[str, Any], key: str) -> dict[str, Any]:
    return next(dict(node) for node in shown["nodes"] if node["key"] == key)


def edge(shown: dict[str, Any], source: str, target: str) -> dict[str, Any]:
    return next(dict(edge) for edge in shown["edges"] if (edge["source"], edge["target"]) == (source, target))


def run_inference(inference: Inference, **stats: Any) -> None:
    runs.register_attempt(Inference, inference.pk)
    Inference.objects.filter(pk=inference.pk).update(state="running", started_at=timezone.now())
    inference.refresh_from_db()
    transitions.store_stats(inference.pk, Stats(attempt=inference.attempt, replica=0, state="running", **stats))


def test_an_empty_installation_has_done_nothing_yet(viewer: APIClient) -> None:
    shown = picture(viewer)
    assert (shown["nodes"], shown["edges"]) == ([], [])
    assert shown["facts"] == {
        "model": None,
        "configuration": None,
        "deployment": None,
        "stream": None,
        "result": None,
        "inference": None,
        "predicted": 0,
    }


def test_facts_follow_the_work(viewer: APIClient) -> None:
    model = builders.make_model()
    configuration = builders.make_configuration(model)
    facts = picture(viewer)["facts"]
    assert (facts["model"], facts["configuration"], facts["deployment"]) == (model.pk, configuration.pk, None)
    launched = builders.make_launched()
    facts = picture(viewer)["facts"]
    assert (facts["stream"], facts["result"]) == (launched.stream_id, None)
    finished = builders.make_finished()
    inference = builders.make_inference(finished)
    facts = picture(viewer)["facts"]
    # It was only asked for, so far.
    assert (facts["result"], facts["inference"], facts["predicted"]) == (finished.pk, None, 0)
    run_inference(inference, predicted=7)
    facts = picture(viewer)["facts"]
    assert (facts["inference"], facts["predicted"]) == (inference.pk, 7)


def test_lines_lead_from_the_stream_to_the_predictions(viewer: APIClient) -> None:
    result = builders.make_finished()
    inference = builders.make_inference(result, input_topic="values", output_topic="answers")
    run_inference(inference, predicted=40, rate=12.5, lag=3)
    shown = picture(viewer)
    run, deployment, serving = f"run:{result.pk}", f"deployment:{result.deployment_id}", f"inference:{inference.pk}"
    assert edge(shown, f"stream:{result.stream_id}", deployment)["records"] == 100
    assert edge(shown, deployment, run)["state"] == "finished"
    assert edge(shown, run, serving)["score"] == {"name": "accuracy", "value": 0.95, "part": "test", "useless": False}
    read = edge(shown, "topic:values", serving)
    assert (read["rate"], read["lag"]) == (12.5, 3)
    assert edge(shown, serving, "output:answers")["records"] == 40
    assert node(shown, "output:answers")["rate"] == 12.5
    assert node(shown, f"stream:{result.stream_id}")["name"] == "digits"


def test_replicas_that_went_silent_move_nothing(viewer: APIClient) -> None:
    inference = builders.make_inference()
    run_inference(inference, predicted=40, rate=12.5, lag=3)
    ReplicaStats.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
    shown = node(picture(viewer), f"inference:{inference.pk}")
    assert (shown["rate"], shown["lag"], shown["records"]) == (0, None, 40)


def test_distributed_models_are_a_chain(viewer: APIClient) -> None:
    cloud = builders.make_model(distributed=True)
    fog = builders.make_model(distributed=True, upper_model=cloud)
    edge_model = builders.make_model(distributed=True, upper_model=fog)
    deployment = builders.make_deployment(cloud, fog, edge_model)
    runs = {run.model_id: run.pk for run in TrainingResult.objects.filter(deployment=deployment)}
    shown = picture(viewer)
    of = {model.pk: node(shown, f"run:{runs[model.pk]}")["tier"] for model in (cloud, fog, edge_model)}
    assert of == {cloud.pk: "cloud", fog.pk: "fog", edge_model.pk: "edge"}
    assert edge(shown, f"run:{runs[edge_model.pk]}", f"run:{runs[fog.pk]}")["kind"] == "upper"


def test_tiers_of_models_alone_are_none() -> None:
    assert tiers({1: None, 2: None}) == {}
    assert tiers({1: 2, 2: None, 3: None}) == {1: "edge", 2: "cloud"}


@pytest.mark.parametrize("many", [1, PER_COLUMN + 3])
def test_the_picture_is_bounded_and_costs_the_same(many: int, django_assert_max_num_queries: Callable) -> None:
    for _ in range(many):
        run_inference(builders.make_inference(), rate=1.0)
    builders.make_configuration()
    client = APIClient(headers={"host": "localhost"})
    client.force_authenticate(User.objects.create(username="boss", role=Role.ADMIN))
    with django_assert_max_num_queries(12):
        shown = picture(client)
    for kind in ("deployment", "run", "inference", "topic", "output"):
        assert len([node for node in shown["nodes"] if node["kind"] == kind]) == min(many, PER_COLUMN)
    # All streams are of one topic: one box stands for them, also for those that no run of the picture has.
    assert [node["times"] for node in shown["nodes"] if node["kind"] == "stream"] == [many]
    assert shown["totals"]["inferences"] == many
    keys = {node["key"] for node in shown["nodes"]}
    assert all({edge["source"], edge["target"]} <= keys for edge in shown["edges"])


def test_active_runs_come_before_newer_ones_that_ended(viewer: APIClient) -> None:
    active = builders.make_launched()
    for _ in range(PER_COLUMN + 1):
        builders.make_finished()
    assert node(picture(viewer), f"run:{active.pk}")["state"] == active.state


def test_a_run_without_an_accuracy_of_its_own_shows_the_platforms(viewer: APIClient) -> None:
    run = builders.make_launched()
    builders.make_artifact(run)
    builders.finish(run, test_metrics={"loss": 0.02}, scores={Score.ACCURACY: 0.993})
    score = node(picture(viewer), f"run:{run.pk}")["score"]
    assert (score["name"], score["value"], score["part"]) == ("accuracy", 0.993, "test")


@pytest.mark.parametrize(("accuracy", "useless"), [(0.854, True), (0.9, False)])
def test_a_run_that_is_no_better_than_one_answer_says_so(viewer: APIClient, accuracy: float, useless: bool) -> None:
    run = builders.make_launched()
    builders.make_artifact(run)
    constant = Baseline(kind=BaselineKind.MAJORITY, answer="0", scores={Score.ACCURACY: 0.854}, samples=500)
    scores = {Score.ACCURACY: accuracy}
    builders.finish(run, test_metrics={"accuracy": accuracy}, scores=scores, baseline=constant)
    assert node(picture(viewer), f"run:{run.pk}")["score"]["useless"] is useless


def test_runs_that_wait_are_counted_apart(viewer: APIClient) -> None:
    builders.make_deployment()
    builders.make_launched()
    totals = picture(viewer)["totals"]
    assert (totals["active_runs"], totals["waiting_runs"]) == (2, 2)
    TrainingResult.objects.filter(stream__isnull=False).update(state="running")
    assert picture(viewer)["totals"]["waiting_runs"] == 1


def test_what_a_tier_hands_up_and_what_leaves_there_are_apart(viewer: APIClient, editor: APIClient) -> None:
    leader = builders.make_launched(*builders.make_chain())
    builders.finish_chain(leader)
    body = {"result": leader.pk, "input_topic": "digits", "output_topic": "answers"}
    made = editor.post("/api/chains/", body, format="json").json()["inferences"]
    lower, upper, _ = (Inference.objects.get(pk=tier["id"]) for tier in made)
    exits = {"limit": lower.limit, "predicted": 40, "sent_up": 10}
    run_inference(lower, predicted=100, sent_up=30, rate=12.0, exits=exits)
    run_inference(upper, predicted=30, rate=3.0)
    shown = picture(viewer)
    went = edge(shown, f"inference:{lower.pk}", f"inference:{upper.pk}")
    assert (went["kind"], went["rate"], went["records"]) == ("upper", 3.0, 30)
    left = edge(shown, f"inference:{lower.pk}", "output:answers")
    assert (left["rate"], left["records"]) == (9.0, 70)
    assert (node(shown, "output:answers")["rate"], node(shown, "output:answers")["records"]) == (12.0, 100)
    assert [node(shown, f"inference:{tier['id']}")["tier"] for tier in made] == ["edge", "fog", "cloud"]


def test_streams_of_one_topic_are_one_box(viewer: APIClient) -> None:
    deployments = [builders.make_deployment() for _ in range(3)]
    streams = [builders.make_stream(deployment.pk) for deployment in deployments]
    shown = picture(viewer)
    (box,) = [node for node in shown["nodes"] if node["kind"] == "stream"]
    assert (box["id"], box["name"], box["times"]) == (streams[-1].pk, "digits", 3)
    lines = [edge for edge in shown["edges"] if edge["kind"] == "trains"]
    assert {line["source"] for line in lines} == {box["key"]}
    assert {line["target"] for line in lines} == {f"deployment:{deployment.pk}" for deployment in deployments}


def announce(topic: str) -> int:
    message = ControlMessage(ranges=(StreamRange(topic, 0, 0, 9),), input_format=InputFormat.JSON, input_config={})
    return builders.make_stream(value=message.to_bytes()).pk


def test_streams_are_folded_before_they_are_counted(viewer: APIClient) -> None:
    """17 announcements of 4 topics, as after an hour: four boxes, though the newest twelve are of one topic."""
    for topic in ("a", "b", "c", "a", "b"):
        announce(topic)
    newest = [announce("d") for _ in range(PER_COLUMN)][-1]
    shown = {node["name"]: node for node in picture(viewer)["nodes"] if node["kind"] == "stream"}
    assert {name: drawn["times"] for name, drawn in shown.items()} == {"a": 2, "b": 2, "c": 1, "d": 12}
    assert shown["d"]["id"] == newest


def test_a_topic_that_is_announced_and_served_is_one_box(viewer: APIClient) -> None:
    result = builders.make_finished()
    inference = builders.make_inference(result, input_topic="digits")
    shown = picture(viewer)
    assert [node["kind"] for node in shown["nodes"] if node["name"] == "digits"] == ["stream"]
    box = f"stream:{result.stream_id}"
    assert edge(shown, box, f"inference:{inference.pk}")["kind"] == "reads"
    assert edge(shown, box, f"deployment:{result.deployment_id}")["kind"] == "trains"


def search(client: APIClient, **asked: str) -> set[str]:
    answer = client.get("/api/pipeline/", asked)
    assert answer.status_code == 200, answer.content
    return {node["key"] for node in answer.json()["nodes"]}


def test_a_search_reaches_what_the_picture_has_no_room_for(viewer: APIClient) -> None:
    model = builders.make_model(name="Turbine")
    old = builders.make_finished(model)
    served = builders.make_inference(old, input_topic="wind-in", output_topic="wind-out")
    Inference.objects.filter(pk=served.pk).update(state="stopped")
    lonely = builders.make_configuration(model)
    calm = f"stream:{announce('calm')}"
    for _ in range(PER_COLUMN):
        run_inference(builders.make_inference())
        announce(f"many-{builders.make_model().pk}")
    chain = {f"run:{old.pk}", f"deployment:{old.deployment_id}", f"inference:{served.pk}", "output:wind-out"}
    assert (chain | {calm}).isdisjoint(search(viewer))
    for text in ("turbine", "wind-in", "WIND", old.deployment.configuration.name):
        assert chain <= search(viewer, find=text), text
    assert f"configuration:{lonely.pk}" in search(viewer, find=lonely.name)
    assert calm in search(viewer, find="Calm")
    assert chain.isdisjoint(search(viewer, find="turbine", only="active"))
    assert viewer.get("/api/pipeline/").json()["most"] == PER_COLUMN


def test_what_rested_in_the_last_hours_is_left_out(viewer: APIClient) -> None:
    old, new = builders.make_finished(), builders.make_finished()
    old_served, working = builders.make_inference(), builders.make_inference()
    long_ago = timezone.now() - timedelta(hours=30)
    TrainingResult.objects.filter(pk=old.pk).update(ended_at=long_ago)
    TrainingResult.objects.filter(pk=new.pk).update(ended_at=timezone.now())
    Inference.objects.filter(pk=old_served.pk).update(state="stopped", ended_at=long_ago)
    Inference.objects.filter(pk=working.pk).update(created_at=long_ago)
    lonely, calm = builders.make_configuration(), f"stream:{announce('calm')}"
    Configuration.objects.filter(pk=lonely.pk).update(updated_at=long_ago)
    Announcement.objects.update(registered_at=long_ago)
    rested = {f"run:{old.pk}", f"inference:{old_served.pk}", f"configuration:{lonely.pk}", calm}
    assert rested <= search(viewer, hours="48")
    seen = search(viewer, hours="24")
    assert rested.isdisjoint(seen)
    # What runs is shown with what it was trained on, however old that is.
    assert {f"run:{new.pk}", f"inference:{working.pk}", f"run:{working.result_id}"} <= seen
    assert viewer.get("/api/pipeline/", {"hours": "0"}).status_code == 400


def test_what_failed_long_ago_is_found(viewer: APIClient) -> None:
    failed = builders.make_launched()
    TrainingResult.objects.filter(pk=failed.pk).update(state="failed")
    for _ in range(PER_COLUMN):
        builders.make_finished()
    assert f"run:{failed.pk}" not in search(viewer)
    assert {f"run:{failed.pk}", f"deployment:{failed.deployment_id}"} <= search(viewer, only="failing")
    assert viewer.get("/api/pipeline/", {"only": "sad"}).status_code == 400
