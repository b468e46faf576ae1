"""Other clusters through the API: who may do what, where tokens are sent, which addresses are refused."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import serializers as dump
from django.db import connection
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api.actors import SYSTEM
from backend.api.addresses import AddressRefused
from backend.api.tests import builders
from backend.clusters import services
from backend.clusters.addresses import check_address
from backend.clusters.connection import settings_of
from backend.clusters.launching import connect
from backend.clusters.models import Cluster
from backend.config.environment import environment
from backend.events.models import Event
from backend.inferences import deleting
from backend.inferences.models import Inference
from backend.inferences.placements import placements
from backend.runs import services as run_services
from backend.runs import transitions as runs
from kafkaml.errors import SettingsError
from tests.certificates import Certificate, make_certificate
from tests.fake_cluster_api import FakeClusterApi
from tests.local_server import Answer, json_answer

pytestmark = pytest.mark.django_db

TOKEN = "eyJhbGciOiJSUzI1NiJ9.canary-of-this-test.c2lnbmF0dXJl"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def api(certificate: Certificate, configure: Callable[..., None]) -> Iterator[FakeClusterApi]:
    """An API server at an inside address that the setting allows."""
    configure(allowed_clusters="127.0.0.1")
    with FakeClusterApi(certificate, token=TOKEN) as server:
        yield server


def body(api: FakeClusterApi, **values: Any) -> dict[str, Any]:
    return {
        "name": "edge",
        "host": api.url,
        "ca": api.certificate.pem,
        "namespace": "jobs",
        "token": TOKEN,
        **values,
    }


def make(api: FakeClusterApi, **values: Any) -> Cluster:
    return services.create_cluster(actor=SYSTEM, **body(api, **values))


def steps(admin: APIClient, cluster: Cluster) -> dict[str, dict[str, Any]]:
    answer = admin.post(f"/api/clusters/{cluster.pk}/check/")
    assert answer.status_code == 200
    return {step["name"]: step for step in answer.json()["steps"]}


# --- entering, changing, deleting ----------------------------------------------------------------------------------


def test_a_cluster_is_entered_shown_changed_and_deleted(admin: APIClient, api: FakeClusterApi) -> None:
    answer = admin.post("/api/clusters/", body(api, kafka_bootstrap_servers="kafka.example.org:9094, b:1"))
    assert answer.status_code == 201
    made = answer.json()
    assert {name: made[name] for name in ("name", "namespace", "kafka_bootstrap_servers", "backend_url", "keda")} == {
        "name": "edge",
        "namespace": "jobs",
        "kafka_bootstrap_servers": "kafka.example.org:9094,b:1",
        "backend_url": "",
        "keda": False,
    }
    assert (made["has_token"], made["inferences"]) == (True, 0)
    path = f"/api/clusters/{made['id']}/"
    assert admin.patch(path, {"backend_url": "https://ml.example.org/", "keda": True}).json()["keda"] is True
    assert admin.get(path).json()["backend_url"] == "https://ml.example.org"
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404


def test_everybody_sees_the_names_and_only_admins_the_rest(
    viewer: APIClient, editor: APIClient, api: FakeClusterApi
) -> None:
    cluster = make(api, keda=True)
    for client in (viewer, editor):
        assert client.get("/api/clusters/names/").json() == [{"id": cluster.pk, "name": "edge", "keda": True}]
        assert client.get("/api/clusters/").status_code == 403
        assert client.get(f"/api/clusters/{cluster.pk}/").status_code == 403


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", {"name": "Edge"}),
        ("name", {"name": "-edge"}),
        ("name", {"name": "e" * 64}),
        ("host", {"host": "http://127.0.0.1:6443"}),
        ("host", {"host": "https://user:password@127.0.0.1:6443"}),
        ("host", {"host": "https://127.0.0.1:6443/?a=b"}),
        ("host", {"host": "https://127.0.0.1:99999"}),
        ("host", {"host": "https://["}),
        ("host", {"host": "https://:6443"}),
        ("host", {"host": f"https://{'a' * 80}.example.org"}),
        ("host", {"host": "https://no-such-host.invalid"}),
        ("ca", {"ca": "not a certificate"}),
        ("ca", {"ca": "-----BEGIN CERTIFICATE-----\nÄ\n-----END CERTIFICATE-----"}),
        ("ca", {"ca": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"}),
        ("namespace", {"namespace": "a/b"}),
        ("kafka_bootstrap_servers", {"kafka_bootstrap_servers": "a:1/etc/passwd"}),
        ("backend_url", {"backend_url": "file:///etc/passwd"}),
        ("backend_url", {"backend_url": "https://ml:99999"}),
        ("image", {"image": "a image"}),
        ("image", {"image": "kafka-ml/{other}:1"}),
        ("gpu_resource", {"gpu_resource": "gpu"}),
        ("token", {"token": "a token\r\nX-Header: 1"}),
        ("token", {"token": ""}),
    ],
)
def test_wrong_fields_are_named(field: str, values: dict[str, Any], admin: APIClient, api: FakeClusterApi) -> None:
    answer = admin.post("/api/clusters/", body(api, **values))
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert not Cluster.objects.exists()


def test_two_clusters_have_two_names(admin: APIClient, api: FakeClusterApi) -> None:
    make(api)
    answer = admin.post("/api/clusters/", body(api))
    assert (answer.status_code, answer.json()["errors"][0]["detail"]) == (400, "a cluster of this name exists")


def test_a_cluster_with_inferences_stays_where_it_is(admin: APIClient, api: FakeClusterApi) -> None:
    cluster = make(api)
    inference = builders.make_inference(cluster=cluster, input_topic="in", output_topic="out")
    path = f"/api/clusters/{cluster.pk}/"
    users = [{"type": "inference", "id": inference.pk, "name": "in -> out"}]
    refused = admin.delete(path)
    assert (refused.status_code, refused.json()["users"]) == (409, users)
    moved = admin.patch(path, {"namespace": "other"})
    assert (moved.status_code, moved.json()["users"]) == (409, users)
    # What does not move it may change, and so may anything when nothing runs.
    assert admin.patch(path, {"namespace": "jobs", "image": "r:5000/kafka-ml/{component}:2"}).status_code == 200
    run_services.stop(inference, actor=SYSTEM)
    assert admin.patch(path, {"namespace": "other"}).status_code == 200
    assert admin.delete(path).status_code == 409
    deleting.delete_inference(inference, actor=SYSTEM)
    assert admin.delete(path).status_code == 204


# --- the token -----------------------------------------------------------------------------------------------------


def test_a_token_goes_into_a_file_and_nowhere_else(
    admin: APIClient, api: FakeClusterApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = [admin.post("/api/clusters/", body(api)).content]
    pk = Cluster.objects.get().pk
    path = f"/api/clusters/{pk}/"
    said += [
        admin.get(path).content,
        admin.get("/api/clusters/").content,
        admin.post(f"{path}check/").content,
        admin.patch(path, {"token": TOKEN}).content,
        admin.patch(path, {"token": f"{TOKEN} and a blank"}).content,
        admin.get("/api/audit/").content,
        *(dump.serialize("json", model.objects.all()).encode() for model in (Cluster, AuditEntry, Event)),
        caplog.text.encode(),
    ]
    assert [printed for printed in said if b"canary" in printed] == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM clusters_cluster")
        assert "canary" not in str(cursor.fetchall())
    folder = environment().state_dir / "secrets" / "clusters"
    kept = folder / str(pk)
    assert (kept.read_text(), oct(kept.stat().st_mode & 0o777)) == (TOKEN, "0o600")
    assert oct(folder.stat().st_mode & 0o777) == "0o700"
    # The check has written the authority next to it, and no half-written files are left.
    assert sorted(kept_file.name for kept_file in folder.iterdir()) == [str(pk), f"{pk}.crt"]


def test_a_deleted_cluster_leaves_no_token(
    admin: APIClient, api: FakeClusterApi, django_capture_on_commit_callbacks: Any
) -> None:
    cluster = make(api)
    with django_capture_on_commit_callbacks(execute=True):
        assert admin.delete(f"/api/clusters/{cluster.pk}/").status_code == 204
    assert list((environment().state_dir / "secrets" / "clusters").iterdir()) == []


def test_a_token_that_cannot_be_kept_leaves_no_cluster(admin: APIClient, api: FakeClusterApi) -> None:
    (environment().state_dir / "secrets").write_text("a file where a folder should be")
    answer = admin.post("/api/clusters/", body(api))
    assert (answer.status_code, "canary" in answer.content.decode()) == (503, False)
    assert not Cluster.objects.exists()


@pytest.mark.parametrize("change", [{"host": "https://127.0.0.1:1"}, {"ca": ""}])
def test_a_kept_token_is_not_sent_to_another_address(
    change: dict[str, str], admin: APIClient, api: FakeClusterApi
) -> None:
    path = f"/api/clusters/{make(api).pk}/"
    refused = admin.patch(path, change)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "token")
    assert admin.patch(path, {**change, "token": "another"}).status_code == 200
    assert admin.patch(path, {"name": "renamed"}).status_code == 200


# --- addresses -----------------------------------------------------------------------------------------------------

INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "[::1]",
    "[fd00::1]",
    "[fe80::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a00:1]",
    "2130706433",
    "localhost",
]


@pytest.mark.parametrize("host", INSIDE)
def test_addresses_inside_are_refused(host: str, admin: APIClient, api: FakeClusterApi, configure: Any) -> None:
    configure(allowed_clusters="")
    answer = admin.post("/api/clusters/", body(api, host=f"https://{host}:6443"))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "host")
    assert "KML_ALLOWED_CLUSTERS" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("allowed", ["*", "10.1.2.3", "other, 10.1.2.3:6443", "EDGE.example.org,10.1.2.3"])
def test_a_setting_allows_addresses_inside(allowed: str, configure: Any) -> None:
    configure(allowed_clusters=allowed)
    check_address("https://10.1.2.3:6443")
    configure(allowed_clusters="10.1.2.3:6444,1.2.3")
    with pytest.raises(AddressRefused):
        check_address("https://10.1.2.3:6443")


def test_addresses_outside_need_no_setting(configure: Any) -> None:
    configure(allowed_clusters="")
    check_address("https://8.8.8.8:6443/k8s/clusters/c-1")
    check_address("https://[2606:4700::1111]")


def test_a_name_that_means_an_inside_address_by_now_is_not_connected_to(
    admin: APIClient, api: FakeClusterApi, configure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(allowed_clusters="")
    resolves_to = ["8.8.8.8"]
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, port, **_: [(2, 1, 6, "", (address, port)) for address in resolves_to]
    )
    cluster = make(api, host="https://cluster.example.org")
    assert settings_of(cluster).host == "https://cluster.example.org"
    resolves_to.append("169.254.169.254")
    with pytest.raises(AddressRefused, match=r"cluster.example.org is an address inside \(169.254.169.254\)"):
        settings_of(cluster)
    assert steps(admin, cluster)["connection"]["ok"] is False
    assert api.requests == []


# --- the check -----------------------------------------------------------------------------------------------------


def test_a_check_says_what_works(admin: APIClient, api: FakeClusterApi) -> None:
    answer = admin.post(f"/api/clusters/{make(api).pk}/check/").json()
    assert (answer["ok"], answer["version"]) == (True, "v1.36.0")
    reported = {step["name"]: step["detail"] for step in answer["steps"]}
    assert reported == {
        "connection": "Kubernetes v1.36.0",
        "namespace": "jobs is there",
        "jobs": "may get, list, watch, create and delete",
        "statefulsets": "may get, list, watch, create, patch and delete",
        "secrets": "may create and patch",
        "poddisruptionbudgets": "may create and patch",
        "pods": "may list, watch and delete",
        "events": "may list and watch",
        "pods/log": "may get",
    }


def test_each_missing_right_is_named(admin: APIClient, api: FakeClusterApi) -> None:
    api.refused = {("statefulsets", "", "patch"), ("statefulsets", "", "delete"), ("pods", "log", "get")}
    found = steps(admin, make(api))
    assert [name for name, step in found.items() if not step["ok"]] == ["statefulsets", "pods/log"]
    assert found["statefulsets"]["detail"] == "may not patch and delete in jobs"
    assert "docs/clusters.md" in found["statefulsets"]["hint"]


def test_keda_is_looked_for(admin: APIClient, api: FakeClusterApi) -> None:
    cluster = make(api, keda=True)
    answer = admin.post(f"/api/clusters/{cluster.pk}/check/").json()
    keda = next(step for step in answer["steps"] if step["name"] == "keda")
    # Inferences run all the same.
    assert (answer["ok"], keda["ok"], keda["needed"]) == (True, False, False)
    assert ("scaledobjects", "", "create") in api.asked
    api.has_keda = True
    assert steps(admin, cluster)["keda"]["detail"] == "KEDA is installed"
    services.update_cluster(cluster, actor=SYSTEM, keda=False)
    assert "not in use" in steps(admin, cluster)["keda"]["detail"]


def test_a_namespace_that_is_not_there_is_said(admin: APIClient, api: FakeClusterApi) -> None:
    found = steps(admin, make(api, namespace="elsewhere"))
    assert (found["namespace"]["ok"], found["namespace"]["detail"]) == (False, "there is no namespace elsewhere")
    assert found["namespace"]["hint"] == "kubectl create namespace elsewhere"


def test_a_token_without_a_look_at_the_namespace_will_do(admin: APIClient, api: FakeClusterApi) -> None:
    api.answers["/api/v1/namespaces/jobs"] = json_answer(403, {"kind": "Status", "message": "forbidden"})
    assert admin.post(f"/api/clusters/{make(api).pk}/check/").json()["ok"] is True


def test_a_token_that_is_refused_is_said(admin: APIClient, api: FakeClusterApi) -> None:
    found = steps(admin, make(api, token="another-token"))
    assert list(found) == ["connection"]
    assert "Unauthorized" in found["connection"]["detail"]
    assert "token" in found["connection"]["hint"]


def test_a_certificate_that_nobody_vouches_for_is_refused(
    admin: APIClient, api: FakeClusterApi, tmp_path: Path
) -> None:
    for ca in ("", make_certificate(tmp_path / "other").pem):
        cluster = make(api, ca=ca, name=f"edge{len(ca)}")
        found = steps(admin, cluster)["connection"]
        assert (found["ok"], "certificate verify failed" in found["detail"]) == (False, True)
    # It was not sent a token.
    assert api.requests == []


def test_a_server_that_is_not_a_cluster_is_said(admin: APIClient, api: FakeClusterApi) -> None:
    api.answers["/version"] = json_answer(200, {"welcome": "to another product"})
    assert "is not Kubernetes" in steps(admin, make(api))["connection"]["detail"]
    api.answers["/version"] = Answer(200, b"<html>")
    assert steps(admin, Cluster.objects.get())["connection"]["ok"] is False


def test_a_redirection_is_not_followed(admin: APIClient, api: FakeClusterApi) -> None:
    api.answers["/version"] = Answer(302, b"", {"Location": f"{api.url}/inside"})
    assert steps(admin, make(api))["connection"]["ok"] is False
    assert api.requests == [("GET", "/version")]


def test_nobody_there_is_said_at_once(admin: APIClient, api: FakeClusterApi) -> None:
    cluster = make(api)
    api.stop()
    found = steps(admin, cluster)
    assert (list(found), found["connection"]["ok"]) == (["connection"], False)
    assert "refused" in found["connection"]["detail"]


def test_a_token_that_is_lost_is_said(admin: APIClient, api: FakeClusterApi) -> None:
    cluster = make(api)
    (environment().state_dir / "secrets" / "clusters" / str(cluster.pk)).unlink()
    assert admin.get(f"/api/clusters/{cluster.pk}/").json()["has_token"] is False
    assert steps(admin, cluster)["connection"]["hint"] == "give its token again"


# --- inferences in it ----------------------------------------------------------------------------------------------


def test_an_inference_is_put_into_a_cluster(editor: APIClient, api: FakeClusterApi) -> None:
    cluster = make(api)
    wanted = {"result": builders.make_finished().pk, "input_topic": "in", "output_topic": "out"}
    shown = editor.post("/api/inferences/", {**wanted, "cluster": cluster.pk}).json()
    assert (shown["cluster"], shown["cluster_name"], shown["guarantee"]) == (cluster.pk, "edge", "exactly_once")
    own = editor.post("/api/inferences/", {**wanted, "output_topic": "own"}).json()
    assert (own["cluster"], own["cluster_name"]) == (None, "")
    # It stays there.
    assert editor.patch(f"/api/inferences/{shown['id']}/", {"cluster": None}).json()["cluster"] == cluster.pk
    unknown = editor.post("/api/inferences/", {**wanted, "cluster": 4711}).json()["errors"]
    assert unknown[0]["field"] == "cluster"


def test_the_lag_chooses_replicas_where_the_cluster_has_keda(editor: APIClient, api: FakeClusterApi) -> None:
    result = builders.make_finished().pk
    wanted = {"result": result, "input_topic": "in", "output_topic": "out", "max_replicas": 4}
    cluster = make(api)
    (refused,) = editor.post("/api/inferences/", {**wanted, "cluster": cluster.pk}).json()["errors"]
    assert (refused["field"], "KEDA is not in use in cluster edge" in refused["detail"]) == ("max_replicas", True)
    services.update_cluster(cluster, actor=SYSTEM, keda=True)
    assert editor.post("/api/inferences/", {**wanted, "cluster": cluster.pk}).status_code == 201


def test_the_controller_knows_where_work_is(api: FakeClusterApi) -> None:
    assert (dict(placements().clusters), dict(placements().names)) == ({}, {})
    cluster = make(api)
    running, begun, ended = (builders.make_inference(cluster=cluster) for _ in range(3))
    own = builders.make_inference()
    for inference in (running, ended, own):
        runs.register_attempt(Inference, inference.pk)
    Inference.objects.filter(pk=ended.pk).update(state="stopped")
    reported = placements()
    # One that never began has no work.
    assert dict(reported.names) == {f"kml-infer-{running.pk}-a1": "edge"}
    assert begun.attempt == 0
    services.update_cluster(cluster, actor=SYSTEM, token="another")
    assert placements().clusters["edge"] != reported.clusters["edge"]


def test_another_cluster_is_connected_to_by_its_own_settings(
    api: FakeClusterApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KML_KUBERNETES_NODE_SELECTOR", '{"disk": "ssd"}')
    monkeypatch.setenv("KML_KUBERNETES_KUEUE_QUEUE", "here")
    monkeypatch.setenv("KUBE_HOST", "https://our-own:6443")
    monkeypatch.setenv("KUBE_TOKEN", "our-own-token")
    monkeypatch.setenv("KML_KUBERNETES_IMAGE", "ours/{component}:1")
    settings = settings_of(make(api, gpu_resource="nvidia.com/mig-1g.10gb"))
    assert (settings.host, settings.namespace, settings.gpu_resource) == (api.url, "jobs", "nvidia.com/mig-1g.10gb")
    assert (settings.node_selector, settings.kueue_queue, settings.image) == ({}, "", "ours/{component}:1")
    assert settings.token.get_secret_value() == ""
    assert Path(settings.token_file).read_text() == TOKEN
    assert Path(settings.ca_file).read_text() == api.certificate.pem


@pytest.mark.django_db(transaction=True)
def test_the_controller_connects_as_the_row_says(api: FakeClusterApi, configure: Callable[..., None]) -> None:
    make(api)
    # Nothing is asked of it before there is something to do.
    connect("edge").close()
    configure(allowed_clusters="")
    with pytest.raises(AddressRefused):
        connect("edge")
    with pytest.raises(SettingsError, match="cluster 'gone' was deleted"):
        connect("gone")
