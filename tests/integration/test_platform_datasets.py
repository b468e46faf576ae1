"""A topic of readings from other programs, on a whole platform: viewed, made a data set, learnt, served."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import orjson
import polars as pl
import pytest

from kafkaml.codecs import codec_for
from kafkaml.contract.compiled import CompiledContract
from kafkaml.errors import ApiError, SampleError
from kafkaml.records import ListBatch
from kafkaml.sdk.predictions import Prediction
from kafkaml.sdk.types import RunState
from tests.machines import machine_records, send_readings
from tests.model_inference.replicas import read_topic
from tests.platform import Platform
from tests.support import eventually, ordered_producer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

KERAS = """model = keras.Sequential([
    keras.Input(shape=(WIDTH,)),
    keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(1, activation="sigmoid"),
])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy"])
"""
PYTORCH = """class Failures(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(WIDTH, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        return self.layers(x)

    def loss_fn(self):
        return nn.CrossEntropyLoss()

    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)

    def metrics(self):
        return {"accuracy": Accuracy()}


model = Failures()
"""

KERAS_NAMED = """numbers, state = keras.Input((3,), name="numbers"), keras.Input((4,), name="state")
hidden = keras.layers.Dense(16, activation="relu")(keras.layers.concatenate([state, numbers]))
model = keras.Model([state, numbers], keras.layers.Dense(1, activation="sigmoid")(hidden))
model.compile(optimizer=keras.optimizers.Adam(0.02), loss="binary_crossentropy", metrics=["accuracy"])
"""
PYTORCH_NAMED = (
    PYTORCH.replace("nn.Linear(WIDTH, 16)", "nn.Linear(7, 16)")
    .replace("def forward(self, x):", "def forward(self, state, numbers):")
    .replace("self.layers(x)", "self.layers(torch.cat([state, numbers], dim=1))")
    .replace("lr=0.01", "lr=0.02")
)


@pytest.fixture(scope="module")
def machines(platform: Platform) -> str:
    """A topic to which a user's own program writes JSON, one record per reading."""
    send_readings(platform.bootstrap_servers, "machines", 2000)
    return "machines"


def test_a_topic_of_readings_is_learnt_and_served_without_a_sink(
    platform: Platform, machines: str, tmp_path: Path
) -> None:
    looked = platform.cli("datasets", "infer", machines)
    assert looked.returncode == 0, looked.stderr
    assert "failure" in looked.stdout
    contract: Any = platform.json("datasets", "infer", machines)
    # The contract is the proposed one without the price, which is noise.
    contract["columns"] = [column for column in contract["columns"] if column["name"] != "price"]
    (tmp_path / "contract.json").write_bytes(orjson.dumps(contract))
    given = ("--contract", str(tmp_path / "contract.json"), "--test-rate", "0.2")
    dataset: Any = platform.json("datasets", "create", "readings", machines, *given)
    exported(platform, dataset["id"], tmp_path)
    version = dataset["versions"][0]
    assert (version["number"], version["records"], version["test_rate"]) == (1, 2000, 0.2)
    records = machine_records(2000)
    codec = codec_for("COLUMNS", {"contract": version["contract"]})
    width = codec.settled([record.value for record in records], []).features.sample_shape
    assert width is not None
    codes = {name: code.replace("WIDTH", str(width[0])) for name, code in (("tensorflow", KERAS), ("pytorch", PYTORCH))}
    configuration = configure(platform, tmp_path, "failures", codes)
    deployment: Any = platform.json(
        *("deployments", "create", configuration, "--dataset", str(dataset["id"])),
        *("--tensorflow-fit", "epochs=30", "--pytorch-fit", "max_epochs=30", "--batch-size", "64"),
    )
    assert deployment["dataset"] == {"id": dataset["id"], "name": "readings", "version": 1}
    learnt_and_served(platform, deployment, records, tmp_path)


def test_models_of_several_inputs_learn_columns_by_their_names(
    platform: Platform, machines: str, tmp_path: Path
) -> None:
    contract: Any = platform.json("datasets", "infer", machines)
    wanted = {"temperature": "numbers", "pressure": "numbers", "load": "numbers", "status": "state"}
    contract["columns"] = [
        {**column, "input": wanted[name]}
        for column in contract["columns"]
        if (name := column["name"].removeprefix("reading.").removeprefix("reading_")) in wanted
    ]
    assert len(contract["columns"]) == 4
    client = platform.client
    dataset = client.datasets.create(name="named", topic=machines, contract=contract, test_rate=0.2)
    one = client.models.create(name="one input", framework="tensorflow", code=KERAS.replace("WIDTH", "7"))
    with pytest.raises(ApiError, match=r"inputs .*numbers.*state.*: the model's are"):
        client.deployments.create(model=one.id, dataset=dataset.id)
    missing = platform.cli("deployments", "create", "--dataset", str(dataset.id))
    assert (missing.returncode, "a configuration or a model" in missing.stderr) == (2, True)
    codes = {"tensorflow": KERAS_NAMED, "pytorch": PYTORCH_NAMED}
    deployment: Any = platform.json(
        *("deployments", "create", configure(platform, tmp_path, "named", codes), "--dataset", str(dataset.id)),
        *("--tensorflow-fit", "epochs=12", "--pytorch-fit", "max_epochs=12", "--batch-size", "64"),
    )
    learnt_and_served(platform, deployment, machine_records(50), tmp_path)


def configure(platform: Platform, folder: Path, name: str, codes: dict[str, str]) -> str:
    """Make a configuration of models by framework; returns its number."""
    models = []
    for framework, code in codes.items():
        path = folder / f"{framework}.py"
        path.write_text(code)
        made: Any = platform.json("models", "create", str(path), "-n", f"{name} {framework}", "-f", framework)
        models += ["--model", str(made["id"])]
    configuration: Any = platform.json("configurations", "create", name, *models)
    return str(configuration["id"])


def learnt_and_served(platform: Platform, deployment: Any, records: list[Any], folder: Path) -> None:
    client = platform.client
    for trained in deployment["results"]:
        result = client.results.wait_for(trained["id"], RunState.FINISHED, timeout_seconds=240)
        assert result.outcome is not None
        assert "data set's contract" in str(result.outcome.split)
        accuracy = next(value for name, value in result.outcome.test_metrics.items() if "accuracy" in name)
        # The label is a noisy sum of two columns, and half of the readings fail.
        assert accuracy > 0.8, result.outcome.test_metrics
        assert result.evaluation is not None
        assert result.evaluation.importance is not None
        most = [column.column.removeprefix("reading.") for column in result.evaluation.importance.columns[:2]]
        assert sorted(most) == ["pressure", "temperature"]
        serve(platform, result.id, records[:50], folder)


def exported(platform: Platform, dataset: int, folder: Path) -> None:
    """The exported files hold what a preview of the data set shows."""
    seen: Any = platform.json("datasets", "preview", str(dataset), "--samples", "5")
    assert (seen["records"], seen["sampled"], seen["problems"]) == (2000, 1000, [])
    for name in ("readings.npz", "readings.parquet"):
        done = platform.cli("datasets", "export", str(dataset), "--to", str(folder / name))
        assert done.returncode == 0, done.stderr
    with np.load(folder / "readings.npz") as arrays:
        assert [arrays["features"].shape[1:]] == [tuple(model_input["shape"]) for model_input in seen["inputs"]]
        assert np.bincount(arrays["part"]).tolist() == [1400, 200, 400]
        table = pl.read_parquet(folder / "readings.parquet")
        np.testing.assert_array_equal(table.drop("failure", "part").to_numpy(), arrays["features"])
        assert table["failure"].to_list() == arrays["classes"][arrays["labels"]].tolist()


def serve(platform: Platform, result: int, records: list[Any], folder: Path) -> None:
    """Readings sent as objects get the answers of the downloaded model for the contract's numbers."""
    client = platform.client
    inference = client.inferences.create(
        result=result,
        input_topic=f"readings-{result}",
        output_topic=f"failures-{result}",
        include=["load", "reading.pressure"],
    )
    assert inference.input_format == "COLUMNS"
    client.inferences.wait_for(inference.id, RunState.RUNNING, timeout_seconds=120)
    samples = [orjson.loads(record.value) for record in records]
    found = client.inferences.predict_batch(inference.id, samples)
    answers = [prediction for prediction in found if isinstance(prediction, Prediction)]
    assert len(answers) == len(samples)
    names = ["model.onnx", "contract.json"]
    path, contract = client.results.download(result, folder / str(result), names=names)
    decoded = CompiledContract.from_json(contract.read_bytes()).decode(ListBatch(records)).inputs
    session = onnxruntime.InferenceSession(path)
    inputs = {model_input.name: decoded.get(model_input.name, decoded.get("")) for model_input in session.get_inputs()}
    expected = session.run(None, inputs)[0]
    np.testing.assert_allclose([answer.values for answer in answers], expected, atol=1e-5)
    carried = [{"load": sample["load"], "reading.pressure": sample["reading"]["pressure"]} for sample in samples]
    assert [answer.include for answer in answers] == carried
    with pytest.raises(SampleError, match="temperature"):
        client.inferences.predict(inference.id, {**samples[0], "reading": None})
    client.inferences.stop(inference.id)


def test_a_contract_that_does_not_fit_is_refused_where_it_is_wrong(platform: Platform, machines: str) -> None:
    contract: Any = platform.json("datasets", "infer", machines)
    contract["columns"][0]["expression"] = "reading.temprature"
    with pytest.raises(ApiError, match="there is no field reading"):
        platform.client.datasets.create(name="wrong", topic=machines, contract=contract)
    with pytest.raises(ApiError, match="make a data set"):
        platform.client.streams.announce(machines, deployment=1, input_format="COLUMNS")


SEQUENCES = {
    "tensorflow": """model = keras.Sequential([
    keras.Input(shape=(4, 2)),
    keras.layers.LSTM(8),
    keras.layers.Dense(1),
])
model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
""",
    "pytorch": """class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv1d(2, 8, 3)
        self.last = nn.Linear(16, 1)

    def forward(self, x):
        return self.last(torch.relu(self.convolution(x.transpose(1, 2))).flatten(1))

    def loss_fn(self):
        return nn.MSELoss()

    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.02)

    def metrics(self):
        return {}


model = Forecast()
""",
}


def test_windows_are_learnt_as_a_forecast_and_served(platform: Platform, tmp_path: Path) -> None:
    """A wave for each key: the last four records determine the value two steps later."""
    producer = ordered_producer(platform.bootstrap_servers)
    values = [orjson.dumps({"wave": math.sin(number // 5 / 2 + number % 5), "step": 1}) for number in range(900)]
    for number, value in enumerate(values):
        producer.produce("waves", value, b"k%d" % (number % 5), timestamp=1_700_000_000_000 + 1000 * number)
    assert producer.flush(60) == 0
    contract = {
        "format": "JSON",
        "fields": [{"path": [name], "kind": "number"} for name in ("wave", "step")],
        "columns": [{"name": name, "expression": name} for name in ("wave", "step")],
        "labels": [{"name": "next", "expression": "wave"}],
        "window": {"length": 4, "horizon": 2},
        "split": "time",
    }
    (tmp_path / "contract.json").write_bytes(orjson.dumps(contract))
    given = ("--contract", str(tmp_path / "contract.json"), "--test-rate", "0.2")
    dataset: Any = platform.json("datasets", "create", "waves", "waves", *given)
    models = []
    for framework, code in SEQUENCES.items():
        (tmp_path / f"{framework}.py").write_text(code)
        made: Any = platform.json(
            "models", "create", str(tmp_path / f"{framework}.py"), "-n", f"waves {framework}", "-f", framework
        )
        models += ["--model", str(made["id"])]
    configuration: Any = platform.json("configurations", "create", "waves", *models)
    deployment: Any = platform.json(
        *("deployments", "create", str(configuration["id"]), "--dataset", str(dataset["id"])),
        *("--tensorflow-fit", "epochs=20", "--pytorch-fit", "max_epochs=20", "--batch-size", "32"),
    )
    client = platform.client
    for trained in deployment["results"]:
        result = client.results.wait_for(trained["id"], RunState.FINISHED, timeout_seconds=240)
        assert result.outcome is not None
        # The 180 records of each key make 175 samples. Those across the border of the split are left out.
        assert result.outcome.test_metrics["loss"] < 0.1, result.outcome.test_metrics
        assert result.evaluation is not None
        assert result.evaluation.importance is not None
        wave, step = result.evaluation.importance.columns
        assert (wave.column, step.column) == ("wave", "step")
        assert (wave.importance or 0) > 0.3 > abs(step.importance or 0)
    inference = client.inferences.create(result=result.id, input_topic="waves", output_topic="forecasts")
    with pytest.raises(SampleError, match="a single record is not a sample"):
        client.inferences.predict(inference.id, {"wave": 0.5, "step": 1})
    client.inferences.wait_for(inference.id, RunState.RUNNING, timeout_seconds=120)
    eventually(lambda: sum(platform_counts(platform, inference.id)) == 900, 60)
    assert platform_counts(platform, inference.id) == (900 - 5 * 3, 0, 5 * 3)
    (path,) = client.results.download(result.id, tmp_path, names=["model.onnx"])
    session = onnxruntime.InferenceSession(path)
    windows = np.array([[[math.sin(number / 2), 1] for number in range(start, start + 4)] for start in range(177)])
    expected = session.run(None, {session.get_inputs()[0].name: windows.astype(np.float32)})[0]
    answers = [record for record in read_topic(platform.bootstrap_servers, "forecasts") if record.key == b"k0"]
    np.testing.assert_allclose([orjson.loads(answer.value or b"")["values"] for answer in answers], expected, atol=1e-4)
    client.inferences.stop(inference.id)


def platform_counts(platform: Platform, inference: int) -> tuple[int, int, int]:
    stats = platform.client.inferences.get(inference).stats
    return stats.predicted, stats.dead_lettered, stats.warming_up
