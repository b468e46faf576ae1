"""Canaries and shadows: started, compared, promoted and dropped, by people and by a rule."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.deployments.models import TrainingResult
from backend.inferences import challenges
from backend.inferences.models import Inference
from backend.inferences.plans import inference_plan
from backend.inferences.tests.test_swaps import inference, post, result, say, shown, train_again  # noqa: F401
from backend.runs import transitions as runs
from kafkaml.records import Record

pytestmark = pytest.mark.django_db


@pytest.fixture
def pinned(inference: Inference, result: TrainingResult, editor: APIClient) -> Inference:  # noqa: F811
    """Serves version 1 of 2."""
    train_again(result)
    assert post(editor, inference, "swap", version=1).status_code == 202
    return Inference.objects.get()


def compared(*, records: int, agreed: int, labelled: int = 0, right: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    sides = [
        {"version": version, "labelled": labelled, "correct": correct, "scores": [records, 0], "p99_ms": 5.0}
        for version, correct in zip((1, 2), right, strict=True)
    ]
    return {
        "records": 2 * records,
        "compared": records,
        "agreed": agreed,
        "mean_difference": 0.5,
        "champion": sides[0],
        "challenger": sides[1],
    }


def test_a_canary_is_in_the_plan_and_shown(pinned: Inference, editor: APIClient) -> None:
    answer = post(editor, pinned, "canary", version=2, share=0.1, labelled=True)
    assert answer.status_code == 202
    challenger = {"version": 2, "kind": "canary", "share": 0.1, "labelled": True, "rule": None}
    assert answer.json()["challenger"] == challenger
    plan = inference_plan(Inference.objects.get())
    assert (plan.model.version, plan.revision) == (1, 3)
    assert plan.challenger is not None
    assert (plan.challenger.model.version, plan.challenger.share, plan.challenger.kind) == (2, 0.1, "canary")
    # Another share is another revision.
    assert post(editor, pinned, "canary", version=2, share=0.5).json()["revision"] == 4


def test_what_the_replicas_compared_is_summed_up(pinned: Inference, editor: APIClient) -> None:
    post(editor, pinned, "canary", version=2)
    say(pinned, comparison=compared(records=10, agreed=9, labelled=10, right=(8, 9)))
    say(pinned, replica=1, comparison=compared(records=30, agreed=30, labelled=10, right=(10, 9)))
    found = editor.get(f"/api/inferences/{pinned.pk}/").json()["comparison"]
    assert (found["records"], found["compared"], found["agreed"]) == (80, 40, 39)
    assert found["mean_difference"] == 0.5
    assert (found["champion"]["correct"], found["challenger"]["correct"]) == (18, 18)
    assert (found["challenger"]["scores"], found["challenger"]["p99_ms"]) == ([40, 0], 5.0)


def test_promoting_serves_the_challenger_and_dropping_does_not(pinned: Inference, editor: APIClient) -> None:
    post(editor, pinned, "canary", version=2)
    assert post(editor, pinned, "drop").status_code == 202
    assert shown(editor, pinned) == (1, False, 2, 4)
    assert inference_plan(Inference.objects.get()).challenger is None
    assert post(editor, pinned, "drop").status_code == 409
    assert post(editor, pinned, "promote").status_code == 409
    post(editor, pinned, "canary", version=2)
    assert post(editor, pinned, "promote").json()["challenger"] is None
    assert shown(editor, pinned) == (2, False, 1, 6)
    assert [*AuditEntry.objects.order_by("pk").values_list("action", flat=True)][-4:] == [
        "canary",
        "drop",
        "canary",
        "promote",
    ]


def test_a_swap_ends_the_challenge(pinned: Inference, editor: APIClient) -> None:
    post(editor, pinned, "canary", version=2)
    post(editor, pinned, "swap", version=1)
    plan = inference_plan(Inference.objects.get())
    assert (plan.challenger, plan.revision) == (None, 4)


def test_what_became_of_a_challenger_is_reported_until_there_is_another(pinned: Inference, editor: APIClient) -> None:
    post(editor, pinned, "canary", version=2)
    say(pinned, comparison=compared(records=10, agreed=9))
    ended = post(editor, pinned, "drop").json()["last_challenge"]
    assert (ended["version"], ended["champion"], ended["kind"], ended["promoted"]) == (2, 1, "canary", False)
    assert (ended["why"], ended["found"]["compared"], ended["by"] != "system") == ("", 10, True)
    assert post(editor, pinned, "canary", version=2).json()["last_challenge"] is None
    ended = post(editor, pinned, "swap", version=1).json()["last_challenge"]
    assert (ended["promoted"], ended["why"]) == (False, "version 1 was chosen")


def test_a_rule_says_why_it_promoted(pinned: Inference, editor: APIClient) -> None:
    post(editor, pinned, "canary", version=2, rule={"metric": "agreement", "at_least": 0.9, "records": 10})
    say(pinned, comparison=compared(records=10, agreed=9))
    ended = editor.get(f"/api/inferences/{pinned.pk}/").json()["last_challenge"]
    assert (ended["promoted"], ended["by"]) == (True, "system")
    assert ended["why"].startswith("the same answer to 90.00% of 10 records")


@pytest.mark.parametrize("action", ["promote", "drop"])
def test_a_shadow_keeps_what_became_of_it(pinned: Inference, editor: APIClient, action: str) -> None:
    made = post(editor, pinned, "shadow", version=2).json()
    post(editor, Inference.objects.get(pk=made["id"]), action)
    (shadow,) = editor.get(f"/api/inferences/?shadow_of={pinned.pk}").json()["results"]
    assert (shadow["desired"], shadow["challenger"]["version"]) == ("stopped", 2)
    assert (shadow["last_challenge"]["kind"], shadow["last_challenge"]["promoted"]) == ("shadow", action == "promote")
    assert Inference.objects.get(pk=pinned.pk).last_challenge is None


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"version": 1}, "version", "is served already"),
        ({"version": 9}, "version", "has no version 9"),
        ({"version": 2, "share": 0}, "share", ""),
        ({"version": 2, "share": 1.1}, "share", ""),
        ({"version": 2, "rule": {"metric": "accuracy", "at_least": 0, "records": 9}}, "rule", "set labelled"),
        ({"version": 2, "rule": {"metric": "agreement", "at_least": 0, "records": 9}}, "rule", "always reached"),
        ({"version": 2, "rule": {"metric": "loss", "at_least": 0, "records": 9}}, "rule.metric", ""),
    ],
)
def test_what_makes_no_sense_is_refused(
    pinned: Inference, editor: APIClient, body: dict[str, Any], field: str, reason: str
) -> None:
    answer = post(editor, pinned, "canary", **body)
    assert answer.status_code == 400
    (error,) = [found_error for found_error in answer.json()["errors"] if found_error["field"] == field]
    assert reason in error["detail"]


def test_a_challenger_of_another_shape_is_refused(
    pinned: Inference,
    result: TrainingResult,  # noqa: F811
    editor: APIClient,
) -> None:
    train_again(result, output_shapes=[[3]])
    answer = post(editor, pinned, "canary", version=3)
    assert answer.status_code == 400
    assert "cannot be compared with 1: it answers (3,)" in str(answer.json())


def test_order_per_key_needs_keys(pinned: Inference, editor: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[bytes | None] = [b"a", None]

    class Browser:
        def page(self, topic: str, **_: Any) -> Any:
            records = [Record(topic, 0, offset, key, b"v", (), 1) for offset, key in enumerate(keys)]
            return type("Page", (), {"records": records})

    monkeypatch.setattr(challenges, "open_browser", Browser)
    answer = post(editor, pinned, "canary", version=2, keyed=True)
    assert answer.status_code == 400
    assert "1 of the newest 2 records" in str(answer.json())
    keys.pop()
    assert post(editor, pinned, "canary", version=2, keyed=True).status_code == 202


@pytest.mark.parametrize(
    ("rule", "found", "version", "challenged"),
    [
        ({"metric": "agreement", "at_least": 0.9, "records": 100}, {"records": 99, "agreed": 99}, 1, True),
        ({"metric": "agreement", "at_least": 0.9, "records": 100}, {"records": 100, "agreed": 90}, 2, False),
        ({"metric": "agreement", "at_least": 0.9, "records": 100}, {"records": 100, "agreed": 89}, 1, False),
        (
            {"metric": "accuracy", "at_least": 0.05, "records": 100},
            {"records": 100, "agreed": 0, "labelled": 100, "right": (80, 85)},
            2,
            False,
        ),
        (
            {"metric": "accuracy", "at_least": 0.05, "records": 100},
            {"records": 100, "agreed": 100, "labelled": 100, "right": (80, 84)},
            1,
            False,
        ),
    ],
)
def test_a_rule_decides(
    pinned: Inference,
    editor: APIClient,
    rule: dict[str, Any],
    found: dict[str, Any],
    version: int,
    challenged: bool,
) -> None:
    post(editor, pinned, "canary", version=2, labelled=True, rule=rule)
    say(pinned, comparison=compared(**found))
    answer = editor.get(f"/api/inferences/{pinned.pk}/").json()
    assert (answer["version"], answer["challenger"] is not None) == (version, challenged)


def test_a_challenger_that_a_replica_cannot_keep_is_given_up(pinned: Inference, editor: APIClient) -> None:
    post(editor, pinned, "canary", version=2)
    failure = {"revision": 3, "version": 2, "failure": {"category": "user_code", "cause": "no such layer"}}
    assert say(pinned, swap_failure=failure, serving={"revision": 2, "version": 1}) == 4
    answer = editor.get(f"/api/inferences/{pinned.pk}/").json()
    assert (answer["version"], answer["challenger"]) == (1, None)
    assert answer["swap_failure"]["failure"]["cause"] == "no such layer"


def test_a_shadow_is_an_inference_of_its_own(pinned: Inference, editor: APIClient) -> None:
    answer = post(editor, pinned, "shadow", version=2)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["shadow_of"], made["version"], made["challenger"]["kind"]) == (pinned.pk, 1, "shadow")
    assert (made["input_topic"], made["output_topic"]) == (pinned.input_topic, f"{pinned.output_topic}.shadow-1")
    shadow = Inference.objects.get(pk=made["id"])
    assert shadow.group != pinned.group
    plan = inference_plan(shadow)
    assert plan.challenger is not None
    assert (plan.model.version, plan.challenger.model.version, plan.challenger.share) == (1, 2, 1.0)
    # It only compares: what it serves is not changed, nor has it a shadow.
    assert post(editor, shadow, "swap", version=2).status_code == 409
    assert post(editor, shadow, "canary", version=2).status_code == 409
    assert post(editor, shadow, "shadow", version=2).status_code == 409
    # It begins with all existing records, unless a start is given; not where the inference itself began.
    assert made["start"] == "beginning"
    second = post(editor, pinned, "shadow", version=2, start="now").json()
    assert (second["output_topic"], second["start"]) == (f"{pinned.output_topic}.shadow-2", "now")
    (reported,) = post(editor, pinned, "shadow", version=2, start="yesterday").json()["errors"]
    assert reported["field"] == "start"
    taken = post(editor, pinned, "shadow", version=2, output_topic=pinned.output_topic)
    assert "is in use" in str(taken.json())


@pytest.mark.parametrize(("action", "version"), [("promote", 2), ("drop", 1)])
def test_a_shadow_ends_when_it_is_decided(pinned: Inference, editor: APIClient, action: str, version: int) -> None:
    made = post(editor, pinned, "shadow", version=2).json()
    shadow = Inference.objects.get(pk=made["id"])
    runs.register_attempt(Inference, shadow.pk)
    assert post(editor, shadow, action).status_code == 202
    assert editor.get(f"/api/inferences/{pinned.pk}/").json()["version"] == version
    assert editor.get(f"/api/inferences/{shadow.pk}/").json()["desired"] == "stopped"


def test_an_inference_with_a_shadow_is_not_deleted(pinned: Inference, editor: APIClient) -> None:
    post(editor, pinned, "shadow", version=2)
    Inference.objects.filter(pk=pinned.pk).update(state="stopped", desired="stopped")
    answer = editor.delete(f"/api/inferences/{pinned.pk}/")
    assert answer.status_code == 409
    assert "has 1 shadow" in str(answer.json())
