"""What deleting would do is shown before; streams and results are deleted alone; what something needs stays."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api.tests import builders
from backend.deployments.models import Deployment, TrainingResult
from backend.events.models import Event
from backend.runs import transitions as runs
from backend.streams.models import Announcement

pytestmark = pytest.mark.django_db


def reported(client: APIClient, kind: str, *ids: int) -> list[dict[str, Any]]:
    answer = client.get(f"/api/{kind}/deletion/", {"ids": ",".join(map(str, ids))})
    assert answer.status_code == 200, answer.json()
    found: list[dict[str, Any]] = answer.json()
    return sorted(found, key=lambda found_object: ids.index(found_object["id"]))


def test_what_goes_and_what_stays_is_reported_many_at_once(viewer: APIClient, editor: APIClient) -> None:
    free, used = builders.make_model(code="a = 1\nmodel = a"), builders.make_model()
    configuration = builders.make_configuration(used)
    goes, stays = reported(viewer, "models", free.pk, used.pk, 999)
    lost = "its code: 2 lines, which nothing else keeps"
    assert (goes["losses"], goes["careful"], goes["obstacle"]) == ([lost], True, None)
    user = {"type": "configuration", "id": configuration.pk, "name": configuration.name}
    assert stays["obstacle"]["users"] == [user]
    assert stays["obstacle"]["detail"] == f"model {used.name!r} is in use by another"
    # Nothing was done, and the deletion itself says the same.
    refused = editor.delete(f"/api/models/{used.pk}/")
    assert (refused.status_code, refused.json()["users"]) == (409, [user])
    assert editor.delete(f"/api/models/{free.pk}/").status_code == 204


@pytest.mark.parametrize("ids", ["", "x", "1,-2", ",".join(["1"] * 101)])
def test_ids_that_are_none_are_refused(viewer: APIClient, ids: str) -> None:
    answer = viewer.get("/api/models/deletion/", {"ids": ids})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "ids")


def test_a_stream_goes_alone_unless_something_was_trained_from_it(viewer: APIClient, editor: APIClient) -> None:
    deployment = builders.make_deployment()
    used, free = builders.make_stream(deployment.pk), builders.make_stream()
    (result,) = deployment.results.all()
    stays, goes = reported(viewer, "streams", used.pk, free.pk)
    assert [user["id"] for user in stays["obstacle"]["users"]] == [result.pk]
    assert goes["obstacle"] is None
    assert editor.delete(f"/api/streams/{used.pk}/").status_code == 409
    assert editor.delete(f"/api/streams/{free.pk}/").status_code == 204
    assert list(Announcement.objects.all()) == [used]
    assert Event.objects.latest("id").payload == {"id": free.pk, "change": "deleted"}
    assert AuditEntry.objects.filter(action="delete", object_type="announcement").count() == 1
    # An earlier version of a run that went on elsewhere needs it just as well.
    trained = builders.make_finished()
    trained.versions.update(stream=used)
    TrainingResult.objects.update(stream=None)
    assert editor.delete(f"/api/streams/{used.pk}/").json()["users"][0]["id"] == trained.pk


def test_a_result_goes_alone_but_not_the_last_one(viewer: APIClient, editor: APIClient) -> None:
    deployment = builders.make_deployment(builders.make_model(), builders.make_model())
    last, first = deployment.results.order_by("id")
    builders.make_stream(deployment.pk)
    assert reported(viewer, "results", first.pk)[0]["losses"] == ["its metrics and logs, and its notes"]
    assert runs.register_attempt(TrainingResult, first.pk)
    busy = editor.delete(f"/api/results/{first.pk}/").json()
    assert (busy["detail"], busy["hint"]) == (f"result {first.pk} is training", "stop it first")
    runs.mark_stopped(TrainingResult, first.pk, 1)
    assert editor.delete(f"/api/results/{first.pk}/").status_code == 204
    assert editor.delete(f"/api/results/{first.pk}/").status_code == 404
    refused = editor.delete(f"/api/results/{last.pk}/").json()
    assert refused["users"] == [{"type": "deployment", "id": deployment.pk, "name": f"deployment {deployment.pk}"}]
    assert editor.delete(f"/api/deployments/{deployment.pk}/").status_code == 204
    assert not Deployment.objects.exists()


def test_what_is_served_stays_with_what_serves_it(viewer: APIClient, editor: APIClient) -> None:
    inference = builders.make_inference()
    user = {"type": "inference", "id": inference.pk, "name": str(inference)}
    builders.make_deployment()
    deployment = inference.result.deployment
    assert reported(viewer, "deployments", deployment.pk)[0]["obstacle"]["users"] == [user]
    assert editor.delete(f"/api/deployments/{deployment.pk}/").json()["users"] == [user]


def test_a_chain_goes_as_a_whole(viewer: APIClient, editor: APIClient) -> None:
    deployment = builders.make_deployment(builders.make_model(), *builders.make_chain())
    leader = deployment.results.exclude(followers=None).distinct().get()
    follower = leader.followers.order_by("id")[0]
    obstacle = reported(viewer, "results", follower.pk)[0]["obstacle"]
    assert [user["id"] for user in obstacle["users"]] == [leader.pk]
    assert editor.delete(f"/api/results/{leader.pk}/").status_code == 204
    assert deployment.results.count() == 1


def test_a_trained_model_is_deleted_with_care(viewer: APIClient) -> None:
    result = builders.make_finished()
    (found,) = reported(viewer, "deployments", result.deployment_id)
    assert found["careful"]
    assert found["losses"][0] == "1 training run with metrics and logs"
    assert found["losses"][1].startswith(f"the trained model {result.model.name} (result {result.pk}, ")
    assert not reported(viewer, "deployments", builders.make_deployment().pk)[0]["careful"]
