"""Data sets through the API, of a topic on a real broker: made, versioned, announced, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.deployments.models import Deployment
from backend.streams.models import OutboxMessage
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.control import ControlMessage, deployment_id_from_key
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from tests.conftest import TestBroker

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)
CONTRACT: dict[str, Any] = {
    "format": "JSON",
    "fields": [{"path": ["a"], "kind": "number"}, {"path": ["ok"], "kind": "boolean"}],
    "columns": [{"name": "a", "expression": "a * 2"}],
    "labels": [{"name": "ok", "expression": "ok", "kind": "class"}],
}


@pytest.fixture
def readings(broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> str:
    """A topic of one partition, a record a minute from ``BEGAN`` on."""
    monkeypatch.setenv("KML_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    topic = broker.topic(1, retention_ms=-1)
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    for place in range(10):
        value = orjson.dumps({"a": place, "ok": place % 2 == 0})
        time_ms = int((BEGAN + timedelta(minutes=place)).timestamp() * 1000)
        writer.write(OutgoingRecord(topic, value, b"m1", timestamp_ms=time_ms, partition=0))
    writer.flush(60)
    writer.close()
    return topic


def body(topic: str, **changes: Any) -> dict[str, Any]:
    return {"name": "readings", "slice": {"topic": topic}, "contract": CONTRACT, **changes}


def made(client: APIClient, topic: str, **changes: Any) -> Any:
    answer = client.post("/api/datasets/", body(topic, **changes))
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_data_set_is_a_slice_and_a_contract_in_versions(editor: APIClient, readings: str) -> None:
    dataset = made(editor, readings, test_rate=0.3)
    assert [version_row["number"] for version_row in dataset["versions"]] == [1]
    version = dataset["versions"][0]
    assert (version["ranges"], version["records"], version["test_rate"]) == (f"{readings}:0:0:10", 10, 0.3)
    # Defaults are stored, so that a version means the same forever.
    assert version["contract"]["columns"][0]["missing"] == "drop"
    place = f"/api/datasets/{dataset['id']}/"
    for part, ranges in [
        (
            {"since": (BEGAN + timedelta(minutes=2)).isoformat(), "until": (BEGAN + timedelta(minutes=5)).isoformat()},
            "2:5",
        ),
        ({"partition": 0, "start": 7, "end": 9}, "7:9"),
    ]:
        answer = editor.post(f"{place}versions/", {"slice": {"topic": readings, **part}, "contract": CONTRACT})
        assert answer.status_code == 201, answer.content
        assert answer.json()["ranges"] == f"{readings}:0:{ranges}"
    assert [version_row["number"] for version_row in editor.get(place).json()["versions"]] == [3, 2, 1]
    changed = editor.patch(place, {"description": "of the pumps"}).json()
    assert (changed["name"], changed["description"]) == ("readings", "of the pumps")
    assert [result["id"] for result in editor.get("/api/datasets/", {"search": "read"}).json()["results"]] == [
        dataset["id"]
    ]
    assert editor.delete(place).status_code == 204
    assert editor.get(place).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field", "detail"),
    [
        ({"name": ""}, "name", "not empty"),
        ({"slice": {"topic": "no-such-topic-here"}}, "", "no-such-topic-here"),
        ({"slice": {"start": 3, "end": 20}}, "end", "0 to 10"),
        ({"slice": {"since": "2026-02-01T00:00:00Z"}}, "slice.since", "no records of that time"),
        ({"slice": {"start": 3, "since": "2026-01-01T00:00:00Z"}}, "slice.since", "offsets or times"),
        ({"contract": {**CONTRACT, "column": []}}, "contract.column", "no such setting"),
        ({"contract": {**CONTRACT, "columns": [{"name": "a"}]}}, "contract.columns.0.expression", "required"),
        (
            {"contract": {**CONTRACT, "columns": [{"name": "a", "expression": "b"}]}},
            "contract.columns.0.expression",
            "no field b",
        ),
        (
            {"contract": {**CONTRACT, "columns": [{"name": "a", "expression": "a || 'x'"}]}},
            "contract.columns.0.expression",
            "expected a text",
        ),
        ({"contract": {**CONTRACT, "window": {"length": 3}}}, "contract.split", "windows share records"),
        (
            {"contract": {**CONTRACT, "key": "none", "columns": [{"name": "a", "expression": "a", "missing": "last"}]}},
            "contract.key",
            "records have no keys",
        ),
        (
            {
                "contract": {
                    **CONTRACT,
                    "columns": [*CONTRACT["columns"], {"name": "b", "expression": "a", "input": "b"}],
                }
            },
            "contract.columns.0.input",
            "names no input of the model, and others name b",
        ),
        ({"contract": {**CONTRACT, "format": "AVRO"}}, "contract", "scheme"),
        ({"validation_rate": 0.6, "test_rate": 0.5}, "test_rate", "nothing to train on"),
        ({"slice": {"online": True, "end": 5}}, "slice.end", "with an end: expected since alone"),
        ({"slice": {"fit_records": 5}}, "slice.fit_records", "expected online as well"),
        ({"slice": {"online": True}, "test_rate": 0.1}, "test_rate", "what validates tests"),
        (
            {
                "slice": {"online": True},
                "contract": {**CONTRACT, "window": {"length": 3, "horizon": 1}, "split": "key"},
            },
            "contract.window.horizon",
            "still to come",
        ),
        (
            {"slice": {"online": True}, "contract": {**CONTRACT, "window": {"length": 3}, "split": "time"}},
            "contract.split",
            "windows go on",
        ),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_wrong(
    editor: APIClient, readings: str, changes: dict[str, Any], field: str, detail: str
) -> None:
    changes = {**changes, "slice": {"topic": readings, **changes.get("slice", {})}}
    answer = editor.post("/api/datasets/", body(readings, **changes))
    document = answer.json()
    assert answer.status_code in (400, 404, 422), document
    reply = {error["field"]: error["detail"] for error in document.get("errors", [])} or {"": document["detail"]}
    assert field in reply, reply
    assert detail in reply[field] + document["detail"], document
    assert editor.get("/api/datasets/").json()["count"] == 0


def announced() -> list[tuple[int, ControlMessage]]:
    return [
        (deployment_id_from_key(bytes(message.key)), ControlMessage.from_bytes(bytes(message.value)))
        for message in OutboxMessage.objects.order_by("id")
    ]


def test_a_deployment_trains_on_it(editor: APIClient, readings: str) -> None:
    dataset = made(editor, readings, name="pumps")
    configuration = builders.make_configuration(builders.make_model()).pk
    answer = editor.post("/api/deployments/", {"configuration": configuration, "dataset": dataset["id"]})
    assert answer.status_code == 201, answer.content
    first = answer.json()
    assert first["dataset"] == {"id": dataset["id"], "name": "pumps", "version": 1}
    waiting = builders.make_deployment(builders.make_model())
    made_for_it = editor.get(f"/api/deployments/?dataset={dataset['id']}").json()["results"]
    assert [deployment["id"] for deployment in made_for_it] == [first["id"]]
    for status in (202, 202):
        # The same once more is written once.
        reply = editor.post(f"/api/datasets/{dataset['id']}/train/", {"deployment": waiting.pk})
        assert reply.status_code == status, reply.content
    assert [number for number, _ in announced()] == [first["id"], waiting.pk]
    message = announced()[0][1]
    assert (message.input_format, message.input_config["contract"]["columns"][0]["expression"]) == ("COLUMNS", "a * 2")
    assert message.input_config["dataset"] == {"id": dataset["id"], "name": "pumps", "version": 1}
    # What was trained on it stays when it is deleted.
    assert editor.delete(f"/api/datasets/{dataset['id']}/").status_code == 204
    assert editor.get(f"/api/deployments/{first['id']}/").json()["dataset"] is None


def test_one_without_end_is_learnt_by_a_deployment_that_goes_on(editor: APIClient, readings: str) -> None:
    since = BEGAN + timedelta(minutes=4)
    dataset = made(editor, readings, slice={"topic": readings, "online": True, "since": since.isoformat()})
    (version,) = dataset["versions"]
    assert {name: version[name] for name in ("ranges", "records", "online", "fit_records", "test_rate")} == {
        "ranges": readings,
        "records": None,
        "online": True,
        "fit_records": 1000,
        "test_rate": 0.0,
    }
    assert datetime.fromisoformat(version["since"]) == since
    configuration = builders.make_configuration(builders.make_model()).pk
    asked = {"configuration": configuration, "dataset": dataset["id"]}
    semi_supervised = {"mode": "incremental", "semi_supervised": {"confidence": 0.9}}
    for change, reply in [({}, "has an end (classic)"), (semi_supervised, "without an unlabelled topic")]:
        answer = editor.post("/api/deployments/", {**asked, **change})
        assert answer.status_code == 400, answer.content
        assert [error["field"] for error in answer.json()["errors"]] == ["dataset"]
        assert reply in answer.json()["detail"]
    answer = editor.post("/api/deployments/", {**asked, "mode": "incremental", "incremental": {"indefinite": True}})
    assert answer.status_code == 201, answer.content
    ((_, message),) = announced()
    assert (message.incremental, message.since_ms, message.total_msg) == (True, int(since.timestamp() * 1000), None)
    assert message.input_config["fit_records"] == 1000
    whole = editor.post(
        f"/api/datasets/{dataset['id']}/versions/",
        {**body(readings), "slice": {"topic": readings, "online": True, "fit_records": 50}},
    ).json()
    assert (datetime.fromisoformat(whole["since"]).timestamp(), whole["fit_records"]) == (0, 50)


def test_a_deployment_that_cannot_train_on_it_is_refused(editor: APIClient, readings: str) -> None:
    dataset = made(editor, readings)
    configuration = builders.make_configuration(builders.make_model()).pk
    for asked, field in [
        ({"dataset": dataset["id"], "dataset_version": 2}, "dataset_version"),
        ({"dataset_version": 1}, "dataset_version"),
        ({"dataset": dataset["id"], "split": "time"}, "split"),
        ({"dataset": dataset["id"], "mode": "incremental"}, "dataset"),
        ({"dataset": 10**9}, "dataset"),
    ]:
        answer = editor.post("/api/deployments/", {"configuration": configuration, **asked})
        assert answer.status_code == 400, answer.content
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert announced() == []


def test_a_model_that_cannot_learn_by_the_contract_is_refused_where_it_is_chosen(
    editor: APIClient, readings: str
) -> None:
    dataset = made(editor, readings)
    report = {
        "inputs": [{"name": "x", "shape": [None, 4], "dtype": "float32"}],
        "outputs": [{"name": "y", "shape": [None, 1], "dtype": "float32"}],
        "labels": "binary",
    }
    model = builders.make_model(name="pumps", report=report)
    configuration = builders.make_configuration(model).pk
    waiting = builders.make_deployment(model)
    for place, body, field in [
        ("/api/deployments/", {"configuration": configuration, "dataset": dataset["id"]}, "dataset"),
        (f"/api/datasets/{dataset['id']}/train/", {"deployment": waiting.pk}, "deployment"),
    ]:
        answer = editor.post(place, body)
        assert answer.status_code == 400, answer.content
        (error,) = answer.json()["errors"]
        assert error["field"] == field
        assert error["detail"] == (
            "pumps cannot learn it: the contract makes samples of the shape (1,), 1 column (a): the model's input 'x' "
            "takes (4,)"
        )
    assert announced() == []
    # The form shows problems while it is filled in, also of the mode.
    asked = {"configuration": configuration, "dataset": dataset["id"]}
    for more, detail in ({}, "cannot learn it"), ({"mode": "incremental"}, "this one has an end"):
        (error,) = editor.post("/api/deployments/check/", {**asked, **more}).json()["errors"]
        assert (error["field"], detail in error["detail"]) == ("dataset", True)


def test_more_classes_than_a_model_has_outputs_are_seen_before_it_trains(editor: APIClient, readings: str) -> None:
    label = {"name": "kind", "expression": "CAST(a AS TEXT)", "kind": "class"}
    dataset = made(editor, readings, contract={**CONTRACT, "labels": [label]})
    report = {
        "inputs": [{"name": "x", "shape": [None, 1], "dtype": "float32"}],
        "outputs": [{"name": "y", "shape": [None, 1], "dtype": "float32"}],
        "labels": "binary",
    }
    configuration = builders.make_configuration(builders.make_model(name="pumps", report=report)).pk
    answer = editor.post("/api/deployments/", {"configuration": configuration, "dataset": dataset["id"]})
    (error,) = answer.json()["errors"]
    assert (error["field"], "label 'kind' has 10 classes" in error["detail"]) == ("dataset", True)
    assert error["hint"] == "give the last layer 10 units and use a categorical crossentropy"
    assert Deployment.objects.count() == 0
