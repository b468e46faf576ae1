"""Small runs of whole examples on a platform: data, model, stream, training, inference, and how good it is."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from examples.catalogue import EXAMPLES, Listed, find
from examples.HCOPD_Avro_format import HCOPD_inference
from examples.journey import Effort, Score
from examples.MNIST_RAW_format.mnist_dataset_inference_example_v2 import handed_up
from kafkaml.sdk.types import Inference, RunState
from tests.platform import Platform
from tests.support import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

# The framework of each example; its code for the other one is checked in tests/mlcode_executor/test_example_models.py.
# Slow compilation speaks for PyTorch. The digits are run by the demo for the tests of pages.
_FRAMEWORKS = {
    "machines": "pytorch",
    "MNIST_RAW_format": "tensorflow",
    "MNIST_online": "pytorch",
    "MNIST_tiers": "pytorch",
    "VGG16_CIFAR10_RAW_format": "pytorch",
    "EUROSAT_RAW_format": "pytorch",
    "SO2SAT_RAW_format": "pytorch",
    "HCOPD_Avro_format": "pytorch",
    "MLGPARK_STREAM_RAW_format": "tensorflow",
    "NO2SoftSensor_RAW_format": "pytorch",
    "TCN_NILM_RAW_format": "pytorch",
    "river_soft_sensor": "pytorch",
    "flights_malaga": "pytorch",
}
# Examples that `make docs-test` runs, because they resemble another one or have a test of their own (tiers, data sets).
_OTHERS = (
    "machines",
    "MNIST_tiers",
    "EUROSAT_RAW_format",
    "SO2SAT_RAW_format",
    "NO2SoftSensor_RAW_format",
    "river_soft_sensor",
)
# Examples so easy that a few samples and one epoch beat the baseline.
_BETTER_AT_ONCE = {"MNIST_RAW_format", "MNIST_online", "MNIST_tiers", "flights_malaga"}


def test_each_example_runs_here_or_as_the_demo() -> None:
    assert {example.name for example in EXAMPLES} == {*_FRAMEWORKS, "digits"}


@pytest.fixture
def served(platform: Platform) -> Iterator[list[Inference]]:
    """Stop what the test leaves running, because models would fill the machine."""
    found: list[Inference] = []
    yield found
    client = platform.client
    for inference in client.inferences.list(state=RunState.RUNNING):
        if inference.id in {known.id for known in found}:
            client.inferences.stop(inference.id)


def go(platform: Platform, example: Listed, served: list[Inference], framework: str) -> Score:
    """Run a small version of an example; returns its score in one framework."""
    before = {inference.id for inference in platform.client.inferences.list()}
    (score,) = example.run(platform.client, Effort((framework,), quick=True, offline=True))
    served += [inference for inference in platform.client.inferences.list() if inference.id not in before]
    return score


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(framework, marks=pytest.mark.docs) if framework in _OTHERS else framework
        for framework in _FRAMEWORKS
    ],
)
def test_an_example_goes_its_whole_way(
    platform: Platform, served: list[Inference], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    example = find(name)
    assert example is not None
    score = go(platform, example, served, _FRAMEWORKS[name])
    said = capsys.readouterr().out
    assert score.samples >= 20
    assert math.isfinite(score.value)
    if name in _BETTER_AT_ONCE:
        assert score.better, score
    # Data other than the named data set are announced as such.
    assert "generated" in said.lower() or "Not " in said
    assert any(f"/inference/{inference.id}" in said for inference in served)


@pytest.mark.docs
def test_one_click_runs_an_example(platform: Platform, served: list[Inference]) -> None:
    """The empty states of the web UI run examples like this: through the API, in a process that the platform starts."""
    headers = {"Authorization": f"Bearer {platform.state.cli_token.read_text().strip()}"}
    before = {inference.id for inference in platform.client.inferences.list()}
    with httpx.Client(base_url=platform.status.url, headers=headers, timeout=60) as client:
        assert client.post("/api/examples/", json={"name": "digits"}).status_code == 202
        eventually(lambda: _last_run(client)["state"] != "running", 600)
        ended = _last_run(client)
    served += [inference for inference in platform.client.inferences.list() if inference.id not in before]
    assert ended["state"] == "finished", ended
    assert len(served) == 2
    assert any(f"/inference/{inference.id}" in ended["output"] for inference in served)
    assert "accuracy" in ended["output"].lower()
    eventually(lambda: "example digits" not in str(platform.json("tokens", "list")), 60, what="its token is given back")


def _last_run(client: httpx.Client) -> dict[str, Any]:
    run: dict[str, Any] = client.get("/api/examples/").json()["run"]
    return run


@pytest.mark.docs
def test_what_the_edge_hands_up_are_its_64_numbers(platform: Platform) -> None:
    edges = [
        inference for inference in platform.client.inferences.list() if inference.tier and "edge" in inference.tier
    ]
    edge = next(edge for edge in edges if edge.upper_topic and edge.upper_topic.startswith("mnist-"))
    assert edge.upper_topic
    (numbers,) = handed_up(platform.bootstrap_servers, edge.upper_topic, 1, timeout_seconds=60)
    assert (numbers.shape, numbers.dtype) == ((64,), np.dtype("float32"))


def test_the_old_avro_program_sends_people_and_shows_answers(
    platform: Platform, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inference = next(listed for listed in platform.client.inferences.list() if listed.input_topic.startswith("hcopd-"))
    platform.client.inferences.restart(inference.id)
    platform.client.inferences.wait_for(inference.id, RunState.RUNNING, timeout_seconds=120)
    try:
        topics = ["--input", inference.input_topic, "--output", inference.output_topic]
        servers = ["--bootstrap-servers", platform.bootstrap_servers]
        monkeypatch.setattr(sys, "argv", ["HCOPD_inference.py", *servers, *topics, "--count", "3", "--offline"])
        capsys.readouterr()
        HCOPD_inference.main()
    finally:
        platform.client.inferences.stop(inference.id)
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] in ("ill", "healthy") for line in said[-3:]] == [True] * 3
