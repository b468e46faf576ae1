"""``kafka-ml datasets``, by the SDK, against answers of the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from kafka_ml_cli import datasets
from kafka_ml_cli.main import app
from kafkaml.contract.proposal import propose
from kafkaml.errors import RefusedError
from kafkaml.records import Record
from kafkaml.sdk.connection import Connection
from kafkaml.sdk.topics import Topics
from kafkaml.wire.contract import Contract
from kafkaml.wire.proposal import Proposal
from tests.machines import machine_records

Infer = Callable[..., str]


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    """What the API was asked."""
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
    assert [each.name for each in contract.labels] == ["failure"]
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
