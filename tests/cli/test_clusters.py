"""``kafka-ml clusters`` against an API over real HTTP: where a token comes from, and that it is shown nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from kafka_ml_cli.exits import ExitCode
from kafkaml.sdk import Client
from tests.cli.test_cli import run_cli
from tests.local_server import Answer, LocalServer, json_answer

EDGE = {
    "id": 3,
    "name": "edge",
    "host": "https://10.0.0.1:6443",
    "namespace": "jobs",
    "has_token": True,
    "inferences": 2,
}
CHECK = {
    "ok": False,
    "version": "v1.36.0",
    "seconds": 0.1,
    "steps": [
        {"name": "connection", "ok": True, "needed": True, "detail": "Kubernetes v1.36.0", "hint": ""},
        {"name": "pods", "ok": False, "needed": True, "detail": "may not list in jobs", "hint": "bind the role"},
    ],
}
INFERENCE = {"id": 7, "result": 1, "input_topic": "in", "output_topic": "out", "state": "waiting", "cluster": 3}


class Platform(LocalServer):
    """An API with one cluster; ``sent`` holds the bodies of all writes."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str, Any]] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path = path.partition("?")[0]
        if method != "GET":
            self.sent.append((method, path, orjson.loads(body or b"null")))
        answers = {
            ("GET", "/api/clusters/"): {"count": 1, "next": None, "results": [EDGE]},
            ("GET", "/api/clusters/names/"): [{"id": 3, "name": "edge", "keda": False}],
            ("GET", "/api/clusters/3/"): EDGE,
            ("POST", "/api/clusters/"): EDGE,
            ("PATCH", "/api/clusters/3/"): EDGE,
            ("POST", "/api/clusters/3/check/"): CHECK,
            ("POST", "/api/inferences/"): INFERENCE,
            ("PATCH", "/api/inferences/7/"): INFERENCE,
        }
        return json_answer(200, answers[method, path])


@pytest.fixture
def platform() -> Iterator[Platform]:
    with Platform() as server:
        yield server


def test_a_cluster_is_entered_with_the_token_of_a_file(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("canary-token\n")
    (tmp_path / "ca.crt").write_text("PEM")
    done = run_cli(
        *("clusters", "create", "edge", "--host", "https://10.0.0.1:6443", "--namespace", "jobs", "--keda"),
        *("--token-file", str(tmp_path / "token"), "--ca-file", str(tmp_path / "ca.crt")),
        KML_URL=platform.url,
        KML_TOKEN="t",
    )
    assert (done.returncode, "canary" in done.stdout + done.stderr) == (0, False)
    assert "kafka-ml clusters check edge" in done.stdout
    ((method, path, body),) = platform.sent
    assert (method, path) == ("POST", "/api/clusters/")
    assert {name: body[name] for name in ("name", "token", "ca", "keda", "image")} == {
        "name": "edge",
        "token": "canary-token",
        "ca": "PEM",
        "keda": True,
        "image": "",
    }


def test_what_is_not_given_is_not_changed(platform: Platform) -> None:
    done = run_cli(
        *("clusters", "update", "edge", "--kafka", ""), KML_URL=platform.url, KML_TOKEN="t", KML_CLUSTER_TOKEN="new"
    )
    assert done.returncode == 0
    assert platform.sent == [("PATCH", "/api/clusters/3/", {"kafka_bootstrap_servers": "", "token": "new"})]


def test_a_check_shows_what_fails_and_fails_itself(platform: Platform) -> None:
    done = run_cli("clusters", "check", "edge", KML_URL=platform.url, KML_TOKEN="t")
    assert done.returncode == ExitCode.FAILED
    assert "may not list in jobs. bind the role" in done.stdout
    assert "inferences cannot run in cluster edge" in done.stderr


def test_an_inference_names_its_cluster(platform: Platform) -> None:
    create = ("inferences", "create", "1", "--input", "in", "--output", "out", "--cluster")
    assert run_cli(*create, "edge", KML_URL=platform.url, KML_TOKEN="t").returncode == 0
    assert platform.sent[0][2]["cluster"] == 3
    unknown = run_cli(*create, "cloud", KML_URL=platform.url, KML_TOKEN="t")
    assert unknown.returncode == ExitCode.NOT_FOUND
    assert "there is no cluster 'cloud': expected one of edge" in unknown.stderr


def test_the_greatest_number_of_replicas_can_be_set_kept_and_removed(platform: Platform) -> None:
    with Client(platform.url, "t") as client:
        client.inferences.scale(7, 2)
        client.inferences.scale(7, 2, max_replicas=6)
        client.inferences.scale(7, 2, max_replicas=0)
        client.inferences.set_view(7, None)
    assert [body for _, _, body in platform.sent] == [
        {"replicas": 2},
        {"replicas": 2, "max_replicas": 6},
        {"replicas": 2, "max_replicas": None},
        {"visualization": None},
    ]
