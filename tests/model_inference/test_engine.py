"""The engine chosen to serve a result: the fastest one that its artifacts allow."""

from __future__ import annotations

import pytest

from kafkaml.errors import SettingsError
from kafkaml.wire.framework import Framework
from kafkaml.wire.inference import ServedModel
from model_inference import engine
from model_inference.engine import check_installed, choose_engine


def model(framework: Framework, *artifacts: str) -> ServedModel:
    return ServedModel(
        result_id=2,
        version=1,
        name="m",
        framework=framework,
        code="",
        imports="",
        artifacts=dict.fromkeys(artifacts, ""),
        seed=7,
    )


@pytest.mark.parametrize(
    ("framework", "artifacts", "chosen", "needs_code"),
    [
        (Framework.TENSORFLOW, ("model.keras", "model.onnx", "model.weights.h5"), "model.onnx", False),
        (Framework.TENSORFLOW, ("model.keras", "model.py", "model.weights.h5"), "model.weights.h5", True),
        # Results without weights: trained by older versions, or by code that gives another model each time.
        (Framework.TENSORFLOW, ("model.keras",), "model.keras", True),
        (Framework.PYTORCH, ("model.py", "model.safetensors"), "model.safetensors", True),
    ],
)
def test_the_fastest_engine_is_chosen(
    framework: Framework, artifacts: tuple[str, ...], chosen: str, needs_code: bool
) -> None:
    choice = choose_engine(model(framework, *artifacts))
    assert (choice.artifact, choice.needs_code) == (chosen, needs_code)


def test_a_result_without_a_model_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"expected model.onnx or model.weights.h5"):
        choose_engine(model(Framework.TENSORFLOW, "confusion_samples.npz"))


def test_the_seed_travels_with_the_model() -> None:
    sent = model(Framework.TENSORFLOW, "model.keras")
    assert ServedModel.model_validate(sent.to_json()) == sent


@pytest.mark.parametrize(
    ("artifact", "package", "extra"),
    [("model.onnx", "onnxruntime", "worker"), ("model.safetensors", "torch", "pytorch")],
)
def test_what_is_not_installed_is_named_with_how_to_install_it(
    artifact: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = model(Framework.PYTORCH, artifact)
    choice = choose_engine(served)
    check_installed(served, choice)
    looked_for: list[str] = []
    monkeypatch.setattr(engine.importlib.util, "find_spec", looked_for.append)
    with pytest.raises(SettingsError, match=f"needs {package}, which is not installed here") as refused:
        check_installed(served, choice)
    assert f'".[{extra}]"' in refused.value.hint
    assert looked_for == [package]
