"""Deployments and results through the API."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.api.tests.fake_executor import FakeExecutor
from backend.deployments import storage, transitions
from backend.deployments.models import Artifact, Deployment, TrainingResult
from backend.inferences.plans import inference_plan
from backend.runs import logs
from backend.runs import services as run_services
from backend.runs import transitions as runs
from kafkaml.wire.evaluation import Baseline, BaselineKind, Curves, Evaluation, ThresholdPoint
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.progress import EpochMetrics
from kafkaml.wire.report import EpochEvent
from kafkaml.wire.scores import Score

pytestmark = pytest.mark.django_db


def test_a_deployment_makes_one_waiting_result_per_model(editor: APIClient, executor: FakeExecutor) -> None:
    models = [builders.make_model(), builders.make_model(framework="pytorch")]
    configuration = builders.make_configuration(*models)
    body = {
        "configuration": configuration.pk,
        "batch_size": 64,
        "arguments": {
            "tensorflow": {"fit": "epochs=5, class_weight={0: 1.0}"},
            "pytorch": {"fit": "max_epochs=5", "evaluation": "steps=2"},
        },
        "confusion_matrix": True,
    }
    answer = editor.post("/api/deployments/", body)
    assert answer.status_code == 201
    shown = answer.json()
    assert shown["state"] == "waiting"
    assert [(result["model"], result["state"], result["attempt"]) for result in shown["results"]] == [
        (models[0].pk, "waiting", 0),
        (models[1].pk, "waiting", 0),
    ]
    assert shown["arguments"] == {
        "tensorflow": {"fit": "epochs=5, class_weight={0: 1.0}", "evaluation": ""},
        "pytorch": {"fit": "max_epochs=5", "evaluation": "steps=2"},
    }
    assert Deployment.objects.get().arguments["tensorflow"] == {
        "fit": {"text": "epochs=5, class_weight={0: 1.0}", "values": {"epochs": 5, "class_weight": {"0": 1.0}}}
    }


def test_what_this_version_does_not_train_is_refused_in_words(editor: APIClient, executor: FakeExecutor) -> None:
    answer = editor.post(
        "/api/deployments/", {"configuration": builders.make_configuration().pk, "mode": "distributed"}
    )
    (error,) = answer.json()["errors"]
    assert (error["field"], error["detail"]) == (
        "mode",
        "this version does not train in the mode distributed: expected classic or incremental",
    )
    assert not Deployment.objects.exists()


def test_an_incremental_deployment_keeps_what_was_asked_for_and_what_follows(editor: APIClient) -> None:
    body = {
        "configuration": builders.make_configuration().pk,
        "mode": "incremental",
        "incremental": {"indefinite": True, "monitoring_metric": "loss", "numeratorBatch": 1, "denominatorBatch": 4},
    }
    assert editor.post("/api/deployments/check/", body).json() == {"valid": True, "errors": []}
    kept = editor.post("/api/deployments/", body).json()["incremental"]
    assert (kept["indefinite"], kept["change"], kept["improvement"]) == (True, "down", 0.05)
    assert kept["validation_rate"] == 0.25


def test_settings_that_make_no_sense_are_refused_by_field(editor: APIClient) -> None:
    body = {
        "configuration": builders.make_configuration().pk,
        "mode": "incremental",
        "split": "time",
        "incremental": {"improvement": -1, "window_records": 0},
    }
    fields = {"split", "incremental.improvement", "incremental.window_records"}
    checked = editor.post("/api/deployments/check/", body).json()
    assert {error["field"] for error in checked["errors"]} == fields
    del body["split"]
    answer = editor.post("/api/deployments/", body)
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == fields - {"split"}
    answer = editor.post("/api/deployments/", {**body, "incremental": [1]})
    assert [error["field"] for error in answer.json()["errors"]] == ["incremental"]


@pytest.mark.parametrize(
    "text", ["epochs=__import__('os').getpid()", "epochs", "epochs=1, epochs=2", "**{}", "epochs=(lambda: 1)()"]
)
def test_arguments_that_are_not_literals_are_refused(text: str, editor: APIClient, executor: FakeExecutor) -> None:
    body = {"configuration": builders.make_configuration().pk, "arguments": {"tensorflow": {"fit": text}}}
    answer = editor.post("/api/deployments/", body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["arguments.tensorflow.fit"]
    assert not Deployment.objects.exists()


def test_arguments_that_the_framework_refuses_name_their_field(editor: APIClient) -> None:
    body = {"configuration": builders.make_configuration().pk, "arguments": {"tensorflow": {"fit": "epoch=1"}}}
    answer = editor.post("/api/deployments/", body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == "arguments.tensorflow.fit"
    assert error["hint"] == "did you mean epochs?"


@pytest.mark.parametrize(
    ("fit", "mode", "words"),
    [
        ("early_stopping=3", "incremental", "early_stopping: an online stream is learnt window by window"),
        ("monitor='val_accurcy', early_stopping=3", "classic", "did you mean accuracy?"),
        ("monitor='skill', early_stopping=3", "classic", "expected mode='max' or mode='min'"),
        ("early_stopping=0", "classic", "expected a whole number of at least 1, or None"),
        ("early_stopping=3, patience=3", "classic", "another name of early_stopping"),
    ],
)
def test_a_best_epoch_that_cannot_be_found_is_refused_before_anything_is_deployed(
    fit: str, mode: str, words: str, editor: APIClient
) -> None:
    model = builders.make_model(report={"metrics": ["loss", "accuracy"]})
    body = {
        "configuration": builders.make_configuration(model).pk,
        "mode": mode,
        "arguments": {"tensorflow": {"fit": fit}},
    }
    (error,) = editor.post("/api/deployments/check/", body).json()["errors"]
    assert error["field"] == "arguments.tensorflow.fit"
    assert words in f"{error['detail']} {error['hint']}"
    assert editor.post("/api/deployments/", body).status_code == 400
    taken = {**body, "mode": "classic", "arguments": {"tensorflow": {"fit": "monitor='val_accuracy', patience=3"}}}
    assert editor.post("/api/deployments/", taken).json()["results"]
    assert TrainingResult.objects.get().parameters["early_stopping"] == 3


def test_checking_makes_nothing_and_names_every_field(editor: APIClient) -> None:
    both = builders.make_configuration(builders.make_model(), builders.make_model(framework="pytorch"))
    answer = editor.post(
        "/api/deployments/check/",
        {
            "configuration": both.pk,
            "batch_size": 0,
            "arguments": {
                "tensorflow": {"fit": "epoch=1"},
                "pytorch": {"fit": "epochs=1, max_epochs=2", "evaluation": "steps"},
            },
        },
    )
    assert answer.status_code == 200
    shown = answer.json()
    errors = {error["field"]: error for error in shown["errors"]}
    assert not shown["valid"]
    assert set(errors) == {
        "batch_size",
        "arguments.tensorflow.fit",
        "arguments.pytorch.fit",
        "arguments.pytorch.evaluation",
    }
    assert errors["arguments.tensorflow.fit"]["hint"] == "did you mean epochs?"
    assert "another name of max_epochs" in errors["arguments.pytorch.fit"]["detail"]
    assert "has no name" in errors["arguments.pytorch.evaluation"]["detail"]
    assert not Deployment.objects.exists()


def test_checking_asks_for_the_frameworks_of_the_configuration_only(editor: APIClient) -> None:
    body = {"configuration": builders.make_configuration().pk, "arguments": {"pytorch": {"fit": "nonsense=1"}}}
    assert editor.post("/api/deployments/check/", body).json() == {"valid": True, "errors": []}
    body["configuration"] = 4711
    fields = [error["field"] for error in editor.post("/api/deployments/check/", body).json()["errors"]]
    assert fields == ["configuration", "arguments.pytorch.fit"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"tensorfow": {"fit": "epochs=1"}}, "tensorfow"), ({"pytorch": {"train": "epochs=1"}}, "pytorch.train")],
)
def test_arguments_for_nothing_that_there_is_are_refused(arguments: object, field: str, editor: APIClient) -> None:
    body = {"configuration": builders.make_configuration().pk, "arguments": arguments}
    for address in ("/api/deployments/", "/api/deployments/check/"):
        (error,) = editor.post(address, body).json()["errors"]
        assert error["field"] == f"arguments.{field}"
        assert "expected" in error["detail"]
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        [],
        ["x"],
        "text",
        7,
        None,
        {"arguments": {"tensorflow": {"fit": {"a": [1]}}}},
        {"arguments": {"tensorflow": ["a"]}},
        {"arguments": [1]},
    ],
)
def test_checking_answers_whatever_is_sent(body: object, editor: APIClient) -> None:
    answer = editor.post("/api/deployments/check/", body, format="json")
    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or not answer.json()["valid"]


def test_options_tell_the_modes(viewer: APIClient) -> None:
    assert viewer.get("/api/deployments/options/").json() == {"modes": ["classic", "incremental"]}


def test_deployments_are_found_by_the_state_that_sums_them_up(viewer: APIClient) -> None:
    waiting, finished = builders.make_deployment(), builders.make_finished().deployment
    mixed = builders.make_deployment(builders.make_model(), builders.make_model())
    mixed.results.filter(pk=mixed.results.first().pk).update(state="failed")

    def found(state: str) -> set[int]:
        rows = viewer.get(f"/api/deployments/?state={state}").json()["results"]
        assert all(row["state"] == state for row in rows)
        return {row["id"] for row in rows}

    assert found("waiting") == {waiting.pk, mixed.pk}
    assert found("finished") == {finished.pk}
    assert found("failed") == set()
    assert viewer.get("/api/deployments/?state=asleep").status_code == 400


def test_a_row_shows_the_best_of_its_epochs_and_a_short_curve(viewer: APIClient) -> None:
    result = builders.make_launched(builders.make_model(framework="pytorch"))
    for number, accuracy in enumerate([0.5, 0.9, 0.8], start=1):
        metrics = EpochMetrics(epoch=number, seconds=0.1, training={"loss": 1 / number}, validation={"acc": accuracy})
        transitions.store_events(result.pk, 1, [EpochEvent(seq=number, type="epoch", data=metrics)])
    (row,) = viewer.get("/api/results/?framework=pytorch").json()["results"]
    assert row["history"] == {
        "best_training": {"loss": {"value": 1 / 3, "epoch": 3}},
        "best_validation": {"acc": {"value": 0.9, "epoch": 2}},
        "curve": {"metric": "acc", "part": "validation", "stride": 1, "epochs": [1, 2, 3], "values": [0.5, 0.9, 0.8]},
    }
    assert viewer.get("/api/results/?framework=tensorflow").json()["count"] == 0


def test_a_running_deployment_is_not_deleted(editor: APIClient) -> None:
    result = builders.make_launched()
    answer = editor.delete(f"/api/deployments/{result.deployment_id}/")
    assert (answer.status_code, answer.json()["users"][0]["id"]) == (409, result.pk)
    stopped = editor.post(f"/api/deployments/{result.deployment_id}/stop/")
    assert stopped.status_code == 202
    result.refresh_from_db()
    assert (result.desired, result.state) == ("stopped", "waiting")
    runs.mark_stopped(TrainingResult, result.pk)
    assert editor.delete(f"/api/deployments/{result.deployment_id}/").status_code == 204


def test_a_deployment_whose_training_was_never_launched_is_deleted(editor: APIClient) -> None:
    deployment = builders.make_deployment()
    builders.make_stream(deployment.pk)
    result = deployment.results.get()
    assert result.ready
    assert editor.delete(f"/api/deployments/{deployment.pk}/").status_code == 204
    assert runs.register_attempt(TrainingResult, result.pk) is None


def test_what_was_never_launched_stops_at_once(editor: APIClient) -> None:
    result = builders.make_deployment().results.get()
    assert editor.post(f"/api/results/{result.pk}/stop/").json()["state"] == "stopped"
    assert runs.register_attempt(TrainingResult, result.pk) is None


def test_what_an_inference_uses_is_not_deleted_but_may_be_trained_again(editor: APIClient) -> None:
    result = builders.make_finished()
    inference = builders.make_inference(result)
    answer = editor.delete(f"/api/deployments/{result.deployment_id}/")
    assert answer.status_code == 409
    assert answer.json()["users"][0] == {
        "type": "inference",
        "id": inference.pk,
        "name": f"{inference.input_topic} -> {inference.output_topic}",
    }
    assert editor.post(f"/api/results/{result.pk}/restart/", {}).status_code == 202
    assert inference_plan(inference).model.version == 1


def test_deleting_takes_the_files_along(editor: APIClient, django_capture_on_commit_callbacks) -> None:
    result = builders.make_finished()
    path = storage.path_of(Artifact.objects.get())
    assert path.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert editor.delete(f"/api/deployments/{result.deployment_id}/").status_code == 204
    assert not path.exists()
    assert not TrainingResult.objects.exists()


def test_training_again_leaves_the_model_of_the_first_time_until_there_is_another(
    editor: APIClient, django_capture_on_commit_callbacks
) -> None:
    result = builders.make_finished()
    path = storage.path_of(Artifact.objects.get())
    with django_capture_on_commit_callbacks(execute=True):
        answer = editor.post(f"/api/results/{result.pk}/restart/", {})
    assert answer.status_code == 202
    shown = answer.json()
    assert (shown["state"], shown["current_version"], shown["artifacts"][0]["name"]) == ("waiting", 1, "model.keras")
    assert path.exists()
    registered = runs.register_attempt(TrainingResult, result.pk)
    assert registered is not None
    assert registered.attempt > 1
    # A process that is left of the first attempt has no say any more.
    assert not runs.mark_running(TrainingResult, result.pk, 1)


def test_only_what_has_ended_is_trained_again(editor: APIClient) -> None:
    result = builders.make_launched()
    assert editor.post(f"/api/results/{result.pk}/restart/", {}).status_code == 409


def test_retries_end_and_the_user_may_start_over(editor: APIClient) -> None:
    result = builders.make_launched()
    lost = Failure(category=FailureCategory.LOST, cause="vanished")
    tries = 1
    while (retry_at := runs.next_retry(lost, tries)) is not None:
        runs.mark_failed(TrainingResult, result.pk, tries, lost, retry_at=retry_at)
        registered = runs.register_attempt(TrainingResult, result.pk)
        assert registered is not None
        tries = registered.tries
    assert tries == 8
    runs.mark_failed(TrainingResult, result.pk, tries, lost)
    result.refresh_from_db()
    assert (result.state, result.next_retry_at) == ("failed", None)
    editor.post(f"/api/results/{result.pk}/restart/", {})
    result.refresh_from_db()
    assert (result.state, result.tries) == ("waiting", 0)


def test_what_keeps_a_training_from_starting_is_shown_until_it_runs(viewer: APIClient) -> None:
    result = builders.make_launched()
    full = Failure(category=FailureCategory.CONFIGURATION, cause="no node has room", hint="add a node")
    assert runs.mark_obstacle(TrainingResult, result.pk, 1, full)
    shown = viewer.get(f"/api/results/{result.pk}/").json()
    assert (shown["state"], shown["failure"]["cause"], shown["failure"]["hint"]) == (
        "waiting",
        "no node has room",
        "add a node",
    )
    assert runs.mark_running(TrainingResult, result.pk, 1)
    # A look from before it ran comes too late.
    assert runs.mark_obstacle(TrainingResult, result.pk, 1, full)
    assert viewer.get(f"/api/results/{result.pk}/").json()["failure"] is None
    assert not runs.mark_obstacle(TrainingResult, result.pk, 2, full)


def test_a_trained_model_is_downloaded_as_an_attachment(viewer: APIClient) -> None:
    result = builders.make_finished()
    answer = viewer.get(f"/api/results/{result.pk}/artifacts/model.keras/")
    assert b"".join(answer.streaming_content) == b"weights"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert viewer.get(f"/api/results/{result.pk}/artifacts/other/").status_code == 404


def test_a_result_shows_what_is_needed_to_repeat_it(viewer: APIClient) -> None:
    shown = viewer.get(f"/api/results/{builders.make_finished().pk}/").json()
    assert shown["state"] == "finished"
    assert shown["outcome"]["versions"] == {"keras": "3.15"}
    assert shown["outcome"]["samples"] == {"training": 80, "validation": 10, "test": 10}
    assert shown["confusion_matrix"] == {"matrix": [[8, 1], [0, 9]], "labels": ["cat", "dog"]}
    assert shown["artifacts"][0]["name"] == "model.keras"


def test_answers_to_the_tests_are_kept_with_the_version_and_left_out_of_lists(viewer: APIClient) -> None:
    curves = Curves(
        positive="dog",
        negative="cat",
        positives=9,
        negatives=9,
        roc_auc=0.9,
        average_precision=0.8,
        points=[ThresholdPoint(threshold=0.5, true_positives=8, false_positives=1)],
    )
    baseline = Baseline(kind=BaselineKind.MAJORITY, answer="dog", scores={Score.ACCURACY: 0.5}, samples=18)
    made = builders.make_launched()
    builders.make_artifact(made)
    builders.finish(made, baseline=baseline, evaluation=Evaluation(curves=curves))
    shown = viewer.get(f"/api/results/{made.pk}/").json()
    assert shown["evaluation"] == {"curves": curves.to_json(), "residuals": [], "importance": None}
    assert shown["outcome"]["baseline"] == baseline.to_json()
    (row,) = viewer.get("/api/results/").json()["results"]
    assert row["outcome"]["baseline"]["answer"] == "dog"
    assert "evaluation" not in row | row["outcome"]


def test_the_confusion_matrix_is_drawn_here(viewer: APIClient) -> None:
    result = builders.make_finished()
    answer = viewer.get(f"/api/results/{result.pk}/confusion_matrix.png")
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size[0] >= 360
    unfinished = builders.make_launched()
    assert viewer.get(f"/api/results/{unfinished.pk}/confusion_matrix.png").status_code == 404


def test_the_end_of_a_log_outlives_the_process(viewer: APIClient) -> None:
    result = builders.make_launched()
    runs.mark_failed(
        TrainingResult,
        result.pk,
        1,
        Failure(category=FailureCategory.USER_CODE, cause="x"),
        log_tail="line 1\nline 2\n",
    )
    answer = viewer.get(f"/api/results/{result.pk}/logs/").json()
    assert answer == {"text": "line 1\nline 2\n", "offset": 0, "next_offset": 14, "stored": True}
    assert viewer.get(f"/api/results/{result.pk}/logs/?offset=x").status_code == 400
    assert viewer.get(f"/api/results/{result.pk}/logs/?offset=14").json()["text"] == ""


def test_a_live_log_is_read_from_the_disk(viewer: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    class Logs:
        def logs(self, name: str, *, replica: int, offset: int, max_bytes: int) -> tuple[bytes, int]:
            content = f"{name} {replica}".encode()
            return content[offset:], len(content)

    monkeypatch.setattr(logs, "_logs", Logs)
    result = builders.make_launched()
    name = f"kml-train-{result.pk}-a1 0"
    answer = viewer.get(f"/api/results/{result.pk}/logs/?offset=4").json()
    assert answer == {"text": name[4:], "offset": 4, "next_offset": len(name), "stored": False}


def test_every_change_is_in_the_audit_trail(editor: APIClient) -> None:
    result = builders.make_launched()
    editor.post(f"/api/results/{result.pk}/stop/")
    entry = AuditEntry.objects.get(action="stop")
    assert (entry.actor, entry.object_type, entry.object_id, entry.result) == (
        "a-editor",
        "trainingresult",
        str(result.pk),
        "ok",
    )
    assert entry.before
    assert entry.after
    assert entry.before != entry.after


def test_a_stopped_run_that_finishes_first_has_finished() -> None:
    result = builders.make_launched()
    run_services.stop(result, actor=SYSTEM)
    builders.finish(result)
    assert not runs.mark_stopped(TrainingResult, result.pk)
    result.refresh_from_db()
    assert result.state == "finished"
