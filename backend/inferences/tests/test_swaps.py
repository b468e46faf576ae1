"""Which version an inference serves: swaps, going back, following, and versions that cannot be served."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.deployments.models import ResultVersion, TrainingResult
from backend.deployments.services import restart_result
from backend.inferences import swaps, transitions
from backend.inferences.compatibility import contract_difference, difference
from backend.inferences.models import Inference, SwapRecord
from backend.inferences.plans import inference_plan
from backend.runs import transitions as runs
from kafkaml.input_format import InputFormat
from kafkaml.wire.report import Stats

pytestmark = pytest.mark.django_db

OUTCOME = {"input_shape": [28, 28], "output_shapes": [[10]]}


def train_again(result: TrainingResult, **outcome: Any) -> None:
    """Another version of a result, which becomes the current one."""
    restart_result(result, actor=SYSTEM)
    again = runs.register_attempt(TrainingResult, result.pk)
    assert again is not None
    runs.mark_launched(TrainingResult, result.pk, again.attempt)
    content = b"weights of attempt %d" % again.attempt
    builders.make_artifact(TrainingResult(pk=result.pk, attempt=again.attempt), content=content)
    builders.finish(again, **{**OUTCOME, **outcome})


@pytest.fixture
def result() -> TrainingResult:
    result = builders.make_launched()
    builders.make_artifact(result)
    builders.finish(result, **OUTCOME)
    return result


@pytest.fixture
def inference(result: TrainingResult) -> Inference:
    inference = builders.make_inference(result, replicas=2)
    registered = runs.register_attempt(Inference, inference.pk)
    assert registered is not None
    return registered


def shown(client: APIClient, inference: Inference) -> tuple[int, bool, int | None, int]:
    answer = client.get(f"/api/inferences/{inference.pk}/").json()
    return answer["version"], answer["follows"], answer["previous_version"], answer["revision"]


def post(client: APIClient, inference: Inference, action: str, **body: Any):  # type: ignore[no-untyped-def]
    return client.post(f"/api/inferences/{inference.pk}/{action}/", body, format="json")


def say(inference: Inference, **values: Any) -> int:
    """A replica tells its statistics; returns the revision that it hears."""
    said = {"attempt": 1, "replica": 0, "state": "running", **values}
    return transitions.store_stats(inference.pk, Stats.model_validate(said))


def test_an_inference_follows_its_result(inference: Inference, result: TrainingResult, viewer: APIClient) -> None:
    assert shown(viewer, inference) == (1, True, None, 0)
    train_again(result)

    assert shown(viewer, inference) == (2, True, 1, 1)
    plan = inference_plan(Inference.objects.get())
    assert (plan.revision, plan.model.version) == (1, 2)
    assert say(inference) == 1


def test_a_pinned_version_stays(result: TrainingResult, editor: APIClient) -> None:
    inference = builders.make_inference(result, version=1)
    train_again(result)
    assert shown(editor, inference) == (1, False, None, 0)
    answer = post(editor, inference, "follow")
    assert answer.status_code == 202
    assert shown(editor, inference) == (2, True, 1, 1)


def test_swap_and_back(inference: Inference, result: TrainingResult, editor: APIClient) -> None:
    train_again(result)
    assert post(editor, inference, "swap", version=1).status_code == 202
    assert shown(editor, inference) == (1, False, 2, 2)
    assert inference_plan(Inference.objects.get()).model.version == 1
    assert post(editor, inference, "rollback").json()["version"] == 2
    assert shown(editor, inference) == (2, False, 1, 3)
    # Nothing changes what answers: no replica has to do anything.
    assert post(editor, inference, "follow").json()["follows"]
    assert shown(editor, inference) == (2, True, 1, 3)
    actions = AuditEntry.objects.filter(object_type="inference").values_list("action", "detail").order_by("pk")
    assert list(actions)[-3:] == [
        ("swap", "version 2 -> 1, revision 2"),
        ("roll back", "version 1 -> 2, revision 3"),
        ("follow", "version 2 -> 2, revision 3"),
    ]


def test_there_must_be_something_to_go_back_to(inference: Inference, editor: APIClient) -> None:
    answer = post(editor, inference, "rollback")
    assert answer.status_code == 409
    assert "has served version 1 only" in str(answer.json())


def test_a_version_that_is_gone_is_refused(inference: Inference, editor: APIClient) -> None:
    answer = post(editor, inference, "swap", version=7)
    assert answer.status_code == 400
    assert "has no version 7 (any more): expected one of 1" in str(answer.json())
    assert shown(editor, inference) == (1, True, None, 0)


def test_a_version_of_another_shape_is_refused(result: TrainingResult, editor: APIClient) -> None:
    inference = builders.make_inference(result, version=1)
    train_again(result, output_shapes=[[2]])
    answer = post(editor, inference, "swap", version=2)
    assert answer.status_code == 400
    assert "version 2 cannot take the place of 1: it answers (2,), and readers of the output" in str(answer.json())
    assert post(editor, inference, "follow").status_code == 400


COLUMN = {"name": "a", "expression": "a"}
CONTRACT = {"format": "JSON", "fields": [{"path": ["a"], "kind": "number"}], "columns": [COLUMN], "split": "time"}


def test_a_version_of_a_data_set_that_makes_other_samples_is_refused(result: TrainingResult, editor: APIClient) -> None:
    inference = builders.make_inference(result, version=1)
    # Of the same shape, and with nothing learnt.
    for number, expression in ((1, "a"), (2, "a * 2")):
        contract = {**CONTRACT, "columns": [{**COLUMN, "expression": expression}]}
        message = builders.make_stream().control_message()
        other = replace(message, input_format=InputFormat.COLUMNS, input_config={"contract": contract})
        ResultVersion.objects.filter(number=number).update(stream=builders.make_stream(value=other.to_bytes()))
        train_again(result)
    for action in ("swap", "canary", "shadow"):
        answer = post(editor, inference, action, version=2, **({"share": 0.5} if action == "canary" else {}))
        assert answer.status_code == 400, action
        assert "its data set makes samples otherwise (column a)" in str(answer.json()), action


@pytest.mark.parametrize(
    ("after", "differs"),
    [
        ({"split": "key", "labels": [{"name": "b", "expression": "a"}], "window": {"length": 3, "horizon": 2}}, ""),
        ({"window": {"length": 4}}, "window"),
        ({"window": {"length": 3, "stride": 2}}, "window"),
        ({"window": None, "key": "number"}, "key, window"),
        ({"columns": [COLUMN]}, "column b"),
        ({"columns": [{**COLUMN, "name": "b"}, COLUMN]}, "column b, column a"),
        ({"columns": [COLUMN, {**COLUMN, "name": "b", "missing": "last"}]}, "column b"),
    ],
)
def test_data_sets_that_make_other_samples_differ(after: dict[str, Any], differs: str) -> None:
    before = {**CONTRACT, "columns": [COLUMN, {**COLUMN, "name": "b"}], "window": {"length": 3}}
    found = contract_difference({"contract": before}, {"contract": {**before, **after}})
    assert found.partition(" (")[2].partition(")")[0] == differs
    assert contract_difference({}, {"contract": before}) == ""


def test_who_follows_stays_where_the_new_version_does_not_fit(
    inference: Inference, result: TrainingResult, viewer: APIClient
) -> None:
    train_again(result, input_shape=[32, 32])
    # It goes on following: the next one may fit again.
    assert shown(viewer, inference) == (1, True, None, 0)
    failure = viewer.get(f"/api/inferences/{inference.pk}/").json()["swap_failure"]
    assert failure["version"] == 2
    assert "takes samples of shape (32, 32), and the input's are (28, 28)" in failure["failure"]["cause"]


def test_swaps_of_replicas_are_kept_once(inference: Inference, result: TrainingResult, viewer: APIClient) -> None:
    train_again(result)
    swap = {
        "revision": 1,
        "from_version": 1,
        "version": 2,
        "at": "2026-01-01T00:00:00Z",
        "positions": {"in": {"0": 42}},
        "gap_seconds": 0.02,
        "loading_seconds": 1.5,
        "challenger": None,
        "limit": None,
    }
    serving = {"revision": 1, "version": 2, "challenger": None, "limit": None}
    for _ in range(2):
        say(inference, swaps=[swap], serving=serving)
    page = viewer.get(f"/api/inferences/{inference.pk}/swaps/").json()
    (found,) = page["results"]
    assert page["count"] == 1
    assert {name: found[name] for name in swap} == swap
    assert (found["replica"], found["failure"]) == (0, None)
    answer = viewer.get(f"/api/inferences/{inference.pk}/").json()
    assert answer["replica_stats"][0]["serving"] == serving


def test_swaps_that_are_kept_are_bounded(inference: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swaps, "_KEPT_SWAPS", 3)
    for minute in range(5):
        swap = {"revision": minute, "from_version": 1, "version": 2, "at": f"2026-01-01T00:0{minute}:00Z"}
        say(inference, swaps=[{**swap, "gap_seconds": 0.0}])
    assert list(SwapRecord.objects.values_list("revision", flat=True)) == [4, 3, 2]


def test_a_version_that_a_replica_cannot_serve_is_given_up_by_all(
    inference: Inference, result: TrainingResult, viewer: APIClient
) -> None:
    train_again(result)
    failure = {"revision": 1, "version": 2, "failure": {"category": "user_code", "cause": "no such layer"}}
    heard = [say(inference, replica=1, swap_failure=failure, serving={"revision": 0, "version": 1}) for _ in range(2)]

    assert heard == [2, 2]
    assert shown(viewer, inference) == (1, True, None, 2)
    assert inference_plan(Inference.objects.get()).model.version == 1
    answer = viewer.get(f"/api/inferences/{inference.pk}/").json()
    assert answer["swap_failure"]["failure"]["cause"] == "no such layer"
    (row,) = viewer.get(f"/api/inferences/{inference.pk}/swaps/").json()["results"]
    assert (row["replica"], row["from_version"], row["version"]) == (1, 1, 2)
    assert row["failure"]["cause"] == "no such layer"
    # What follows goes on following: the next version may be a better one.
    train_again(result)
    assert shown(viewer, inference) == (3, True, 1, 3)


def test_a_result_that_trains_on_can_be_served_once_it_has_a_version(result: TrainingResult, editor: APIClient) -> None:
    restart_result(result, actor=SYSTEM)
    body = {"result": result.pk, "version": 1, "input_topic": "in", "output_topic": "out"}
    assert editor.post("/api/inferences/", body).status_code == 201


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"input_shape": [3]}, ""),
        ({"input_shape": [28, 28]}, {"input_shape": [28, 28, 1]}, ""),
        ({"input_shape": [4]}, {"input_shape": [5]}, "it takes samples of shape (5,), and the input's are (4,)"),
        (
            {"output_shapes": [[10], [3]]},
            {"output_shapes": [[10]]},
            "it answers (10,), and readers of the output expect (10,) and (3,)",
        ),
        (
            {"learnt": {"fields": ["a", "b"]}},
            {"learnt": {"fields": ["a"]}},
            "it takes the fields a, and records are read with a, b",
        ),
    ],
)
def test_what_differs_is_said(before: dict[str, Any], after: dict[str, Any], expected: str) -> None:
    assert difference(before, after) == expected
