"""The tutorial's distributed model on a whole platform: created from the top, trained as one, served with limits."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
import orjson
import pytest
from confluent_kafka import Message

from backend.launchers.job_folder import JobFolder
from datasources import OnlineRawSink
from kafkaml.confidence import confidences
from kafkaml.sdk.types import RunState, TrainingResult
from tests.conftest import TestBroker
from tests.integration.test_platform_tutorial import MNIST, load_module, run_example
from tests.integration.test_tiers import consume, texts
from tests.integration.training_support import blobs
from tests.mlcode_executor import sources
from tests.platform import Platform
from tests.support import eventually, ordered_producer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

NAMES = ("edge", "fog", "cloud")
CODES = {
    "tensorflow": (sources.EDGE, sources.FOG, sources.CLOUD),
    "pytorch": (sources.PYTORCH_EDGE, sources.PYTORCH_FOG, sources.PYTORCH_CLOUD),
}
FRAMEWORKS = tuple(CODES)
ROLES = tuple(f"{name} pytorch" for name in NAMES)


@dataclass
class Chains:
    """The deployment, and results by framework, the lowest sub-model first."""

    deployment: int
    results: dict[str, list[int]]


def enter(platform: Platform, folder: Path, framework: str) -> list[int]:
    """Create the sub-models from the top; returns their ids, the lowest first."""
    models: list[int] = []
    for name, code in zip(reversed(NAMES), reversed(CODES[framework]), strict=True):
        path = folder / f"{framework}-{name}.py"
        path.write_text(code)
        upper = ("--upper-model", str(models[0])) if models else ()
        made: Any = platform.json(
            *("models", "create", str(path), "-n", f"{name} {framework}", "-f", framework, "--distributed"), *upper
        )
        models.insert(0, made["id"])
    return models


@pytest.fixture(scope="module")
def chains(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Chains:
    """The tutorial's three sub-models, unchanged, and the same in PyTorch, trained on one stream."""
    folder = tmp_path_factory.mktemp("models")
    models = {framework: enter(platform, folder, framework) for framework in FRAMEWORKS}
    # One sub-model selects its chain.
    tops = [word for model in models.values() for word in ("--model", str(model[-1]))]
    configuration: Any = platform.json("configurations", "create", "chains", *tops)
    assert configuration["models"] == sorted(pk for model in models.values() for pk in model)
    assert "added" in configuration["note"]
    deployment: Any = platform.json(
        *("deployments", "create", str(configuration["id"]), "--confusion-matrix", "--learning-rate", "0.002"),
        *("--metrics", "sparse_categorical_accuracy, sparse_top_k_categorical_accuracy"),
        *("--loss-weight", "edge tensorflow=0.7", "--tensorflow-fit", "epochs=3", "--pytorch-fit", "max_epochs=3"),
    )
    run_example(
        platform,
        "mnist_dataset_training_example.py",
        *("--deployment", str(deployment["id"]), "--bootstrap-servers", platform.bootstrap_servers),
    )
    of_model = {result["model"]: result["id"] for result in deployment["results"]}
    results = {framework: [of_model[pk] for pk in model] for framework, model in models.items()}
    for result in results.values():
        # The command waits for results of lower sub-models as for the top.
        done = platform.cli("results", "wait", str(result[0]), "--timeout", "240")
        assert done.returncode == 0, done.stderr + platform.cli("results", "logs", str(result[0])).stdout
    return Chains(deployment["id"], results)


