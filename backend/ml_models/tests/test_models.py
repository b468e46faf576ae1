"""Models: saved only when an executor found them valid."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api.tests import builders
from backend.api.tests.fake_executor import REPORT, FakeExecutor
from backend.ml_models.models import MLModel
from kafkaml.wire.framework import Framework

pytestmark = pytest.mark.django_db

MODEL = {"name": "digits", "framework": "tensorflow", "imports": "import keras", "code": "model = 1\n"}
ERROR = {
    "kind": "runtime",
    "message": "NameError: name 'nix' is not defined",
    "line": 2,
    "source": "code",
    "traceback": 'File "code", line 2, in <module>',
    "hint": "import it",
}


def test_a_valid_model_is_saved_with_its_report(editor: APIClient, executor: FakeExecutor) -> None:
    answer = editor.post("/api/models/", MODEL)
    assert answer.status_code == 201
    assert answer.json()["report"] == REPORT
    assert answer.json()["code"] == "model = 1\n"
    assert executor.requests[0][0] == "/check"
    assert executor.requests[0][2] == {
        "code": "model = 1\n",
        "imports": "import keras",
        "distributed": False,
        "ticket": "",
    }
    entry = AuditEntry.objects.get(object_type="mlmodel")
    assert (entry.actor, entry.action, entry.before, len(entry.after)) == ("a-editor", "create", "", 64)


def test_a_model_is_found_by_its_code_and_the_line_is_shown(viewer: APIClient) -> None:
    builders.make_model(name="plain", code="model = 1\n")
    net = builders.make_model(
        name="net", description="for roads", code="x = 1\n\n    layers.Conv2D(8)  # deep\nConv2D\n"
    )

    def found(search: str) -> list[tuple[str, object]]:
        rows = viewer.get("/api/models/", {"search": search}).json()["results"]
        return [(row["name"], row["code_match"]) for row in rows]

    assert found("conv2d") == [("net", {"line": 3, "text": "layers.Conv2D(8)  # deep"})]
    assert found("roads conv2d") == [("net", {"line": 3, "text": "layers.Conv2D(8)  # deep"})]
    assert found("roads") == [("net", None)]
    assert found("conv3d") == []
    assert [row["code_match"] for row in viewer.get("/api/models/").json()["results"]] == [None, None]
    assert viewer.get(f"/api/models/{net.pk}/?search=conv2d").json()["code_match"] is None


def test_an_invalid_model_is_refused_with_its_line(editor: APIClient, executor: FakeExecutor) -> None:
    executor.error = ERROR
    answer = editor.post("/api/models/", MODEL)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"] == [
        {
            "field": "code",
            "code": "runtime",
            "detail": "NameError: name 'nix' is not defined",
            "hint": "import it",
            "line": 2,
            "traceback": 'File "code", line 2, in <module>',
        }
    ]
    assert answer.json()["output"] == "printed"
    assert not MLModel.objects.exists()


def test_checking_saves_nothing(editor: APIClient, executor: FakeExecutor) -> None:
    assert editor.post("/api/models/validate/", MODEL).json() == {
        "valid": True,
        "report": REPORT,
        "error": None,
        "output": "",
    }
    executor.error = ERROR
    answer = editor.post("/api/models/validate/", MODEL)
    assert (answer.status_code, answer.json()["valid"], answer.json()["error"]["line"]) == (200, False, 2)
    assert not MLModel.objects.exists()


def test_without_its_executor_a_model_is_not_saved(editor: APIClient, configure: Callable[..., None]) -> None:
    answer = editor.post("/api/models/", MODEL)
    assert answer.status_code == 503
    assert "KML_EXECUTOR_TENSORFLOW_URL" in answer.json()["hint"]
    configure(executor_urls={Framework.TENSORFLOW: "http://127.0.0.1:9"})
    answer = editor.post("/api/models/", MODEL)
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["detail"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_executor_in_trouble_is_our_fault(status: int, editor: APIClient, executor: FakeExecutor) -> None:
    executor.status = status
    answer = editor.post("/api/models/", MODEL)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_a_model_is_checked_again_only_when_its_source_changes(editor: APIClient, executor: FakeExecutor) -> None:
    pk = editor.post("/api/models/", MODEL).json()["id"]
    assert editor.patch(f"/api/models/{pk}/", {"description": "better"}).status_code == 200
    assert len(executor.requests) == 1
    assert editor.put(f"/api/models/{pk}/", {**MODEL, "code": "model = 2"}).status_code == 200
    assert len(executor.requests) == 2
    executor.error = ERROR
    assert editor.patch(f"/api/models/{pk}/", {"code": "nix"}).status_code == 422
    assert MLModel.objects.get().code == "model = 2"


def test_a_mended_model_reaches_the_results_that_wait(editor: APIClient, executor: FakeExecutor) -> None:
    model = builders.make_model()
    waiting = builders.make_deployment(model).results.get()
    trained = builders.make_launched(model)
    editor.patch(f"/api/models/{model.pk}/", {"code": "mended"})
    waiting.refresh_from_db()
    trained.refresh_from_db()
    assert (waiting.code, trained.code) == ("mended", "model = 1")


def test_names_are_taken_once_and_are_one_line(editor: APIClient, executor: FakeExecutor) -> None:
    assert editor.post("/api/models/", MODEL).status_code == 201
    for name in ("digits", "", "a\nb", "a\x1b[31m", "\u202e", "x" * 101):
        answer = editor.post("/api/models/", {**MODEL, "name": name})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "name")


def test_a_model_in_use_is_not_deleted(editor: APIClient) -> None:
    model = builders.make_model()
    configuration = builders.make_configuration(model)
    answer = editor.delete(f"/api/models/{model.pk}/")
    assert answer.status_code == 409
    assert answer.json()["users"] == [{"type": "configuration", "id": configuration.pk, "name": configuration.name}]
    configuration.delete()
    assert editor.delete(f"/api/models/{model.pk}/").status_code == 204
    assert editor.get(f"/api/models/{model.pk}/").status_code == 404


def test_no_model_is_above_itself(editor: APIClient, executor: FakeExecutor) -> None:
    top = builders.make_model(distributed=True)
    lower = builders.make_model(distributed=True, upper_model=top)
    answer = editor.patch(f"/api/models/{top.pk}/", {"upper_model": lower.pk})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "upper_model")


def test_lists_show_no_source(viewer: APIClient) -> None:
    builders.make_model(report={"summary": "long", "parameters": 3})
    row = viewer.get("/api/models/").json()["results"][0]
    assert "code" not in row
    assert row["report"] == {"parameters": 3}


def test_frameworks_tell_what_each_argument_means(viewer: APIClient) -> None:
    shown = viewer.get("/api/frameworks/").json()
    assert [(framework["name"], framework["title"]) for framework in shown][:2] == [
        ("tensorflow", "TensorFlow"),
        ("pytorch", "PyTorch"),
    ]
    assert len(shown) == len(Framework)
    fit = shown[0]["arguments"]["fit"]["accepted"]
    assert next(iter(fit)) == "epochs"
    assert fit["epochs"]["default"] == "1"
    purposes = [purpose for framework in shown for purpose in framework["arguments"].values()]
    assert all(
        accepted["meaning"] and accepted["expected"]
        for purpose in purposes
        for accepted in purpose["accepted"].values()
    )
    assert shown[1]["arguments"]["fit"]["accepted"]["max_epochs"]["known_as"] == "epochs"
    assert shown[1]["artifacts"] == ["model.safetensors"]
