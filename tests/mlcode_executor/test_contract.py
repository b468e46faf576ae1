"""The contract of every framework, in one suite on the real model process."""

from __future__ import annotations

import itertools
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.errors import ArgumentsError, BrokenError, DecodeError, UserCodeError
from kafkaml.wire.framework import Framework
from mlcode_executor.runtimes import OwnRuntime, Runtime
from mlcode_executor.shared_array import SharedArray
from tests.mlcode_executor import sources
from tests.mlcode_executor.conftest import Model, StartProcess
from tests.weights import weights_in


@dataclass(frozen=True)
class Suite:
    """A framework and one model of each sort written in it."""

    runtime: Runtime
    tutorial: str
    digits: str
    regression: str
    broken_loss: str
    epochs: str
    accuracy: str
    artifact: str

    def __str__(self) -> str:
        return str(self.runtime)


KERAS = Suite(
    Framework.TENSORFLOW,
    sources.KERAS_TUTORIAL,
    sources.KERAS_DIGITS,
    sources.KERAS_REGRESSION,
    sources.KERAS_BROKEN_LOSS,
    epochs="epochs",
    accuracy="accuracy",
    artifact="model.weights.h5",
)
PYTORCH = Suite(
    Framework.PYTORCH,
    sources.PYTORCH_TUTORIAL,
    sources.PYTORCH_DIGITS,
    sources.PYTORCH_REGRESSION,
    sources.PYTORCH_BROKEN_LOSS,
    epochs="max_epochs",
    accuracy="accuracy",
    artifact="model.safetensors",
)

pytestmark = pytest.mark.parametrize("framework", [KERAS, PYTORCH], ids=str)


def trained(
    start_model: StartProcess, framework: Suite, digits: Any, *, seed: int = 7, **arguments: Any
) -> tuple[Model, dict[str, Any]]:
    images, labels = digits
    model = start_model(framework.runtime)
    model.call("build", {"code": framework.digits, "imports": "", "seed": seed})
    result = model.call(
        "fit",
        {"batch_size": 32, "arguments": {framework.epochs: 8, **arguments}, "seed": seed},
        train_features=images[:1200],
        train_labels=labels[:1200],
        validation_features=images[1200:1500],
        validation_labels=labels[1200:1500],
    )
    return model, result


def saved(model: Model) -> dict[str, bytes]:
    names = model.call("artifact_names")["names"]
    with tempfile.TemporaryDirectory() as folder:
        files = {name: os.open(Path(folder) / name, os.O_RDWR | os.O_CREAT) for name in names}
        sizes = model.process.call("save", files=files, timeout_seconds=240)["artifacts"]
        for descriptor in files.values():
            os.close(descriptor)
        written = {name: (Path(folder) / name).read_bytes() for name in names}
    assert {name: len(content) for name, content in written.items()} == sizes
    return written


def loaded(
    model: Model, name: str, content: bytes, shape: tuple[int, ...], dtype: Any, **params: Any
) -> dict[str, Any]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        about = {"input": {"dtype": dtype, "shape": list(shape)}, "max_batch": 256, **params}
        return model.process.call("load", about, files={name: file.fileno()}, timeout_seconds=240)


def predictions(model: Model, features: Any) -> Any:
    from mlcode_executor.predictor import Predictor

    answers = []
    with Predictor(model.process, features.dtype, features.shape[1:], 256) as predictor:
        for start in range(0, len(features), 100):
            part = features[start : start + 100]
            predictor.input_array[: len(part)] = part
            predictor.submit(len(part))
            answers.append(predictor.collect()[0].copy())
    return np.concatenate(answers)


def test_the_tutorial_model_passes_unchanged(framework: Suite, start_model: StartProcess) -> None:
    report = start_model(framework.runtime).call("check", {"code": framework.tutorial, "imports": ""})
    assert report["parameters"] == report["trainable_parameters"] == 101_770
    assert report["outputs"][0]["shape"] == [None, 10]
    assert report["inputs"][0]["shape"][0] is None
    assert report["inputs"][0]["dtype"] == "float32"
    assert sorted(metric.removeprefix("sparse_categorical_") for metric in report["metrics"]) == ["accuracy", "loss"]
    assert "101,770" in report["summary"]
    assert any("softmax" in warning.lower() and "trained as written" in warning for warning in report["warnings"])
    assert report["versions"]["numpy"] == np.__version__


