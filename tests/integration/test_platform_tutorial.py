"""The tutorial, end to end, as its reader does it: by the command line, the example programs and the SDK."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import orjson
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from typer.testing import CliRunner

from kafka_ml_cli.exits import ExitCode
from kafka_ml_cli.main import app
from kafkaml.errors import ApiError, FailedError
from kafkaml.sdk.types import RunState
from tests.platform import Platform
from tests.support import eventually

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MNIST = EXAMPLES / "MNIST_RAW_format"


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_example(platform: Platform, name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(MNIST / name), "--digits", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "KML_STATE_DIR": str(platform.state.root)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass
class Trained:
    """Ids of the tutorial's objects so far; results by framework."""

    configuration: int
    deployment: int
    results: dict[str, int]


@pytest.fixture(scope="module")
def trained(platform: Platform) -> Trained:
    """Both of the tutorial's models, pasted unchanged and trained on one stream."""
    models = []
    for framework in ("tensorflow", "pytorch"):
        path = str(MNIST / f"model_{framework}.py")
        made: Any = platform.json("models", "create", path, "-n", f"mnist-{framework}", "-f", framework)
        models.append(made["id"])
    arguments = [word for model in models for word in ("--model", str(model))]
    configuration: Any = platform.json("configurations", "create", "mnist", *arguments)
    deployment: Any = platform.json(
        *("deployments", "create", str(configuration["id"]), "--batch-size", "32", "--confusion-matrix"),
        *("--tensorflow-fit", "epochs=5, shuffle=True", "--pytorch-fit", "max_epochs=5, shuffle=True"),
    )
    assert {row["state"] for row in deployment["results"]} <= {"created", "waiting"}
    said = run_example(
        platform,
        "mnist_dataset_training_example.py",
        *("--deployment", str(deployment["id"]), "--bootstrap-servers", platform.bootstrap_servers),
    )
    assert "1797 images sent in" in said
    results = {row["framework"]: row["id"] for row in deployment["results"]}
    for result in results.values():
        done = platform.cli("results", "wait", str(result), "--timeout", "240")
        assert done.returncode == 0, done.stderr + platform.cli("results", "logs", str(result)).stdout
    return Trained(configuration["id"], deployment["id"], results)


@pytest.mark.parametrize("framework", ["tensorflow", "pytorch"])
def test_a_result_tells_everything_about_itself(platform: Platform, trained: Trained, framework: str) -> None:
    result = platform.client.results.get(trained.results[framework])
    assert result.state == RunState.FINISHED
    assert [epoch.epoch for epoch in result.epochs] == [1, 2, 3, 4, 5]
    assert all(epoch.training and epoch.validation for epoch in result.epochs)
    assert result.test_metrics
    assert result.outcome is not None
    assert result.outcome.samples == {"training": 1437, "validation": 180, "test": 180}
    assert result.confusion_matrix is not None
    assert int(np.sum(result.confusion_matrix.matrix)) == 180
    assert result.outcome.versions


def test_both_frameworks_trained_on_the_same_slice(platform: Platform, trained: Trained) -> None:
    first, second = (platform.client.results.get(result) for result in trained.results.values())
    assert first.outcome is not None
    assert second.outcome is not None
    assert first.outcome.slice_sha256 == second.outcome.slice_sha256
    assert first.stream == second.stream


def test_the_trained_models_can_be_downloaded(platform: Platform, trained: Trained, tmp_path: Path) -> None:
    for framework, expected in (("tensorflow", "model.keras"), ("pytorch", "model.safetensors")):
        done = platform.cli("results", "download", str(trained.results[framework]), "--to", str(tmp_path / framework))
        assert done.returncode == 0, done.stderr
        assert (tmp_path / framework / expected).stat().st_size > 1000
    image = tmp_path / "matrix.png"
    done = platform.cli("results", "confusion-matrix", str(trained.results["pytorch"]), "--image", str(image))
    assert done.returncode == 0, done.stderr
    assert image.read_bytes().startswith(b"\x89PNG")