def shown(platform: Platform, chains: Chains, framework: str) -> list[TrainingResult]:
    return [platform.client.results.get(result) for result in chains.results[framework]]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_sub_model_has_a_result_of_its_own(platform: Platform, chains: Chains, framework: str) -> None:
    results = shown(platform, chains, framework)
    assert [result.state for result in results] == [RunState.FINISHED] * 3
    assert [(result.tier, result.leader) for result in results] == [(0, results[2].id), (1, results[2].id), (2, None)]
    metrics = {"loss", "sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy"}
    for number, result in enumerate(results):
        outcome = result.outcome
        assert outcome is not None
        assert [epoch.epoch for epoch in result.epochs] == [1, 2, 3]
        assert set(result.test_metrics) - metrics == ({"total_loss"} if number == 2 else set())
        assert metrics <= set(result.epochs[-1].validation)
        assert outcome.samples == {"training": 1437, "validation": 180, "test": 180}
        # The accuracy is computed from the confusion matrix, independently of the metric.
        assert result.confusion_matrix is not None
        matrix = np.array(result.confusion_matrix.matrix)
        accuracy = float(np.trace(matrix) / matrix.sum())
        assert result.test_metrics["sparse_categorical_accuracy"] == pytest.approx(accuracy, abs=1e-6)
        assert accuracy > 0.8
        files = {artifact.name for artifact in result.artifacts}
        assert {"model.onnx"} < files
        assert ("exits.json" in files) == (number == 2)
        assert outcome.exit is not None
        assert (outcome.exit.classes, outcome.exit.upper_bytes) == (10, 0 if number == 2 else 256)
        assert outcome.exit.seconds_per_sample > 0
        assert outcome.onnx_max_difference is not None


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_limits_are_proposed_by_what_was_held_out(platform: Platform, chains: Chains, framework: str) -> None:
    edge, fog, cloud = chains.results[framework]
    curves = platform.client.results.exits(cloud)
    assert ([tier_curve.result for tier_curve in curves.tiers], curves.of, curves.samples) == (
        [edge, fog, cloud],
        "test",
        180,
    )
    for tier, result in zip(curves.tiers, shown(platform, chains, framework), strict=True):
        assert tier.alone == pytest.approx(result.test_metrics["sparse_categorical_accuracy"], abs=1e-6)
    assert [tier_curve.limit is None for tier_curve in curves.tiers] == [False, False, True]
    first = curves.tiers[0]
    assert max(point.accuracy for point in first.points) - curves.accuracy <= 0.0051
    assert 0.1 < first.limit <= 1  # type: ignore[operator]
    # Curves can be requested for a result of any tier. With the limit 0 nothing goes up.
    stays = platform.client.results.exits(edge, [0.0, None])
    assert stays.accuracy == pytest.approx(first.alone)
    assert stays.bytes_per_sample == 0
    printed = platform.cli("results", "exits", str(fog)).stdout
    assert re.search(rf"{fog} .*fog {framework}", printed)
    assert "measured on 180 samples of test" in printed


def test_a_served_chain_decides_as_its_curves_say(platform: Platform, chains: Chains, tmp_path: Path) -> None:
    # A restarted platform serves results of earlier trainings.
    platform.restart()
    client = platform.client
    results = chains.results["pytorch"]
    limits: list[float] = []
    for place in (0, 1):
        # The chosen limit sends a third of the tier's records up.
        points = client.results.exits(results[0], limits).tiers[place].points
        limits.append(min(points, key=lambda point: abs(point.sent_up - 1 / 3)).limit)
    asked = [{"result": pk, "limit": limit} for pk, limit in zip(results, limits, strict=False)]
    tiers = client.inferences.create_chain(result=results[0], prefix="cascade", tiers=asked)
    for tier in tiers:
        client.inferences.wait_for(tier.id, RunState.RUNNING, timeout_seconds=240)
    images = load_module(MNIST / "mnist_data.py").load_mnist(digits=True)[1].images
    producer = ordered_producer(platform.bootstrap_servers)
    for number, image in enumerate(images):
        producer.produce(tiers[0].input_topic, image.tobytes(), b"%d" % number)
    assert producer.flush(60) == 0

    def read(topic: str) -> dict[int, Message]:
        found = consume(cast(TestBroker, platform), topic)
        by_number = {int(message.key() or b""): message for message in found}
        assert len(by_number) == len(found), "each record is there once"
        return by_number

    output = tiers[0].output_topic
    eventually(lambda: len(read(output)) == len(images), 120, interval_seconds=1, what="all records to be answered")
    answers = read(output)
    by_tier = {name: {pk for pk, answer in answers.items() if texts(answer)["kml-tier"] == name} for name in ROLES}
    came = set(range(len(images)))
    for place, name in enumerate(ROLES[:-1]):
        up = read(tiers[place].upper_topic)
        assert set(up) == came - by_tier[name], "what a tier does not answer goes up, and nothing else"
        assert {len(message.value() or b"") for message in up.values()} == {256}
        assert len(up) / len(came) == pytest.approx(1 / 3, abs=0.12)
        # The expected answer of the tier above is computed from its own file.
        result = client.results.get(results[place + 1])
        (onnx,) = client.results.download(result.id, tmp_path / name, names=["model.onnx"])
        session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
        numbers = sorted(up)
        rows = np.stack([np.frombuffer(up[key].value() or b"", "<f4") for key in numbers])
        prediction = np.asarray(session.run(None, {session.get_inputs()[0].name: rows})[-1])
        assert result.outcome is not None
        assert result.outcome.exit is not None
        found = result.outcome.exit
        sure = confidences(prediction, scores=found.scores, temperature=found.temperature)
        limit = [*limits, 0.0][place + 1]
        stays = {number for number, confidence in zip(numbers, sure, strict=True) if confidence >= limit}
        assert stays == by_tier[ROLES[place + 1]]
        for number, row in zip(numbers, prediction, strict=True):
            if number in stays:
                answered = orjson.loads(answers[number].value() or b"")["values"]
                # The tolerance is relative to the largest value: log-probabilities of the cloud reach 20, where float32
                # has steps of 2e-6.
                assert np.abs(np.array(answered) - row).max() <= 1e-6 * max(1, np.abs(row).max())
        came = set(up)
    for inference in tiers:
        client.inferences.stop(inference.id)
        client.inferences.wait_for(inference.id, RunState.STOPPED, timeout_seconds=120)


