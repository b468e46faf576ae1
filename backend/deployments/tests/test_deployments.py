"""Deployments and results through the API."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api import worker_logs
from backend.api.audit import SYSTEM
from backend.api.tests import builders
from backend.api.tests.fake_executor import FakeExecutor
from backend.deployments import services, storage
from backend.deployments.models import Artifact, Deployment, TrainingResult
from kafkaml.results import Failure, FailureCategory

pytestmark = pytest.mark.django_db


def test_a_deployment_makes_one_waiting_result_per_model(editor: APIClient, executor: FakeExecutor) -> None:
    models = [builders.make_model(), builders.make_model(framework="pytorch")]
    configuration = builders.make_configuration(*models)
    body = {
        "configuration": configuration.pk,
        "batch_size": 64,
        "tensorflow_fit_arguments": "epochs=5, class_weight={0: 1.0}",
        "pytorch_fit_arguments": "max_epochs=5",
        "confusion_matrix": True,
    }
    answer = editor.post("/api/deployments/", body)
    assert answer.status_code == 201
    shown = answer.json()
    assert shown["state"] == "waiting"
    assert [(each["model"], each["state"], each["attempt"]) for each in shown["results"]] == [
        (models[0].pk, "waiting", 0),
        (models[1].pk, "waiting", 0),
    ]
    asked = [body for path, _, body in executor.requests if path == "/check-arguments"]
    assert {"fit": {"epochs": 5, "class_weight": {"0": 1.0}}, "evaluation": {}} in asked
    assert {"fit": {"max_epochs": 5}, "evaluation": {}} in asked


@pytest.mark.parametrize(
    "text", ["epochs=__import__('os').getpid()", "epochs", "epochs=1, epochs=2", "**{}", "epochs=(lambda: 1)()"]
)
def test_arguments_that_are_no_literals_are_refused(text: str, editor: APIClient, executor: FakeExecutor) -> None:
    body = {"configuration": builders.make_configuration().pk, "tensorflow_fit_arguments": text}
    answer = editor.post("/api/deployments/", body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["tensorflow_fit_arguments"]
    assert not Deployment.objects.exists()


def test_arguments_that_the_framework_refuses_name_their_field(editor: APIClient, executor: FakeExecutor) -> None:
    executor.argument_error = {"message": "fit has no argument 'epoch'", "argument": "epoch", "hint": "epochs?"}
    body = {"configuration": builders.make_configuration().pk, "tensorflow_fit_arguments": "epoch=1"}
    answer = editor.post("/api/deployments/", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["hint"] == "epochs?"


def test_a_running_deployment_is_not_deleted(editor: APIClient) -> None:
    result = builders.make_launched()
    answer = editor.delete(f"/api/deployments/{result.deployment_id}/")
    assert (answer.status_code, answer.json()["users"][0]["id"]) == (409, result.pk)
    stopped = editor.post(f"/api/deployments/{result.deployment_id}/stop/")
    assert stopped.status_code == 202
    result.refresh_from_db()
    assert (result.desired, result.state) == ("stopped", "waiting")
    services.mark_stopped(result.pk)
    assert editor.delete(f"/api/deployments/{result.deployment_id}/").status_code == 204


def test_what_was_never_launched_stops_at_once(editor: APIClient) -> None:
    result = builders.make_deployment().results.get()
    assert editor.post(f"/api/results/{result.pk}/stop/").json()["state"] == "stopped"
    assert services.register_attempt(result.pk) is None


def test_what_an_inference_uses_is_neither_deleted_nor_trained_again(editor: APIClient) -> None:
    result = builders.make_finished()
    inference = builders.make_inference(result)
    for answer in (
        editor.delete(f"/api/deployments/{result.deployment_id}/"),
        editor.post(f"/api/results/{result.pk}/restart/", {}),
    ):
        assert answer.status_code == 409
        assert answer.json()["users"][0] == {
            "type": "inference",
            "id": inference.pk,
            "name": f"{inference.input_topic} -> {inference.output_topic}",
        }


def test_deleting_takes_the_files_along(editor: APIClient, django_capture_on_commit_callbacks) -> None:
    result = builders.make_finished()
    path = storage.path_of(Artifact.objects.get())
    assert path.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert editor.delete(f"/api/deployments/{result.deployment_id}/").status_code == 204
    assert not path.exists()
    assert not TrainingResult.objects.exists()


def test_training_again_forgets_the_first_time(editor: APIClient, django_capture_on_commit_callbacks) -> None:
    result = builders.make_finished()
    path = storage.path_of(Artifact.objects.get())
    with django_capture_on_commit_callbacks(execute=True):
        answer = editor.post(f"/api/results/{result.pk}/restart/", {})
    assert answer.status_code == 202
    shown = answer.json()
    assert (shown["state"], shown["outcome"], shown["artifacts"], shown["confusion_matrix"]) == (
        "waiting",
        None,
        [],
        None,
    )
    assert not path.exists()
    registered = services.register_attempt(result.pk)
    assert registered is not None
    assert registered.attempt > 1
    # Whoever is left of the first attempt has no say any more.
    assert not services.mark_running(result.pk, 1)


def test_only_what_has_ended_is_trained_again(editor: APIClient) -> None:
    result = builders.make_launched()
    assert editor.post(f"/api/results/{result.pk}/restart/", {}).status_code == 409


def test_retries_end_and_the_person_may_start_over(editor: APIClient) -> None:
    result = builders.make_launched()
    lost = Failure(category=FailureCategory.LOST, cause="vanished")
    tries = 1
    while (retry_at := services.next_retry(lost, tries)) is not None:
        services.mark_failed(result.pk, tries, lost, retry_at=retry_at)
        registered = services.register_attempt(result.pk)
        assert registered is not None
        tries = registered.tries
    assert tries == 4
    services.mark_failed(result.pk, tries, lost)
    result.refresh_from_db()
    assert (result.state, result.next_retry_at) == ("failed", None)
    editor.post(f"/api/results/{result.pk}/restart/", {})
    result.refresh_from_db()
    assert (result.state, result.tries) == ("waiting", 0)


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


def test_the_confusion_matrix_is_drawn_here(viewer: APIClient) -> None:
    result = builders.make_finished()
    answer = viewer.get(f"/api/results/{result.pk}/confusion_matrix.png")
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size[0] >= 360
    unfinished = builders.make_launched()
    assert viewer.get(f"/api/results/{unfinished.pk}/confusion_matrix.png").status_code == 404


def test_the_end_of_a_log_outlives_the_process(viewer: APIClient) -> None:
    result = builders.make_launched()
    services.mark_failed(
        result.pk, 1, Failure(category=FailureCategory.USER_CODE, cause="x"), log_tail="line 1\nline 2\n"
    )
    answer = viewer.get(f"/api/results/{result.pk}/logs/").json()
    assert answer == {"text": "line 1\nline 2\n", "offset": 0, "next_offset": 14, "stored": True}
    assert viewer.get(f"/api/results/{result.pk}/logs/?offset=x").status_code == 400
    assert viewer.get(f"/api/results/{result.pk}/logs/?offset=14").json()["text"] == ""


def test_a_live_log_is_read_from_the_launcher(viewer: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    class Logs:
        def logs(self, name: str, *, replica: int, offset: int, max_bytes: int) -> tuple[bytes, int]:
            content = f"{name} {replica}".encode()
            return content[offset:], len(content)

    monkeypatch.setattr(worker_logs, "_launcher", Logs)
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
    services.stop_result(result, actor=SYSTEM)
    assert services.mark_finished(result.pk, 1, builders.outcome())
    assert not services.mark_stopped(result.pk)
    result.refresh_from_db()
    assert result.state == "finished"
