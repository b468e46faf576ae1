"""Which engine serves a result: the fastest that its artifacts allow."""

from __future__ import annotations

import pytest

from kafkaml.errors import SettingsError
from kafkaml.input_format import InputFormat
from kafkaml.wire.choices import DeliveryGuarantee
from kafkaml.wire.framework import Framework
from kafkaml.wire.inference import InferencePlan
from model_inference.engine import choose_engine


def plan(framework: Framework, *artifacts: str) -> InferencePlan:
    return InferencePlan(
        inference_id=1,
        result_id=2,
        model_name="m",
        model_version="1",
        framework=framework,
        code="",
        imports="",
        artifacts=dict.fromkeys(artifacts, ""),
        input_format=InputFormat.RAW,
        input_config={},
        input_topic="in",
        output_topic="out",
        group="g",
        guarantee=DeliveryGuarantee.EXACTLY_ONCE,
        seed=7,
    )


@pytest.mark.parametrize(
    ("framework", "artifacts", "chosen", "needs_code"),
    [
        (Framework.TENSORFLOW, ("model.keras", "model.onnx", "model.weights.h5"), "model.onnx", False),
        (Framework.TENSORFLOW, ("model.keras", "model.py", "model.weights.h5"), "model.weights.h5", True),
        # Trained before weights were kept, or by code that gives another model each time.
        (Framework.TENSORFLOW, ("model.keras",), "model.keras", True),
        (Framework.PYTORCH, ("model.py", "model.safetensors"), "model.safetensors", True),
    ],
)
def test_the_fastest_engine_is_chosen(
    framework: Framework, artifacts: tuple[str, ...], chosen: str, needs_code: bool
) -> None:
    choice = choose_engine(plan(framework, *artifacts))
    assert (choice.artifact, choice.needs_code) == (chosen, needs_code)


def test_a_result_without_a_model_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"expected model.onnx or model.weights.h5"):
        choose_engine(plan(Framework.TENSORFLOW, "confusion_samples.npz"))


def test_the_seed_travels_with_the_plan() -> None:
    sent = plan(Framework.TENSORFLOW, "model.keras")
    assert InferencePlan.model_validate(sent.to_json()) == sent
