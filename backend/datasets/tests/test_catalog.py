"""All data sets in one list: those that people made, and announced streams."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.datasets.models import Dataset
from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import StreamRange, parse_ranges

pytestmark = pytest.mark.django_db

CONTRACT: dict[str, Any] = {
    "format": "JSON",
    "fields": [{"path": ["a"], "kind": "number"}, {"path": ["ok"], "kind": "boolean"}],
    "columns": [{"name": "twice", "expression": "a * 2"}],
    "labels": [{"name": "ok", "expression": "ok", "kind": "class"}],
    "split": "time",
}


def make_dataset(name: str) -> Dataset:
    dataset = Dataset.objects.create(name=name)
    for number in (1, 2):
        dataset.versions.create(
            number=number, ranges=f"machines:0:0:{number}0", validation_rate=0.1, test_rate=0.2, contract=CONTRACT
        )
    return dataset


def make_stream(ranges: str, description: str, **config: Any) -> int:
    message = ControlMessage(
        ranges=(found := tuple(parse_ranges(ranges))),
        input_format=config.pop("input_format", InputFormat.RAW),
        input_config=config,
        description=description,
        incremental=found[0].end is None,
    )
    return builders.make_stream(value=message.to_bytes()).pk


def test_data_sets_and_streams_are_one_list_and_distinguished(viewer: APIClient) -> None:
    pumps = make_dataset("pumps")
    raw = make_stream("digits:0:0:60,digits:1:0:40", "MNIST", data_type="uint8", data_reshape="28 28", label_type="int")
    online = make_stream("people", "", data_scheme="{}", label_scheme="{}", input_format=InputFormat.AVRO)
    # A data set's own announcement is not another data set.
    make_stream("machines:0:0:20", "pumps", contract=CONTRACT, input_format=InputFormat.COLUMNS)
    page = viewer.get("/api/datasets/catalog/", {"ordering": "id"}).json()
    assert page["count"] == 3
    rows = {(result["kind"], result["id"]): result for result in page["results"]}
    found = rows[("dataset", pumps.pk)]
    assert (found["name"], found["records"], found["versions"], found["split"]) == ("pumps", 20, 2, "time")
    assert (found["columns"], found["labels"], found["format"]) == (["twice"], ["ok"], "JSON")
    found = rows[("stream", raw)]
    assert (found["name"], found["records"], found["columns"], found["labels"]) == (
        "MNIST",
        100,
        ["uint8 28 \u00d7 28"],
        ["int"],
    )
    found = rows[("stream", online)]
    assert (found["name"], found["records"], found["columns"]) == (f"stream {online}", None, ["by its schema"])


def test_the_list_is_searched_ordered_and_paged_as_one(viewer: APIClient) -> None:
    make_dataset("pumps")
    make_dataset("boilers")
    make_stream("digits:0:0:60", "MNIST digits")

    def names(**query: Any) -> list[str]:
        answer = viewer.get("/api/datasets/catalog/", query)
        assert answer.status_code == 200, answer.content
        return [result["name"] for result in answer.json()["results"]]

    assert names(ordering="-name") == ["pumps", "boilers", "MNIST digits"]
    assert names(ordering="name", limit=1, offset=1) == ["boilers"]
    assert names(search="digits mnist") == ["MNIST digits"]
    assert names(search="mnist pumps") == []
    assert names(kind="stream") == ["MNIST digits"]
    assert names(kind="dataset", ordering="name") == ["boilers", "pumps"]
    assert viewer.get("/api/datasets/catalog/", {"ordering": "size"}).status_code == 400


def test_streams_that_no_file_would_hold_are_not_exported(viewer: APIClient) -> None:
    message = ControlMessage((StreamRange("people"),), InputFormat.RAW, {}, incremental=True)
    online = builders.make_stream(value=message.to_bytes()).pk
    of_a_set = make_stream("machines:0:0:20", "pumps", contract=CONTRACT, input_format=InputFormat.COLUMNS)
    for stream, reason in ((online, "has no end"), (of_a_set, "announced from a data set")):
        answer = viewer.get(f"/api/streams/{stream}/export/")
        assert (answer.status_code, reason in answer.json()["detail"]) == (409, True)
