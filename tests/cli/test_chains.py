"""Distributed models on the command line, by the SDK, against answers of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from kafka_ml_cli import deployments, results
from kafka_ml_cli.main import app
from kafkaml.sdk.connection import Connection
from kafkaml.sdk.deployments import Deployments
from kafkaml.sdk.results import Results
from kafkaml.wire.distributed import ExitCurves, LimitPoint, TierCurve

POINT = LimitPoint(limit=0.8, sent_up=0.25, accuracy=0.97, bytes_per_sample=64, seconds_per_sample=0.002)
EDGE = TierCurve(
    result=8,
    model=2,
    model_name="edge",
    limit=0.8,
    proposed=0.7,
    alone=0.9,
    arriving=1.0,
    sent_up=0.25,
    points=(POINT,),
)
CLOUD = TierCurve(
    result=7, model=1, model_name="cloud", limit=None, proposed=None, alone=0.98, arriving=0.25, sent_up=0
)
CURVES = ExitCurves(
    result=7,
    version=1,
    of="test",
    samples=1200,
    accuracy=0.97,
    bytes_per_sample=64,
    seconds_per_sample=0.002,
    tiers=(EDGE, CLOUD),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[httpx.Request]]:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        made = {"id": 5, "configuration": 1, "batch_size": 32, "state": "waiting", "results": []}
        return httpx.Response(200, json=made if request.method == "POST" else CURVES.to_json())

    connection = Connection("http://platform", "t" * 20, transport=httpx.MockTransport(answer))
    client = SimpleNamespace(results=Results(connection), deployments=Deployments(connection))
    for module in (results, deployments):
        monkeypatch.setattr(module, "client_of", lambda _context: client)
    yield requests
    connection.close()


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


def test_a_deployment_says_what_its_chain_is_trained_with(asked: list[httpx.Request]) -> None:
    made = run(
        *("deployments", "create", "1", "--optimizer", "sgd", "--learning-rate", "0.01", "--metrics", "mse, mae"),
        *("--loss-weight", "edge=0.5", "--loss-weight", "a=b=2"),
    )
    assert made.exit_code == 0, made.output
    assert json.loads(asked[0].content)["chain"] == {
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "metrics": "mse, mae",
        "loss_weights": {"edge": 0.5, "a=b": 2.0},
    }
    assert run("deployments", "create", "1").exit_code == 0
    assert "chain" not in json.loads(asked[1].content)


@pytest.mark.parametrize("weight", ["edge", "edge=much"])
def test_a_weight_is_a_number(weight: str, asked: list[httpx.Request]) -> None:
    refused = run("deployments", "create", "1", "--loss-weight", weight)
    assert (refused.exit_code, asked) == (2, [])
    assert "expected SUB-MODEL=NUMBER" in refused.output


def test_exits_are_shown_with_what_limits_bring(asked: list[httpx.Request]) -> None:
    shown = run("results", "exits", "7", "--limits", "0.8")
    assert shown.exit_code == 0, shown.output
    assert asked[0].url.params["limits"] == "0.8"
    assert ["8", "edge", "0.8", "0.7", "100.0%", "25.0%", "0.9000"] in [
        line.split() for line in shown.output.split("\n")
    ]
    assert "accuracy 0.9700, 64 bytes and 2.00 ms a record, measured on 1,200 samples of test" in shown.output
    curve = run("results", "exits", "7", "--curve", "0")
    assert ["0.8000", "25.0%", "0.9700", "64", "2.00"] in [line.split() for line in curve.output.split("\n")]
    assert "limits" not in asked[1].url.params
    assert json.loads(run("results", "exits", "7", "--json").output)["tiers"][0]["proposed"] == 0.7


@pytest.mark.parametrize("option", [("--limits", "a"), ("--curve", "2")])
def test_what_is_not_a_limit_and_no_tier_is_refused(option: tuple[str, str], asked: list[httpx.Request]) -> None:
    assert run("results", "exits", "7", *option).exit_code == 2
