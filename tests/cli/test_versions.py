"""``kafka-ml results`` on versions, by the SDK, against answers of the API."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from kafka_ml_cli import results
from kafka_ml_cli.main import app
from kafkaml.errors import ApiError
from kafkaml.sdk.connection import Connection
from kafkaml.sdk.results import Results
from kafkaml.wire.card import CardClass, CardLineage, CardTraining, ModelCard
from kafkaml.wire.choices import Direction, Targets, TrainingMode
from kafkaml.wire.framework import Framework
from kafkaml.wire.outcome import Outcome
from kafkaml.wire.version import Artifact, Comparison, Version, VersionReason

AT = datetime(2026, 11, 1, tzinfo=UTC)
SHA256 = "a" * 64


def version(number: int, **values: Any) -> Version:
    outcome = Outcome(
        seconds=1.0,
        samples={},
        test_metrics={"accuracy": 0.5 + number / 10},
        artifacts={},
        versions={"keras": "3.15"},
        code_sha256=SHA256,
        slice_sha256=SHA256,
    )
    stored = Artifact(name="model.keras", size=7, sha256=SHA256, created_at=AT)
    return Version(
        number=number,
        attempt=1,
        created_at=AT,
        outcome=outcome,
        artifacts=[stored],
        **{"reason": VersionReason.IMPROVED, "current": False, **values},
    )


COMPARISON = Comparison(
    metric="accuracy",
    direction=Direction.UP,
    improvement=0.05,
    champion=1,
    champion_value=0.6,
    challenger_value=0.7,
    samples=100,
)
OLDER, NEWER = version(1, pinned=True), version(2, current=True, comparison=COMPARISON)
CARD = ModelCard(
    result=7,
    model=3,
    name="digits",
    description="",
    framework=Framework.TENSORFLOW,
    code="model = 1",
    imports="",
    version=NEWER,
    data=None,
    training=CardTraining(
        mode=TrainingMode.CLASSIC,
        batch_size=32,
        fit={"epochs": 3},
        evaluation={},
        seed=0,
        split=None,
        targets=Targets.LABELS,
        incremental=None,
    ),
    lineage=CardLineage(
        deployment=5,
        configuration=4,
        configuration_name="numbers",
        asked_by="somebody",
        asked_at=AT,
        promoted_by="",
        promoted_at=None,
    ),
    confusion_matrix=None,
    classes=[CardClass(label="cat", samples=9, predicted=8, recall=8 / 9, precision=1.0)],
)


class Api:
    """Answers from its values; ``sent`` holds method, address and body of all writes."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        place = request.url.path.removeprefix("/api/results/7/")
        if request.method != "GET":
            self.sent.append((request.method, place, json.loads(request.content or b"null")))
        if request.method == "DELETE":
            return httpx.Response(204)
        if place.endswith("artifacts/model.keras/"):
            return httpx.Response(200, content=b"weights" if place.startswith("versions/1/") else b"others")
        answers: dict[str, Any] = {
            "": {"id": 7, "model": 3, "state": "finished", "current_version": 2},
            "versions/": {"count": 2, "next": None, "results": [NEWER.to_json(), OLDER.to_json()]},
            "versions/1/": OLDER.to_json(),
            "versions/1/promote/": OLDER.to_json(),
            "versions/2/card/": CARD.to_json(),
        }
        return httpx.Response(200, json=answers[place]) if place in answers else httpx.Response(404, json={})


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    answering = Api()
    connection = Connection("http://platform", "a token", transport=httpx.MockTransport(answering))
    monkeypatch.setattr(results, "client_of", lambda _context: SimpleNamespace(results=Results(connection)))
    return answering


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["results", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_versions_are_listed_with_what_decided_for_them(api: Api) -> None:
    newer, older = run("versions", "7").splitlines()[1:]
    assert [word for word in ("current", "improved", "accuracy 0.6 -> 0.7", "accuracy 0.7") if word not in newer] == []
    assert [word for word in ("pinned", "accuracy 0.6") if word not in older] == []


def test_a_version_is_promoted_kept_and_deleted(api: Api) -> None:
    assert "is current" in run("promote", "7", "1", "--why", "it is faster")
    run("pin", "7", "1")
    run("unpin", "7", "1")
    run("delete-version", "7", "1")
    assert api.sent == [
        ("POST", "versions/1/promote/", {"why": "it is faster"}),
        ("PATCH", "versions/1/", {"pinned": True}),
        ("PATCH", "versions/1/", {"pinned": False}),
        ("DELETE", "versions/1/", None),
    ]


def test_files_of_another_version_are_downloaded(api: Api, tmp_path: Path) -> None:
    run("download", "7", "--version", "1", "--to", str(tmp_path))
    assert (tmp_path / "model.keras").read_bytes() == b"weights"


def test_the_card_of_the_current_version_is_shown_and_written(api: Api, tmp_path: Path) -> None:
    shown = run("card", "7")
    assert [word for word in ("digits", "somebody", "3.15", "cat", "0.8889") if word not in shown] == []
    run("card", "7", "--to", str(tmp_path / "card.json"))
    assert ModelCard.model_validate_json((tmp_path / "card.json").read_bytes()) == CARD


def test_a_file_that_a_version_lacks_is_named(api: Api, tmp_path: Path) -> None:
    client = results.client_of(None)  # type: ignore[arg-type]
    with pytest.raises(ApiError, match=r"version 1 of result 7 has no model\.onnx: it has model\.keras"):
        client.results.download(7, tmp_path, version=1, names=["model.onnx"])