def test_logs_are_kept_and_people_can_read_a_result(platform: Platform, trained: Trained) -> None:
    result = str(trained.results["tensorflow"])
    assert platform.cli("results", "logs", result).stdout.strip()
    shown = platform.cli("results", "show", result).stdout
    assert "finished" in shown
    assert "confusion matrix" in shown
    listed = platform.cli("results", "list").stdout
    assert re.search(rf"{result} .*mnist-tensorflow .*finished", listed)


@pytest.mark.parametrize("framework", ["tensorflow", "pytorch"])
def test_inference_answers_with_the_format_filled_in(
    platform: Platform, trained: Trained, framework: str, tmp_path: Path
) -> None:
    topics = ["--input", f"mnist-{framework}-in", "--output", f"mnist-{framework}-out"]
    made: Any = platform.json("inferences", "create", str(trained.results[framework]), *topics)
    assert made["input_format"] == "RAW"
    assert made["input_config"]["data_reshape"] == "28 28"
    assert made["guarantee"] == "exactly_once"
    waited = platform.cli("inferences", "wait", str(made["id"]), "--timeout", "240")
    assert waited.returncode == 0, waited.stderr + platform.cli("inferences", "logs", str(made["id"])).stdout
    said = run_example(platform, "mnist_dataset_inference_example.py", "--inference", str(made["id"]))
    match = re.search(r"(\d+) of 300 right .* 0 without an answer", said)
    assert match is not None, said
    # The tutorial's models do not scale their input and see few images here, so far better than guessing is enough.
    assert int(match[1]) > 200
    tail = platform.cli("tail", str(made["id"]), "--from-beginning", "-n", "300", "--timeout", "90", "--json")
    records = [orjson.loads(line) for line in tail.stdout.splitlines()]
    sources = [f"{topics[1]}/0/{number}" for number in range(300)]
    assert [record["headers"]["kml-source"] for record in records] == sources
    np.save(tmp_path / "images.npy", load_module(MNIST / "mnist_data.py").load_mnist(digits=True)[1].images[:3])
    predict = ("inferences", "predict", str(made["id"]), str(tmp_path / "images.npy"), "--skip", "1")
    predictions: Any = platform.json(*predict)
    assert [prediction["source"] for prediction in predictions] == [f"{topics[1]}[0]@{offset}" for offset in (300, 301)]
    # The same images get the same answers as before.
    before = [pytest.approx(record["value"]["values"], abs=1e-4) for record in records[1:3]]
    assert [prediction["values"] for prediction in predictions] == before
    said = platform.cli(*predict).stdout
    assert re.search(rf"1 +{predictions[0]['label']} +[01]", said), said
    assert all(len(record["value"]["values"]) == 10 for record in records)
    _is_reported_to_prometheus(platform, made["id"])
    assert platform.cli("inferences", "stop", str(made["id"])).returncode == 0
    stopped = platform.cli("inferences", "wait", str(made["id"]), "--state", "stopped", "--timeout", "240")
    assert stopped.returncode == 0, stopped.stderr
    assert platform.cli("inferences", "delete", str(made["id"])).returncode == 0


def _is_reported_to_prometheus(platform: Platform, inference: int) -> None:
    """One address serves the metrics of all processes, including those of the replica."""
    token = platform.state.cli_token.read_text().strip()
    replica = f"kml-infer-{inference}-a1-0"
    processes = {"web", "controller", "control-logger", "executor-tensorflow", "executor-pytorch", replica}
    samples: list[Sample] = []

    def all_tell() -> bool:
        # A process that a busy machine delays for seconds is missing from an answer.
        headers = {"authorization": f"Bearer {token}"}
        answer = httpx.get(f"{platform.status.url}/metrics", headers=headers, trust_env=False, timeout=60)
        assert answer.status_code == 200, answer.text
        samples[:] = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
        return processes <= {sample.labels["process"] for sample in samples if sample.name == "process_open_fds"}

    eventually(all_tell)
    of_replica = {
        (sample.name, sample.labels.get("outcome")): sample.value
        for sample in samples
        if sample.labels["process"] == replica
    }
    assert of_replica["kafkaml_replica_records_total", "predicted"] >= 300
    assert of_replica["kafkaml_replica_latency_seconds_count", None] >= 300
    trained = [
        sample.value for sample in samples if sample.labels.get("kind") == "training" and sample.name == "kafkaml_runs"
    ]
    assert sum(trained) >= 2