def test_the_run_of_a_chain_is_one(platform: Platform, chains: Chains) -> None:
    client = platform.client
    edge, fog, cloud = chains.results["pytorch"]
    assert platform.cli("results", "logs", str(edge)).stdout == platform.cli("results", "logs", str(cloud)).stdout
    client.results.restart(fog)
    for result in (edge, fog, cloud):
        assert client.results.get(result).state in (RunState.WAITING, RunState.RUNNING, RunState.FINISHED)
    client.results.wait_for(edge, RunState.FINISHED, timeout_seconds=240)
    assert [client.results.get(result).current_version for result in (edge, fog, cloud)] == [2, 2, 2]
    client.results.promote(edge, 1)
    assert [client.results.get(result).current_version for result in (edge, fog, cloud)] == [1, 1, 1]


LOWER = """
import time
class Edge(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.classify = nn.Linear(4, 8), nn.Linear(8, 3)
        self.register_buffer("passes", torch.zeros(()))
    def forward(self, x):
        if self.training:
            self.passes += 1
            print(f"pass {int(self.passes)}.", flush=True)
            time.sleep(0.03)
        up = torch.relu(self.up(x))
        return up, self.classify(up)
model = Edge()
"""
WINDOW = 20


def test_a_stream_without_end_makes_versions_of_all_whichever_process_is_killed(platform: Platform) -> None:
    client = platform.client
    top = client.models.create(name="top", framework="pytorch", code="model = nn.Linear(8, 3)", distributed=True)
    low = client.models.create(name="low", framework="pytorch", code=LOWER, distributed=True, upper_model=top.id)
    configuration = client.configurations.create(name="endless chain", models=[low.id])
    deployment = client.deployments.create(
        configuration=configuration.id,
        pytorch_fit_arguments="max_epochs=10",
        incremental={"window_records": WINDOW, "validation_rate": 0.2, "indefinite": True, "monitoring_metric": "loss"}
        | {"improvement": 0.0},
        chain={"learning_rate": 0.01},
    )
    pks = {training_result.model: training_result.id for training_result in deployment.results}
    leader, follower = pks[top.id], pks[low.id]
    features, labels = blobs(3 * WINDOW)
    with OnlineRawSink(
        bootstrap_servers=platform.bootstrap_servers, topic="endless", deployment_id=deployment.id, group_id="endless"
    ) as sink:
        for sample, label in zip(features, labels, strict=True):
            sink.send(sample, label)
        sink.flush()
        eventually(
            lambda: "pass 15." in client.results.logs(follower).text, 180, eager=True, what="the second window in part"
        )
        worker = JobFolder(platform.state.root / "jobs" / f"kml-train-{leader}-a1").state(0)
        assert worker is not None
        assert worker.worker is not None
        os.kill(worker.worker.pid, signal.SIGKILL)
        eventually(lambda: len(client.results.get(follower).epochs) == 3, 180, what="three windows to be learnt")
    client.results.stop(follower)
    client.results.wait_for(follower, RunState.FINISHED, timeout_seconds=120)
    for trained in (leader, follower):
        result = client.results.get(trained)
        assert (result.state, result.attempt, len(result.epochs)) == (RunState.FINISHED, 2, 3)
        made = [(version.number, version.step) for version in reversed(client.results.versions(trained))]
        assert made == [(1, 1), (2, 2), (3, 3), (4, None)]
        assert result.current_version == 4
