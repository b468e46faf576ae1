"""``kafka-ml datasets``, by the SDK, against answers of the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from kafka_ml_cli import datasets, streams
from kafka_ml_cli.main import app
from kafkaml.codecs import codec_for
from kafkaml.contract.preview import preview
from kafkaml.contract.proposal import propose
from kafkaml.errors import RefusedError
from kafkaml.records import Record
from kafkaml.sdk.connection import Connection
from kafkaml.sdk.datasets import Datasets
from kafkaml.sdk.streams import Streams
from kafkaml.sdk.topics import Topics
from kafkaml.stream_preview import stream_preview
from kafkaml.wire.contract import Contract
from kafkaml.wire.proposal import Proposal
from tests.machines import machine_records

Infer = Callable[..., str]


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    """The requests that the API received."""
    return []


@pytest.fixture
def infer(monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]]) -> Infer:
    """Runs ``datasets infer machines`` on a topic that holds the given records."""

    def run(records: Sequence[Record], *arguments: str) -> str:
        def answer(request: httpx.Request) -> httpx.Response:
            assert (request.method, request.url.path) == ("POST", "/api/topics/machines/proposal/")
            asked.append(json.loads(request.content))
            return httpx.Response(200, json=propose(records).to_json())

        connection = Connection("http://platform", "a token", transport=httpx.MockTransport(answer))
        monkeypatch.setattr(datasets, "client_of", lambda _context: SimpleNamespace(topics=Topics(connection)))
        monkeypatch.setenv("COLUMNS", "160")
        done = CliRunner().invoke(app, ["datasets", "infer", "machines", *arguments])
        if done.exception is not None:
            raise done.exception
        return done.output

    return run


def test_fields_label_and_remarks_are_shown(infer: Infer) -> None:
    lines = infer(machine_records()).splitlines()
    row = next((line for line in lines if line.startswith("reading.temperature")), "")
    assert row, lines
    assert [word for word in ("number", "scaled (standard)", "600", "█") if word not in row] == []
    assert "2023-11-14 █" in next(line for line in lines if line.startswith("at "))
    assert "the key of the records" in next(line for line in lines if line.startswith("machine"))
    text = " ".join(" ".join(lines).split())
    for part in (
        "format JSON; 100.0% of 600 records can be read",
        "label failure (class), because its name, failure, is that of a label [false ",
        "key text, 20 different in the sample",
        "time at, 2023-11-14 22:13:20 to 2023-11-14 22:23:19",
        "split by time",
        "warning firmware is always 7.1",
        "info each of 20 keys has many records",
    ):
        assert part in text


def test_the_contract_is_printed_for_scripts(infer: Infer) -> None:
    contract = Contract.model_validate_json(infer(machine_records(), "--json"))
    assert [label.name for label in contract.labels] == ["failure"]
    whole = Proposal.model_validate_json(infer(machine_records(), "--json", "--whole"))
    assert whole.contract == contract


def test_what_is_known_already_is_passed_on(infer: Infer, asked: list[dict[str, Any]], tmp_path: Path) -> None:
    schema = tmp_path / "schema.avsc"
    schema.write_text('"int"')
    infer(machine_records(), "--format", "avro", "--schema", str(schema), "--label", "x", "--records", "50")
    infer(machine_records(), "--format", "csv", "--columns", "a, b")
    assert asked == [
        {"format": "AVRO", "data_scheme": '"int"', "label": "x", "records": 50},
        {"format": "CSV", "columns": ["a", "b"], "label": "", "records": 1000},
    ]


def test_without_a_contract_it_is_said_why(infer: Infer) -> None:
    with pytest.raises(RefusedError, match="no contract can be proposed for machines: there are no records"):
        infer([], "--json")
    assert "there are no records in the slice" in infer([])


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]]) -> Infer:
    """Runs ``datasets`` commands against a platform that previews the machines' topic and has one data set."""
    records = machine_records()
    proposed = propose(records).contract
    assert proposed is not None
    contract = {**proposed.to_json(), "window": {"length": 10, "stride": 2}}
    version = {"number": 2, "ranges": "machines:0:0:600", "records": 600, "validation_rate": 0.1, "test_rate": 0.2}
    dataset = {"id": 4, "name": "pumps", "description": "of hall 2", "versions": [{**version, "contract": contract}]}

    row = {"ranges": "mnist:0:0:60", "records": 60, "format": "RAW", "columns": ["uint8 28 28"], "labels": ["uint8"]}
    catalog = [
        {"kind": "dataset", "id": 4, "name": "pumps", **row, "columns": ["a", "b"], "labels": ["ok"], "versions": 2},
        {"kind": "stream", "id": 1, "name": "MNIST", **row},
        {"kind": "stream", "id": 2, "name": "stream 2", **row, "records": None, "columns": ["by its schema"]},
    ]
    digit = {"shape": [2, 2], "dtype": "uint8", "values": [0, 7, 255, 3], "truncated": False}
    where = {"topic": "mnist", "partition": 0, "error": None, "label_text": None}
    label = {**digit, "shape": [1], "values": [5]}
    samples = [
        {**where, "offset": 8, "features": digit, "label_sample": label},
        {**where, "offset": 9, "features": None, "label_sample": None, "error": {"message": "got 3 bytes"}},
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else dict(request.url.params)
        asked.append(body)
        match request.url.path:
            case "/api/datasets/4/":
                return httpx.Response(200, json=dataset)
            case "/api/datasets/":
                online = {"ranges": "machines", "records": None, "online": True, "since": "1970-01-01T00:00:00Z"}
                made = {**version, **online, "fit_records": 500, "contract": contract}
                return httpx.Response(201, json={**dataset, "versions": [made]})
            case "/api/datasets/catalog/":
                return httpx.Response(200, json=catalog)
            case "/api/streams/1/" | "/api/streams/2/" | "/api/streams/3/":
                windowed = request.url.path == "/api/streams/3/"
                config = {"contract": {"window": {"length": 10}}} if windowed else {}
                return httpx.Response(200, json={"id": 1, "input_format": "RAW", "input_config": config})
            case "/api/streams/1/preview/":
                return httpx.Response(200, json={"samples": samples, "total": 60, "doubts": ["are labels ids?"]})
            case "/api/streams/2/preview/":
                row = {**digit, "shape": [2], "values": [61, None]}
                rows = [{**where, "offset": 8, "features": row, "label_sample": None, "label_text": "ill"}, samples[1]]
                return httpx.Response(200, json={"samples": rows, "total": 2, "columns": ["age", "weight"]})
            case "/api/streams/2/statistics/" | "/api/streams/3/statistics/":
                values = [json.dumps({"age": 40 + place, "weight": 70.5}).encode() for place in range(9)]
                patients = [Record("patients", 0, place, b'"ill"', value) for place, value in enumerate(values)]
                reported = stream_preview(patients, codec_for("JSON", {}), available=5000)
                return httpx.Response(200, json=reported.to_json())
            case "/api/datasets/4/export/" | "/api/streams/1/export/":
                return httpx.Response(200, content=b"PAR1")
            case "/api/datasets/preview/" | "/api/datasets/4/preview/":
                found = preview(records, body.get("contract", contract), samples=int(body["samples"]))
                return httpx.Response(200, json=found.to_json())
        return httpx.Response(404, json={"detail": request.url.path})

    def invoke(*arguments: str, noun: str = "datasets") -> str:
        connection = Connection("http://platform", "a token", transport=httpx.MockTransport(answer))
        client = SimpleNamespace(datasets=Datasets(connection), topics=Topics(connection), streams=Streams(connection))
        monkeypatch.setattr(datasets, "client_of", lambda _context: client)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(streams, "client_of", lambda _context: client)
        done = CliRunner().invoke(app, [noun, *arguments])
        if done.exception is not None:
            raise done.exception
        return done.output

    return invoke


def test_a_data_set_is_shown_as_people_read_it(run: Infer) -> None:
    text = " ".join(run("show", "4").split())
    for part in (
        "data set 4 pumps of hall 2",
        "2 600 time 70%/10%/20%",
        "temperature number, scaled (standard) reading.temperature",
        "failure label (class) failure",
        "window 10 records of a key, one every 2 records",
    ):
        assert part in text, text
    assert json.loads(run("show", "4", "--json"))["versions"][0]["number"] == 2


def test_streams_of_sinks_are_data_sets_too(run: Infer, asked: list[dict[str, Any]]) -> None:
    lines = [" ".join(line.split()) for line in run("list", "--search", "m").splitlines()]
    assert asked[-1]["search"] == "m"
    assert lines == [
        "kind id name version records format columns label changed slice",
        "dataset 4 pumps 2 60 RAW a, b ok mnist:0:0:60",
        "stream 1 MNIST 60 RAW uint8 28 28 uint8 mnist:0:0:60",
        "stream 2 stream 2 online RAW by its schema uint8 mnist:0:0:60",
    ]
    run("list", "--kind", "stream", "--json")
    assert asked[-1]["kind"] == "stream"


def test_streams_are_looked_into_and_exported(run: Infer, asked: list[dict[str, Any]], tmp_path: Path) -> None:
    lines = [" ".join(line.split()) for line in run("preview", "1", "--samples", "2", noun="streams").splitlines()]
    assert (asked[-1]["limit"], lines[1:]) == (
        "2",
        ["mnist[0]@8 5 uint8 2x2 [0, 7, 255, 3]", "mnist[0]@9 got 3 bytes", "are labels ids?"],
    )
    assert "4 B" in run("export", "1", "--to", str(tmp_path / "digits.npz"), noun="streams")
    assert asked[-1] == {"format": "npz"}


def test_windows_of_a_stream_are_shown_whole_not_record_by_record(run: Infer) -> None:
    assert "records 9 of 5000 were looked at" in run("preview", "3", noun="streams")


def test_a_stream_of_rows_is_reported_column_by_column(run: Infer) -> None:
    lines = [line.split() for line in run("preview", "2", noun="streams").splitlines()]
    assert lines == [
        ["record", "label", "age", "weight"],
        ["mnist[0]@8", "ill", "61", "NaN"],
        ["mnist[0]@9", "got", "3", "bytes"],
    ]
    reported = run("statistics", "2", noun="streams")
    (age,) = [line.split() for line in reported.splitlines() if line.startswith("age")]
    # The reported statistics are mean, least and greatest value.
    assert ("44" in age, "40" in age, "48" in age) == (True, True, True)
    assert "records 9 of 5000 were looked at" in reported
    assert "label   ill 9" in reported
    assert json.loads(run("statistics", "2", "--json", noun="streams"))["balance"] == [{"value": "ill", "count": 9}]


def test_a_preview_shows_where_a_contract_is_wrong(run: Infer, asked: list[dict[str, Any]], tmp_path: Path) -> None:
    contract: Any = propose(machine_records()).contract
    document = contract.to_json()
    document["columns"][1]["expression"] = "reading.pressur + 1"
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(document))
    lines = run("preview", "--topic", "machines", "--contract", str(path), "--samples", "3").splitlines()
    assert lines[0].startswith("error   columns.1.expression: there is no field reading.pressur")
    assert [line.strip() for line in lines[1:4]] == ["reading.pressur + 1", "^" * 15, "did you mean reading.pressure?"]
    text = "\n".join(lines)
    assert "samples 480 train, 60 validate, 60 test" in text
    assert len([line for line in lines if line.startswith("machines[")]) == 3
    assert asked[-1]["slice"] == {"topic": "machines"}
    assert json.loads(run("preview", "4", "--version", "2", "--json"))["inputs"][0]["shape"] == [10, 10]
    assert asked[-1] == {"version": "2", "samples": "12"}
    with pytest.raises(RefusedError, match="a data set or a topic"):
        run("preview")