def test_a_stream_is_sent_again_to_another_deployment(platform: Platform, trained: Trained) -> None:
    stream = platform.client.results.get(trained.results["pytorch"]).stream
    deployment = platform.client.deployments.create(
        configuration=trained.configuration,
        batch_size=64,
        tensorflow_fit_arguments="epochs=1",
        pytorch_fit_arguments="max_epochs=1",
    )
    done = platform.cli("streams", "send", str(stream), "--deployment", str(deployment.id))
    assert done.returncode == 0, done.stderr
    for training_result in deployment.results:
        result = platform.client.results.wait_for(training_result.id, RunState.FINISHED, timeout_seconds=240)
        assert len(result.epochs) == 1
        assert result.confusion_matrix is None
    # Nothing was copied: both announcements name the same records.
    streams = platform.client.streams.list()
    assert len({listed.topic for listed in streams if listed.id == stream or listed.deployment == deployment.id}) == 1


def test_a_csv_file_trains_a_model_that_was_written_for_it(platform: Platform, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(400, 3)).round(4)
    labels = (rows.sum(axis=1) > 0).astype(int)
    path = tmp_path / "points.csv"
    lines = [f"{a},{b},{c},{label}" for (a, b, c), label in zip(rows, labels, strict=True)]
    path.write_text("\n".join(["a,b,c,label", *lines]))
    code = (
        "model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(8, activation='relu'),"
        " keras.layers.Dense(2, activation='softmax')])\n"
        "model.compile(optimizer=keras.optimizers.Adam(0.05), loss='sparse_categorical_crossentropy',"
        " metrics=['accuracy'])\n"
    )
    model = platform.client.models.create(name="points", framework="tensorflow", code=code)
    configuration = platform.client.configurations.create(name="points", models=[model.id])
    deployment = platform.client.deployments.create(
        configuration=configuration.id, tensorflow_fit_arguments="epochs=10"
    )
    sent: Any = platform.json("send", str(path), "--deployment", str(deployment.id), "--test-rate", "0.25")
    assert (sent["samples"], sent["announced_to"]) == (400, deployment.id)
    result = platform.client.results.wait_for(deployment.results[0].id, RunState.FINISHED, timeout_seconds=240)
    assert result.test_metrics["accuracy"] > 0.9