def test_training_learns_and_reports_every_epoch(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    model, result = trained(start_model, framework, digits)
    epochs = [data for kind, data in model.events if kind == "epoch"]
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, 9))
    assert set(epochs[0]["training"]) == set(epochs[0]["validation"]) == {"loss", framework.accuracy}
    assert epochs[-1]["training"]["loss"] < epochs[0]["training"]["loss"]
    assert result["history"]["val_loss"] == [epoch["validation"]["loss"] for epoch in epochs]
    images, labels = digits
    metrics = model.call("evaluate", {"batch_size": 32, "arguments": {}}, features=images[1500:], labels=labels[1500:])[
        "metrics"
    ]
    assert metrics[framework.accuracy] > 0.93
    predicted = np.zeros(len(images) - 1500, np.int64)
    assert model.call("predict_classes", {"batch_size": 32}, features=images[1500:], out=predicted)["classes"] == 10
    assert (predicted == labels[1500:]).mean() == pytest.approx(metrics[framework.accuracy], abs=1e-6)
    answers = np.zeros((len(predicted), 10), np.float32)
    model.call("predict_scores", {"batch_size": 32}, features=images[1500:], out=answers)
    assert answers.argmax(axis=1).tolist() == predicted.tolist()


def test_it_stops_early_and_keeps_the_best_epoch(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    # The few training samples are learnt by heart, so the best epoch on the others is before the last one.
    few = digits[0][:1500].copy(), digits[1]
    few[0][60:1200] = few[0][:60].repeat(19, axis=0)
    few = few[0], np.concatenate([few[1][:60], few[1][:60].repeat(19), few[1][1200:]])
    limits: dict[str, Any] = {"patience": 3, "monitor": f"val_{framework.accuracy}", framework.epochs: 40}
    model, result = trained(start_model, framework, few, **limits)
    values = result["history"][limits["monitor"]]
    best = values.index(max(values)) + 1
    assert result["best"] == {"epoch": best, "monitor": limits["monitor"], "value": max(values), "restored": True}
    assert len(values) == best + 3 < 40
    epochs = [data for kind, data in model.events if kind == "epoch"]
    assert [epoch["best_epoch"] for epoch in epochs[best - 1 :]] == [best] * 4
    assert epochs[-1]["learning_rate"] == {"learning_rate": pytest.approx(epochs[0]["learning_rate"]["learning_rate"])}
    held_out = {"features": few[0][1200:1500], "labels": few[1][1200:1500]}
    metrics = model.call("evaluate", {"batch_size": 32}, **held_out)["metrics"]
    assert metrics[framework.accuracy] == pytest.approx(max(values))


def test_a_metric_that_no_epoch_has_is_refused(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    with pytest.raises(
        ArgumentsError, match=r"no epoch has the metric 'val_precision'.*expected one of .*val_loss"
    ) as error:
        trained(start_model, framework, digits, monitor="val_precision", early_stopping=3)
    assert error.value.argument == "monitor"


def test_progress_says_where_training_is(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    images = np.repeat(digits[0], 10, axis=0)
    labels = np.repeat(digits[1], 10, axis=0)
    model = start_model(framework.runtime)
    model.call("build", {"code": framework.digits, "imports": "", "seed": 1})
    model.call("fit", {"batch_size": 8, "arguments": {}, "seed": 1}, train_features=images, train_labels=labels)
    progress = [data for kind, data in model.events if kind == "progress"]
    assert progress
    assert progress == sorted(progress, key=lambda report: report["batch"])
    assert {report["batches"] for report in progress} == {-(-len(images) // 8)}
    assert {report["epochs"] for report in progress} == {1}
    assert "loss" in progress[-1]["metrics"]
    seconds = next(data["seconds"] for kind, data in model.events if kind == "epoch")
    assert len(progress) <= 5 * seconds + 1


def test_the_same_seed_gives_the_same_metrics(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    first, second, other = (
        trained(start_model, framework, digits, seed=seed, **{framework.epochs: 2})[1]["history"] for seed in (3, 3, 4)
    )
    assert first == second
    assert first != other


def test_passes_go_on_where_the_one_before_stopped(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    images, labels = digits[0][:1280], digits[1][:1280]
    whole, parts = (start_model(framework.runtime) for _ in range(2))
    for model, cuts in ((whole, [0, 1280]), (parts, [0, 320, 960, 1280])):
        model.call("build", {"code": framework.digits, "imports": "", "seed": 3})
        for start, stop in itertools.pairwise(cuts):
            answer = model.call(
                "partial_fit",
                {"batch_size": 32, "arguments": {framework.epochs: 9}},
                train_features=images[start:stop],
                train_labels=labels[start:stop],
            )
            assert set(answer["metrics"]) == {"loss", framework.accuracy}
        assert not model.events
    # Weights are equal to the last bit. Without the optimiser's state they would differ after the first part.
    name = framework.artifact
    assert weights_in(saved(whole)[name], name) == weights_in(saved(parts)[name], name)
    metrics = parts.call("evaluate", {"batch_size": 32}, features=digits[0][1280:], labels=digits[1][1280:])["metrics"]
    assert metrics[framework.accuracy] > 0.8


def test_steps_per_epoch_shortens_epochs(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    _, result = trained(start_model, framework, digits, steps_per_epoch=10, **{framework.epochs: 3})
    assert len(result["history"]["loss"]) == 3
    _, unlimited = trained(start_model, framework, digits, steps_per_epoch=1000, **{framework.epochs: 1})
    assert len(unlimited["history"]["loss"]) == 1


@pytest.mark.parametrize(("dtype", "label_shape"), [("float64", (1,)), ("float32", ()), ("int16", ())])
def test_regression_trains_whatever_the_types(
    framework: Suite, start_model: StartProcess, dtype: str, label_shape: tuple[int, ...]
) -> None:
    features = np.random.default_rng(0).integers(-5, 5, (400, 3)).astype(dtype)
    labels = (features @ np.array([1, -2, 3], dtype) + 1).reshape(400, *label_shape)
    model = start_model(framework.runtime)
    model.call("build", {"code": framework.regression, "imports": "", "seed": 0})
    model.call(
        "fit",
        {"batch_size": 16, "arguments": {framework.epochs: 30}},
        train_features=features,
        train_labels=labels,
    )
    metrics = model.call("evaluate", {"batch_size": 16}, features=features, labels=labels)["metrics"]
    # Broadcasting (n,) against (n, 1) would never get below the deviation of the labels.
    assert metrics["mae"] < 0.5


def test_saved_models_predict_alike_in_every_engine(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    images, labels = digits
    model, result = trained(start_model, framework, digits)
    assert model.call("check_answers", features=images[:64]) == {"warnings": []}
    artifacts = saved(model)
    with tempfile.TemporaryFile() as file, SharedArray.allocate((32, 8, 8), np.uint8) as features:
        features.array[...] = images[:32]
        export = model.process.call(
            "export_onnx", arrays={"features": features}, files={"model.onnx": file.fileno()}, timeout_seconds=400
        )
        converted = os.pread(file.fileno(), 1 << 24, 0)
    assert export["converted"], export["reason"]
    assert export["max_difference"] < 1e-4
    assert len(converted) == export["bytes"]
    served = start_model(framework.runtime)
    code = {"code": framework.digits, "imports": "", "seed": 7, "preparation": result.get("preparation")}
    described = loaded(served, framework.artifact, artifacts[framework.artifact], (8, 8), "uint8", **code)
    assert described == {"outputs": [{"dtype": "float32", "shape": [10]}]}
    by_framework = predictions(served, images[1500:])
    engine = start_model(OwnRuntime.ONNX)
    assert loaded(engine, "model.onnx", converted, (8, 8), "uint8") == described
    by_onnx = predictions(engine, images[1500:])
    np.testing.assert_allclose(by_framework, by_onnx, atol=1e-4)
    assert (by_onnx.argmax(axis=1) == labels[1500:]).mean() > 0.93


def test_errors_in_the_loss_name_the_users_line(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    model = start_model(framework.runtime)
    model.call("build", {"code": framework.broken_loss, "imports": "", "seed": 0})
    images, labels = digits
    with pytest.raises(UserCodeError) as caught:
        model.call("fit", {"batch_size": 32}, train_features=images, train_labels=labels)
    lines = framework.broken_loss.splitlines()
    assert caught.value.line is not None
    assert '["loss"]' in lines[caught.value.line - 1].replace("'", '"')
    assert "site-packages" not in caught.value.traceback_text
    assert "mlcode_executor" not in caught.value.traceback_text


@pytest.mark.parametrize(
    ("code", "imports", "kind", "line", "source"),
    [
        ("x = 1\nmodel = (", "", "syntax", 2, "code"),
        ("x = 1", "import np.nothing(", "syntax", 1, "imports"),
        ("x = 1\n\n1 / 0\n", "", "runtime", 3, "code"),
        ("model = helper()", "def helper():\n    raise ValueError('no')", "runtime", 2, "imports"),
        ("x = 1", "", "missing", None, "code"),
        ("model = 3", "", "invalid", None, "code"),
        ("raise SystemExit(3)", "", "runtime", 1, "code"),
    ],
)
def test_errors_say_what_and_where(
    framework: Suite,
    start_model: StartProcess,
    code: str,
    imports: str,
    kind: str,
    line: int | None,
    source: str,
) -> None:
    with pytest.raises(UserCodeError) as caught:
        start_model(framework.runtime).call("check", {"code": code, "imports": imports})
    error = caught.value
    assert (error.kind, error.line, error.source) == (kind, line, source)
    assert "mlcode_executor" not in error.traceback_text


def test_printed_text_is_kept_and_names_do_not_leak(framework: Suite, start_model: StartProcess) -> None:
    model = start_model(framework.runtime)
    model.call("check", {"code": "print('hello')\nhelper = 1\n" + framework.digits, "imports": ""})
    assert "hello" in model.process.output
    with pytest.raises(UserCodeError, match="helper"):
        model.call("check", {"code": "print(helper)\n" + framework.digits, "imports": ""})


def test_arguments_that_the_framework_does_not_take_are_refused(
    framework: Suite, start_model: StartProcess, digits: Any
) -> None:
    model = start_model(framework.runtime)
    model.call("build", {"code": framework.digits, "imports": "", "seed": 0})
    images, labels = digits
    with pytest.raises(ArgumentsError) as caught:
        model.call(
            "fit", {"batch_size": 32, "arguments": {"epoch": 5}}, train_features=images[:64], train_labels=labels[:64]
        )
    assert caught.value.argument == "epoch"
    with pytest.raises(ArgumentsError) as caught:
        model.call("evaluate", {"batch_size": 32, "arguments": {"step": 5}}, features=images[:64], labels=labels[:64])
    assert caught.value.argument == "step"


def test_features_and_labels_must_belong_together(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    model = start_model(framework.runtime)
    model.call("build", {"code": framework.digits, "imports": "", "seed": 0})
    with pytest.raises(DecodeError, match="1797 samples but train_labels 10"):
        model.call("fit", {"batch_size": 32}, train_features=digits[0], train_labels=digits[1][:10])


def test_calls_out_of_order_are_our_fault(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    model = start_model(framework.runtime)
    with pytest.raises(BrokenError, match="build"):
        model.call("evaluate", {"batch_size": 32}, features=digits[0], labels=digits[1])
    with pytest.raises(BrokenError, match="no method"):
        model.call("no_such_method")


def test_no_samples_is_refused(framework: Suite, start_model: StartProcess, digits: Any) -> None:
    model = start_model(framework.runtime)
    model.call("build", {"code": framework.digits, "imports": "", "seed": 0})
    with pytest.raises(DecodeError, match="no samples"):
        model.call("fit", {"batch_size": 32}, train_features=digits[0][:0], train_labels=digits[1][:0])


def test_a_warmed_up_process_reports_alike(framework: Suite, start_model: StartProcess) -> None:
    source = {"code": framework.tutorial, "imports": ""}
    cold, warm = start_model(framework.runtime), start_model(framework.runtime)
    warm.call("warm_up")
    assert warm.call("check", source) == cold.call("check", source)
