"""``kafka-ml results`` on the progress of a training and users' annotations, against answers of the API."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from kafka_ml_cli import results
from kafka_ml_cli.main import app
from kafka_ml_cli.progress import human_duration
from kafkaml.sdk.connection import Connection
from kafkaml.sdk.results import Results
from kafkaml.wire.best_epoch import BestEpoch
from kafkaml.wire.outcome import Outcome
from kafkaml.wire.progress import EpochMetrics, Progress

PROGRESS = Progress(epoch=3, epochs=9, batch=1, batches=2, remaining_seconds=125.4, may_end_sooner=True)
BEST = BestEpoch(epoch=554, epochs=2500, trained=604, monitor="val_loss", value=0.0066, restored=True)
OUTCOME = Outcome(
    seconds=1.0,
    samples={},
    test_metrics={"accuracy": 0.9},
    artifacts={},
    versions={},
    code_sha256="a" * 64,
    slice_sha256="a" * 64,
    best_epoch=BEST,
)
EPOCHS = [
    EpochMetrics(
        epoch=epoch, seconds=1, training={"loss": 1.0}, learning_rate={"learning_rate": 0.1 / epoch}, best_epoch=1
    )
    for epoch in (1, 2)
]
RUNNING: dict[str, Any] = {"id": 7, "model": 3, "state": "running", "progress": PROGRESS.to_json()}
RUNNING |= {"parameters": {"batch_size": 32, "shuffle": True}, "history": {"best": {"loss": 0.1}}}
FINISHED = {
    **RUNNING,
    "state": "finished",
    "outcome": OUTCOME.to_json(),
    "epochs": [epoch.to_json() for epoch in EPOCHS],
}


class Api:
    """Answers with ``result``, which annotations change; ``sent`` are the bodies, ``asked`` the queries."""

    def __init__(self) -> None:
        self.result = RUNNING
        self.sent: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            self.sent.append(json.loads(request.content))
            return httpx.Response(200, json={**self.result, **self.sent[-1]})
        self.asked.append(dict(request.url.params))
        listed = request.url.path == "/api/results/"
        rows = {"count": 1, "next": None, "results": [self.result]}
        return httpx.Response(200, json=rows if listed else self.result)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    answering = Api()
    connection = Connection("http://platform", "a token", transport=httpx.MockTransport(answering))
    monkeypatch.setattr(results, "client_of", lambda _context: SimpleNamespace(results=Results(connection)))
    monkeypatch.setenv("COLUMNS", "200")
    return answering


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["results", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_training_that_runs_says_how_long_it_will_still_take(api: Api) -> None:
    shown = run("show", "7")
    assert "epoch 3 of 9, at most 2 min 5 s left" in shown
    assert "batch_size 32, shuffle true" in shown
    assert "history" not in shown
    assert "epoch 3 of 9, at most 2 min 5 s left" in run("list")
    api.result = FINISHED
    assert "left" not in run("show", "7")
    assert "left" not in run("list")


def test_a_result_says_which_epoch_is_the_best_and_what_it_was_learnt_with(api: Api) -> None:
    api.result = FINISHED
    reported = run("show", "7")
    assert "554 of 2,500 (val_loss 0.0066); stopped early after 604; its weights are the result's" in reported
    first, second = (line for line in reported.splitlines() if line.split()[:2] in (["1", "1.00"], ["2", "1.00"]))
    assert first.split() == ["1", "1.00", "1", "0.1", "*"]
    assert second.split() == ["2", "1.00", "1", "0.05"]


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (["--name", "first", "--notes", "with dropout"], {"name": "first", "notes": "with dropout"}),
        (["--name", ""], {"name": ""}),
        (["--tag", "good", "--tag", "small"], {"tags": ["good", "small"]}),
        (["--no-tags"], {"tags": []}),
        (["--favourite"], {"favourite": True}),
        (["--no-favourite"], {"favourite": False}),
    ],
)
def test_what_is_written_next_to_a_run_is_sent_and_what_is_left_out_stays(
    api: Api, options: list[str], body: dict[str, Any]
) -> None:
    assert "result 7 is changed" in run("annotate", "7", *options)
    assert api.sent == [body]


def test_runs_are_found_by_what_was_written_next_to_them(api: Api) -> None:
    api.result = {**FINISHED, "name": "first", "tags": ["good"], "favourite": True}
    reported = run("list", "--tag", "good", "--favourite", "--where", "score.accuracy>=0.5", "--order=-score.accuracy")
    assert "* first" in reported
    assert "#good" in reported
    (query,) = api.asked
    assert query["tag"] == "good"
    assert query["favourite"].lower() == "true"
    assert query["where"] == "score.accuracy>=0.5"
    assert query["ordering"] == "-score.accuracy"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59.6, "1 min"), (125, "2 min 5 s"), (3600, "1 h"), (3605, "1 h"), (90000, "1 d 1 h")],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text