def test_an_export_is_a_file_of_the_kind_that_its_name_says(
    run: Infer, asked: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert "4 B" in run("export", "4", "--to", str(tmp_path / "pumps.parquet"))
    assert (tmp_path / "pumps.parquet").read_bytes() == b"PAR1"
    assert asked[-1] == {"format": "parquet"}
    with pytest.raises(RefusedError, match=r"ends with .parquet or .npz"):
        run("export", "4", "--to", str(tmp_path / "pumps.csv"))


def test_one_without_end_is_made_and_exported_up_to_now(
    run: Infer, asked: list[dict[str, Any]], tmp_path: Path
) -> None:
    contract = tmp_path / "contract.json"
    contract.write_text(json.dumps({"format": "JSON"}))
    options = ("--online", "--since", "now", "--fit-records", "500")
    reported = run("create", "pumps", "machines", "--contract", str(contract), *options)
    assert "pumps) created: without end, from the oldest record on; it learns" in reported
    asked_slice = dict(asked[-1]["slice"])
    assert abs(datetime.now(UTC) - datetime.fromisoformat(asked_slice.pop("since"))) < timedelta(minutes=5)
    assert asked_slice == {"topic": "machines", "online": True, "fit_records": 500}
    assert "test_rate" not in asked[-1]
    run("export", "4", "--to", str(tmp_path / "pumps.npz"), "--until", "2026-01-31T12:00:00")
    assert asked[-1] == {"format": "npz", "until": "2026-01-31T12:00:00"}
