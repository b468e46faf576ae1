"""Versions of results: from the job API to people, and the files behind them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api.actors import SYSTEM, Actor
from backend.api.errors import NotFound
from backend.api.tests import builders
from backend.deployments import services, storage, transitions
from backend.deployments.models import Artifact, ResultVersion, TrainingResult
from backend.deployments.versions import artifacts_of, current_changed, version_of
from backend.runs import transitions as runs
from backend.streams.models import OutboxMessage
from kafkaml.errors import RefusedError
from kafkaml.wire.card import ModelCard
from kafkaml.wire.choices import Direction
from kafkaml.wire.report import Finish
from kafkaml.wire.version import Comparison, Promotion

pytestmark = pytest.mark.django_db


def comparison(champion: float | None, challenger: float, **values: Any) -> Comparison:
    defaults: dict[str, Any] = {"metric": "accuracy", "direction": Direction.UP, "improvement": 0.05, "samples": 100}
    number = None if champion is None else 1
    return Comparison(
        **{**defaults, "champion": number, "champion_value": champion, "challenger_value": challenger, **values}
    )


def improve(result: TrainingResult, step: int, content: bytes, decided: Comparison | None = None) -> dict[str, Any]:
    """Upload a model of the present attempt and tell of its version, as a worker does."""
    result.refresh_from_db()
    held = {"model.keras": hashlib.sha256(content).hexdigest()}
    if not result.artifacts.filter(attempt=result.attempt, version=None, sha256=held["model.keras"]).exists():
        on_the_way = TrainingResult(pk=result.pk, attempt=result.attempt)
        builders.make_artifact(on_the_way, content=content)
    worker = APIClient(headers={"host": "localhost"})
    credentials = builders.job_header("training", result.pk, result.attempt)
    worker.credentials(HTTP_AUTHORIZATION=credentials["authorization"])
    body = {
        "attempt": result.attempt,
        "step": step,
        "outcome": builders.outcome(artifacts=held).to_json(),
        "positions": {"digits": {"0": 100 * step}},
        "comparison": None if decided is None else decided.to_json(),
    }
    answer = worker.post(f"/api/jobs/training/{result.pk}/versions/", body, format="json")
    assert answer.status_code == 200, answer.content
    numbered: dict[str, Any] = answer.json()
    return numbered


def restarted(result: TrainingResult) -> TrainingResult:
    """The result in its next attempt, that of a training that somebody asked for."""
    services.restart_result(result, actor=SYSTEM)
    again = runs.register_attempt(TrainingResult, result.pk)
    assert again is not None
    return again


def test_a_classic_training_makes_one_version(viewer: APIClient) -> None:
    result = builders.make_finished()
    shown = viewer.get(f"/api/results/{result.pk}/").json()
    assert (shown["current_version"], shown["version_count"]) == (1, 1)
    (row,) = viewer.get("/api/results/").json()["results"]
    assert (row["current_version"], row["version_count"], row["outcome"]) == (1, 1, shown["outcome"])
    (version,) = viewer.get(f"/api/results/{result.pk}/versions/").json()["results"]
    assert version == viewer.get(f"/api/results/{result.pk}/versions/1/").json()
    assert (version["number"], version["reason"], version["current"], version["step"]) == (1, "trained", True, None)
    assert (version["artifacts"], version["outcome"]) == (shown["artifacts"], shown["outcome"])


def test_each_promotion_makes_a_version_with_what_decided_for_it(viewer: APIClient) -> None:
    result = builders.make_launched()
    assert improve(result, 1, b"first", comparison(None, 0.5)) == {"number": 1}
    assert improve(result, 4, b"second", comparison(0.5, 0.55)) == {"number": 2}
    second, first = viewer.get(f"/api/results/{result.pk}/versions/").json()["results"]
    assert (first["current"], second["current"], second["reason"], second["step"]) == (False, True, "improved", 4)
    assert second["positions"] == {"digits": {"0": 400}}
    assert second["comparison"]["champion_value"] == 0.5
    shown = viewer.get(f"/api/results/{result.pk}/").json()
    assert (shown["state"], shown["current_version"], shown["version_count"]) == ("running", 2, 2)
    assert shown["artifacts"][0]["sha256"] == hashlib.sha256(b"second").hexdigest()


def test_a_version_reported_twice_is_made_once_also_by_the_attempt_that_goes_on() -> None:
    result = builders.make_launched()
    for _ in range(2):
        assert improve(result, 1, b"first") == {"number": 1}
    again = runs.register_attempt(TrainingResult, result.pk)
    assert again is not None
    assert improve(again, 1, b"first, saved at another time") == {"number": 1}
    # What the second attempt uploaded for it is not in the way of the next.
    assert improve(again, 2, b"second") == {"number": 2}
    assert set(Artifact.objects.values_list("attempt", "version__number")) == {(1, 1), (2, 2)}


def test_a_step_of_a_training_restarted_is_another_version() -> None:
    result = builders.make_launched()
    improve(result, 1, b"first")
    builders.finish(result)
    assert improve(restarted(result), 1, b"first again") == {"number": 3}


def test_versions_with_the_same_file_share_its_bytes(viewer: APIClient) -> None:
    result = builders.make_launched()
    improve(result, 1, b"same")
    # Nothing is uploaded again: the bytes are known.
    held = {"model.keras": hashlib.sha256(b"same").hexdigest()}
    last = Finish(attempt=1, outcome=builders.outcome(artifacts=held))
    assert transitions.mark_finished(result.pk, last)
    for number in (1, 2):
        answer = viewer.get(f"/api/results/{result.pk}/versions/{number}/artifacts/model.keras/")
        assert b"".join(answer.streaming_content) == b"same"
        assert f"-{result.pk}-v{number}-model.keras" in answer.headers["Content-Disposition"]
    assert viewer.get(f"/api/results/{result.pk}/versions/1/artifacts/other/").status_code == 404


def test_a_last_version_that_is_no_better_is_kept_and_the_champion_stays_current() -> None:
    result = builders.make_launched()
    improve(result, 1, b"champion", comparison(None, 0.9))
    last = Finish(attempt=1, outcome=builders.outcome(), comparison=comparison(0.9, 0.7))
    assert transitions.mark_finished(result.pk, last)
    result.refresh_from_db()
    assert (result.state, version_of(result).number, version_of(result, 2).reason) == ("finished", 1, "trained")


def test_training_again_keeps_what_earlier_trainings_gave(
    viewer: APIClient, django_capture_on_commit_callbacks
) -> None:
    result = builders.make_finished()
    builders.make_artifact(result, "of the first training", b"another file")
    with django_capture_on_commit_callbacks(execute=True):
        again = restarted(result)
        again.current_version = None
        builders.make_artifact(again, content=b"better weights")
        again.refresh_from_db()
        builders.finish(again)
    answers = [viewer.get(f"/api/results/{result.pk}/versions/{n}/artifacts/model.keras/") for n in (1, 2)]
    assert [b"".join(answer.streaming_content) for answer in answers] == [b"weights", b"better weights"]
    assert viewer.get(f"/api/results/{result.pk}/").json()["current_version"] == 2


def test_files_of_no_version_go_when_their_training_is_over(django_capture_on_commit_callbacks) -> None:
    result = builders.make_launched()
    left = builders.make_artifact(result, "checkpoint-1.zip", b"of a lost attempt")
    improve(result, 1, b"first")
    kept = storage.path_of(artifacts_of(ResultVersion.objects.get()).get())
    again = runs.register_attempt(TrainingResult, result.pk)
    assert again is not None
    with django_capture_on_commit_callbacks(execute=True):
        builders.finish(again)
    assert (storage.path_of(left).exists(), kept.exists()) == (False, True)


def test_removing_a_file_leaves_those_that_others_have(django_capture_on_commit_callbacks) -> None:
    result = builders.make_launched()
    shared = storage.path_of(builders.make_artifact(result, "a", b"shared"))
    builders.make_artifact(result, "b", b"shared")
    alone = storage.path_of(builders.make_artifact(result, "c", b"alone"))
    with django_capture_on_commit_callbacks(execute=True):
        storage.remove(result, name__in=["a", "c"])
    assert (shared.exists(), alone.exists()) == (True, False)


def test_a_version_is_found_by_its_number_or_as_the_current_one() -> None:
    result = builders.make_launched()
    with pytest.raises(NotFound, match="no version yet"):
        version_of(result)
    improve(result, 1, b"first", comparison(None, 0.5))
    improve(result, 2, b"second", comparison(0.5, 0.6))
    result.refresh_from_db()
    assert (version_of(result).number, version_of(result, 1).number) == (2, 1)
    with pytest.raises(NotFound, match="no version 3"):
        version_of(result, 3)


def test_a_version_whose_files_are_missing_is_refused() -> None:
    result = builders.make_launched()
    worker = APIClient(headers={"host": "localhost"})
    worker.credentials(HTTP_AUTHORIZATION=builders.job_header("training", result.pk)["authorization"])
    body = {"attempt": 1, "step": 1, "outcome": builders.outcome(artifacts={"model.keras": "1" * 64}).to_json()}
    answer = worker.post(f"/api/jobs/training/{result.pk}/versions/", body, format="json")
    assert (answer.status_code, "model.keras" in answer.json()["detail"]) == (422, True)
    assert not ResultVersion.objects.exists()


def test_a_user_promotes_an_older_version_and_says_why(
    editor: APIClient, viewer: APIClient, django_capture_on_commit_callbacks
) -> None:
    result = builders.make_launched()
    improve(result, 1, b"first", comparison(None, 0.5))
    improve(result, 2, b"second", comparison(0.5, 0.6))
    answer = editor.post(f"/api/results/{result.pk}/versions/1/promote/", {"why": "the second one is slow"})
    assert (answer.status_code, answer.json()["number"], answer.json()["current"]) == (200, 1, True)
    assert viewer.get(f"/api/results/{result.pk}/").json()["current_version"] == 1
    entry = AuditEntry.objects.get(action="promote")
    assert (entry.object_id, entry.detail) == (str(result.pk), "version 1 in place of 2: the second one is slow")
    # Asked again, nothing happens.
    editor.post(f"/api/results/{result.pk}/versions/1/promote/", {})
    assert AuditEntry.objects.filter(action="promote").count() == 1
    reported = [Promotion.model_validate_json(bytes(message.value)) for message in OutboxMessage.objects.order_by("pk")]
    assert [(promotion.version, promotion.previous, promotion.reason, promotion.by) for promotion in reported] == [
        (1, None, "improved", ""),
        (2, 1, "improved", ""),
        (1, 2, "chosen", entry.actor),
    ]
    assert (reported[1].comparison is not None, reported[2].why) == (True, "the second one is slow")
    assert {bytes(message.key) for message in OutboxMessage.objects.all()} == {str(result.pk).encode()}
    assert {message.topic for message in OutboxMessage.objects.all()} == {"kafka-ml.versions"}


def test_what_is_reported_a_promotion_goes_with_it() -> None:
    result = builders.make_launched()

    def refuse(**_signal: object) -> None:
        raise RefusedError("an inference cannot serve it")

    current_changed.connect(refuse)
    try:
        with pytest.raises(RefusedError):
            builders.finish(result)
    finally:
        current_changed.disconnect(refuse)
    assert (ResultVersion.objects.count(), OutboxMessage.objects.count()) == (0, 0)


def test_only_versions_that_nobody_needs_are_deleted(editor: APIClient, django_capture_on_commit_callbacks) -> None:
    result = builders.make_launched()
    for step in (1, 2, 3):
        improve(result, step, b"same" if step < 3 else b"last")
    shared = storage.path_of(artifacts_of(version_of(result, 1)).get())
    assert editor.patch(f"/api/results/{result.pk}/versions/2/", {"pinned": True}, format="json").json()["pinned"]
    with django_capture_on_commit_callbacks(execute=True):
        answers = {n: editor.delete(f"/api/results/{result.pk}/versions/{n}/") for n in (1, 2, 3, 4)}
    assert {n: answer.status_code for n, answer in answers.items()} == {1: 204, 2: 409, 3: 409, 4: 404}
    assert "pinned" in answers[2].json()["detail"]
    assert "current" in answers[3].json()["detail"]
    assert shared.exists()
    editor.patch(f"/api/results/{result.pk}/versions/2/", {"pinned": False}, format="json")
    with django_capture_on_commit_callbacks(execute=True):
        assert editor.delete(f"/api/results/{result.pk}/versions/2/").status_code == 204
    assert not shared.exists()
    # A number is never given again.
    assert improve(result, 4, b"another") == {"number": 4}


def test_the_oldest_versions_go_but_for_the_current_and_the_pinned_ones(
    editor: APIClient, configure: Callable[..., None]
) -> None:
    configure(kept_versions=2)
    result = builders.make_launched()
    improve(result, 1, b"1", comparison(None, 0.9))
    improve(result, 2, b"2", comparison(0.9, 0.1))
    editor.patch(f"/api/results/{result.pk}/versions/2/", {"pinned": True}, format="json")
    for step in range(3, 7):
        improve(result, step, b"%d" % step, comparison(0.9, 0.1))
    assert sorted(result.versions.values_list("number", flat=True)) == [1, 2, 5, 6]


def test_the_card_tells_all_that_is_known_of_a_version(viewer: APIClient, editor: APIClient) -> None:
    result = builders.make_finished(arguments={"tensorflow": {"fit": "epochs=3"}}, seed=7)
    answer = viewer.get(f"/api/results/{result.pk}/versions/1/card/")
    assert answer.status_code == 200
    card = ModelCard.model_validate_json(answer.content)
    assert (card.result, card.name, card.framework) == (result.pk, result.model.name, "tensorflow")
    assert (card.code, card.training.fit, card.training.seed) == (result.code, {"epochs": 3}, 7)
    assert card.version.outcome.test_metrics == {"accuracy": 0.95}
    assert card.data is not None
    assert (card.data.topic, card.data.records, card.data.input_format) == ("digits:0:0:100", 100, "RAW")
    cat, dog = card.classes
    assert (cat.label, cat.samples, cat.recall, cat.precision) == ("cat", 9, 8 / 9, 1.0)
    assert (dog.label, dog.samples, dog.recall, dog.precision) == ("dog", 9, 1.0, 0.9)
    assert (card.lineage.deployment, card.lineage.asked_by) == (result.deployment_id, SYSTEM.name)
    assert (card.lineage.promoted_by, card.lineage.promoted_at) == ("", None)


def test_the_card_tells_who_trained_again_and_who_chose_it(editor: APIClient, viewer: APIClient) -> None:
    result = builders.make_finished()
    services.restart_result(result, actor=Actor("somebody"))
    again = runs.register_attempt(TrainingResult, result.pk)
    assert again is not None
    builders.finish(again)
    editor.post(f"/api/results/{result.pk}/versions/1/promote/", {})
    editor.post(f"/api/results/{result.pk}/versions/2/promote/", {})
    cards = [viewer.get(f"/api/results/{result.pk}/versions/{n}/card/").json()["lineage"] for n in (1, 2)]
    assert [card["asked_by"] for card in cards] == [SYSTEM.name, "somebody"]
    assert [bool(card["promoted_by"]) for card in cards] == [True, True]
    assert cards[0]["promoted_at"] < cards[1]["promoted_at"]


def test_a_list_of_versions_takes_four_queries_whatever_there_is(
    viewer: APIClient, django_assert_max_num_queries: Callable
) -> None:
    result = builders.make_launched()
    for step in range(6):
        improve(result, step, b"%d" % step)
    viewer.force_authenticate(builders.make_user())
    with django_assert_max_num_queries(4):
        page = viewer.get(f"/api/results/{result.pk}/versions/?limit=4").json()
    assert (page["count"], [version_row["number"] for version_row in page["results"]]) == (6, [6, 5, 4, 3])
    assert [version_row["number"] for version_row in viewer.get(page["next"]).json()["results"]] == [2, 1]