def test_a_model_that_does_not_run_is_refused_with_its_line(platform: Platform, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("a = 1\nmodel = tf.keras.Sequentia()\n")
    done = platform.cli("models", "create", str(path), "-n", "broken", "-f", "tensorflow")
    assert done.returncode == ExitCode.REFUSED
    assert "line 2" in done.stderr
    assert "Sequentia" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_in_use_cannot_be_deleted(platform: Platform, trained: Trained) -> None:
    with pytest.raises(ApiError, match="mnist") as caught:
        platform.client.configurations.delete(trained.configuration)
    assert caught.value.status == 409


def test_a_training_that_fails_says_why(platform: Platform) -> None:
    code = (
        "model = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(1)])\n"
        "model.compile(optimizer='adam', loss='mse')\n"
    )
    model = platform.client.models.create(name="wrong-shape", framework="tensorflow", code=code)
    configuration = platform.client.configurations.create(name="wrong-shape", models=[model.id])
    deployment = platform.client.deployments.create(configuration=configuration.id, tensorflow_fit_arguments="epochs=1")
    from datasources import RawSink

    with RawSink(bootstrap_servers=platform.bootstrap_servers, topic="wrong", deployment_id=deployment.id) as sink:
        sink.send_array(np.zeros((20, 7), np.float32), np.zeros(20, np.float32))
    with pytest.raises(FailedError):
        platform.client.results.wait_for(deployment.results[0].id, RunState.FINISHED, timeout_seconds=240)
    failure = platform.client.results.get(deployment.results[0].id).failure
    assert failure is not None
    assert failure.cause
    assert failure.hint


def test_no_secret_is_anywhere_but_in_its_own_place(platform: Platform, trained: Trained) -> None:
    """After the tutorial, twenty secrets of users, tokens and the platform are in no file, answer or command line."""
    client, url, canary = platform.client, platform.status.url, f"canary{os.urandom(6).hex()}"
    secrets = [f"{canary}-{number:02}-{os.urandom(9).hex()}" for number in range(17)]
    people, guesses, bearers, queries, refused = (secrets[start : start + 3] for start in (0, 3, 6, 9, 12))
    for number, password in enumerate(people):
        client.users.create(username=f"{canary}{number}", password=password, role="viewer")
    for guess in guesses:
        httpx.post(f"{url}/api/session/", json={"username": f"{canary}0", "password": guess})
    for bearer in bearers:
        assert httpx.get(f"{url}/api/models/", headers={"authorization": f"Bearer {bearer}"}).status_code == 401
    token = platform.state.cli_token.read_text().strip()
    owner = {"authorization": f"Bearer {token}"}
    for query in queries:
        httpx.get(f"{url}/api/models/?token={query}&password={query}", headers=owner)
    for password in refused:
        body = {"username": "x" * 500, "password": password, "role": "nobody"}
        assert httpx.post(f"{url}/api/users/", json=body, headers=owner).status_code == 400
    made = httpx.post(
        f"{url}/api/tokens/", json={"name": canary, "role": "viewer", "days": 1}, headers=owner
    ).raise_for_status()
    secrets += [
        made.json()["token"],
        token,
        *(secret_file.read_text().strip() for secret_file in platform.state.secrets.glob("*_*")),
    ]
    assert len(set(secrets)) >= 20
    own = platform.state.secrets
    files = [
        kept_file
        for kept_file in platform.state.root.rglob("*")
        if kept_file.is_file() and own not in kept_file.parents
    ]
    pages = [
        line.removeprefix("api/") for line in ("models", "results", "users", "tokens", "audit", "inferences", "streams")
    ]
    said = b"".join(httpx.get(f"{url}/api/{page}/?page_size=100", headers=owner).content for page in pages)
    said += " ".join(
        word for process in psutil.process_iter(["cmdline"]) for word in process.info["cmdline"] or ()
    ).encode()
    contents = {Path("answers and command lines"): said}
    for path in files:
        # Files may disappear meanwhile.
        with suppress(FileNotFoundError):
            contents[path] = path.read_bytes()
    # Texts that are not secrets are found, so the search works.
    assert any(f"{canary}0".encode() in content for content in contents.values())
    assert any("artifacts" in path.parts for path in contents)
    assert any(path.suffix == ".log" for path in contents)
    found = [
        (path.name, secret[:12])
        for path, content in contents.items()
        for secret in secrets
        if secret.encode() in content
    ]
    assert found == []


def test_everything_can_be_listed_as_a_table_and_as_json(
    platform: Platform, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KML_STATE_DIR", str(platform.state.root))
    # Commands run in this process, because starting Python for each would take longer than all the rest.
    runner = CliRunner()
    for noun in ("models", "configurations", "deployments", "results", "inferences", "streams", "users", "tokens"):
        assert runner.invoke(app, [noun, "list"]).exit_code == 0
        as_json = runner.invoke(app, [noun, "list", "--json"])
        assert isinstance(orjson.loads(as_json.stdout), list)
    document = orjson.loads(runner.invoke(app, ["status", "--json"]).stdout)
    assert document["running"] is True
    assert {component["state"] for component in document["components"]} == {"ready"}
