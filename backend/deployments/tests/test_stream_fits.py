"""Streams and data sets that models cannot learn: shown in advance and refused, where the declarations are certain."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.datasets.models import Dataset, DatasetVersion
from backend.deployments.models import Deployment
from backend.streams.models import Announcement, OutboxMessage
from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import StreamRange

pytestmark = pytest.mark.django_db

DIGITS = {"data_type": "uint8", "data_reshape": "28 28"}
ROWS = {"data_type": "float32", "data_reshape": "3"}
SCHEMA = '{"type": "record", "name": "r", "fields": [{"name": "a", "type": "float"}, {"name": "b", "type": "float"}]}'
COLUMN = {"name": "a", "expression": "a"}
CONTRACT = {"format": "JSON", "fields": [{"path": ["a"], "kind": "number"}], "columns": [COLUMN]}
NOT_THREE = "cannot learn it: the stream's samples have the shape (3,): the model's input 'x' expects (28, 28)"


def stream(input_format: InputFormat, config: dict[str, Any], deployment: int | None = None) -> Announcement:
    message = ControlMessage(ranges=(StreamRange("t", 0, 0, 9),), input_format=input_format, input_config=config)
    return builders.make_stream(deployment, value=message.to_bytes())


def takes(*shape: int | None, framework: str = "tensorflow", **report: Any) -> Deployment:
    described = {"name": "x", "shape": [None, *shape], "dtype": "float32"}
    model = builders.make_model(framework=framework, report={"inputs": [described], "parameters": 1, **report})
    return builders.make_deployment(model)


def reason_of(client: APIClient, deployment: Deployment, of: Announcement) -> str:
    rows = client.get(f"/api/deployments/{deployment.pk}/streams/").json()
    return next(str(row["reason"]) for row in rows if row["stream"] == of.pk)


@pytest.mark.parametrize(
    ("input_format", "config", "reason"),
    [
        (InputFormat.RAW, DIGITS, ""),
        # An axis of size 1 is added and taken.
        (InputFormat.RAW, {**DIGITS, "data_reshape": "28 28 1"}, ""),
        (InputFormat.RAW, ROWS, NOT_THREE),
        (InputFormat.AVRO, {"data_scheme": SCHEMA}, "samples have the shape (2,)"),
        # Only the records tell.
        (InputFormat.JSON, {}, ""),
        (InputFormat.RAW, {"data_type": "uint8"}, ""),
        # The unknown type is reported only when records are read.
        (InputFormat.RAW, {"data_type": "no type"}, ""),
        (InputFormat.COLUMNS, {"contract": CONTRACT}, "the contract makes samples of the shape (1,), 1 column (a)"),
    ],
)
def test_a_stream_of_another_shape_is_reported_and_refused(
    editor: APIClient, input_format: InputFormat, config: dict[str, Any], reason: str
) -> None:
    deployment, of = takes(28, 28), stream(input_format, config)
    reported = reason_of(editor, deployment, of)
    assert (reason in reported, bool(reported)) == (True, bool(reason)), reported
    answer = editor.post(f"/api/streams/{of.pk}/send/", {"deployment": deployment.pk})
    assert answer.status_code == (400 if reason else 202), answer.json()
    assert OutboxMessage.objects.exists() is not bool(reason)
    if reason:
        assert answer.json()["errors"] == [{**answer.json()["errors"][0], "field": "deployment", "detail": reported}]


def test_of_a_pytorch_model_only_what_it_was_seen_to_refuse_is_certain(viewer: APIClient) -> None:
    rows = stream(InputFormat.RAW, ROWS)
    assert reason_of(viewer, takes(5, framework="pytorch"), rows) == ""
    assert "shape (3,)" in reason_of(viewer, takes(5, framework="pytorch", proven=True), rows)
    assert reason_of(viewer, takes(28, 28, framework="pytorch", proven=True), rows) == ""


def test_a_stream_of_the_other_kind_says_so_there_too(viewer: APIClient) -> None:
    deployment = builders.make_deployment(mode="incremental", incremental={})
    assert "learns an online stream" in reason_of(viewer, deployment, stream(InputFormat.RAW, DIGITS))


def test_training_again_on_a_stream_of_another_shape_is_refused(editor: APIClient) -> None:
    deployment = takes(28, 28)
    stream(InputFormat.RAW, DIGITS, deployment.pk)
    deployment.results.update(state="finished", desired="stopped")
    result, of = deployment.results.get(), stream(InputFormat.RAW, ROWS)
    answer = editor.post(f"/api/results/{result.pk}/restart/", {"stream": of.pk})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "stream")
    assert NOT_THREE in answer.json()["errors"][0]["detail"]


def dataset(name: str, **contracts: dict[str, Any]) -> Dataset:
    """A data set with a version of each contract, in their order."""
    made = Dataset.objects.create(name=name)
    for number, contract in enumerate(contracts.values(), 1):
        DatasetVersion.objects.create(
            dataset=made, number=number, ranges="t:0:0:9", validation_rate=0, test_rate=0, contract=contract
        )
    return made


def test_data_sets_are_held_against_the_models_of_a_configuration(viewer: APIClient) -> None:
    two = {**CONTRACT, "columns": [COLUMN, {"name": "b", "expression": "a * 2"}]}
    older, newer = dataset("older", first=CONTRACT), dataset("newer", first=CONTRACT, second=two)
    described = {"inputs": [{"name": "x", "shape": [None, 2], "dtype": "float32"}], "parameters": 1}
    configuration = builders.make_configuration(builders.make_model(name="pumps", report=described))
    rows = viewer.get("/api/deployments/datasets/", {"configuration": configuration.pk}).json()
    assert [(row["dataset"], row["name"], row["version"]) for row in rows] == [
        (newer.pk, "newer", 2),
        (newer.pk, "newer", 1),
        (older.pk, "older", 1),
    ]
    assert rows[0]["reason"] == ""
    for row in rows[1:]:
        assert row["reason"].startswith("pumps cannot learn it: the contract makes samples of the shape (1,)"), row
    asked = {"configuration": configuration.pk, "limit": 1}
    (newest,) = {row["name"] for row in viewer.get("/api/deployments/datasets/", asked).json()}
    assert newest == "newer"


def test_of_a_chain_the_lowest_sub_model_takes_the_data(viewer: APIClient) -> None:
    dataset("rows", first=CONTRACT)
    edge, *upper = builders.make_chain()
    configuration = builders.make_configuration(edge, *upper)
    (row,) = viewer.get("/api/deployments/datasets/", {"configuration": configuration.pk}).json()
    assert row["reason"].startswith(f"{edge.name} cannot learn it: ")


def test_data_sets_of_no_configuration_are_refused(viewer: APIClient) -> None:
    answer = viewer.get("/api/deployments/datasets/")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "configuration")


def test_a_stream_is_held_against_a_deployment_before_it_is_made(editor: APIClient) -> None:
    rows, digits = stream(InputFormat.RAW, ROWS), stream(InputFormat.RAW, DIGITS)
    asked = {"configuration": takes(28, 28).configuration_id}

    def errors(**more: Any) -> list[tuple[str, str]]:
        answer = editor.post("/api/deployments/check/", {**asked, **more}).json()
        return [(error["field"], error["detail"]) for error in answer["errors"]]

    ((field, detail),) = errors(stream=rows.pk)
    assert (field, NOT_THREE in detail) == ("stream", True)
    assert errors(stream=digits.pk) == errors(stream=None) == errors() == []
    ((field, detail),) = errors(stream=digits.pk, mode="incremental")
    assert (field, detail) == (
        "stream",
        "the deployment learns an online stream, without an end (incremental), and this one has an end",
    )
