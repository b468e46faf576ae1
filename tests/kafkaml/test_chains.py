"""Chains of sub-models: the names of optimisers, losses and metrics, and the reasons why two sub-models do not fit."""

from __future__ import annotations

import pytest

from kafkaml.chains import close_name, exits_gap, known_name, outputs_gap, shape_gap
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.frameworks.pytorch import PYTORCH
from kafkaml.wire.distributed import ChainTraining
from kafkaml.wire.framework import Framework

LOSSES = PYTORCH.chain.losses if PYTORCH.chain else ()


def test_the_usual_names_are_those_of_the_defaults() -> None:
    defaults = ChainTraining()
    for names in (framework.chain for framework in FRAMEWORKS.values() if framework.chain):
        firsts = (names.optimizers[0], names.losses[0], names.metrics[0])
        assert firsts == (defaults.optimizer, defaults.loss, defaults.metrics[0])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mse", "mse"),
        (" MSE ", "mse"),
        ("BinaryCrossentropy", "binary_crossentropy"),
        ("poisson", None),
        ("", None),
    ],
)
def test_names_are_written_as_in_keras(text: str, name: str | None) -> None:
    assert known_name(text, LOSSES) == name


def test_a_name_that_is_nearly_right_is_reported() -> None:
    assert close_name("binary_crossentropie", LOSSES) == "binary_crossentropy"
    assert close_name("nonsense", LOSSES) == ""


@pytest.mark.parametrize(
    ("count", "top", "wrong"), [(1, True, False), (2, True, True), (2, False, False), (1, False, True)]
)
def test_the_top_has_one_output_and_others_two(count: int, top: bool, wrong: bool) -> None:
    reason = outputs_gap("edge", count, top=top)
    assert bool(reason) == wrong
    assert not wrong or f"edge has {count} output" in reason


@pytest.mark.parametrize(
    ("sends", "takes", "tensorflow", "pytorch"),
    [
        ([64], [64], True, True),
        ([32], [64], False, False),
        ([None], [64], True, True),
        ([8, 8], [64], False, True),  # the 8 x 8 output is flattened
        ([5, 64], [64], False, True),  # Linear works on the last axis
        ([8, 4], [64], False, False),
        ([8, None], [64], False, True),
        ([8, 14, 14], [8, None, None], True, True),
        ([8, 14, 14], [4, None, None], False, False),
        ([], [64], False, False),
    ],
)
def test_a_gap_names_both_shapes(
    sends: list[int | None], takes: list[int | None], tensorflow: bool, pytorch: bool
) -> None:
    for framework, fits in ((Framework.TENSORFLOW, tensorflow), (Framework.PYTORCH, pytorch)):
        assert (shape_gap("edge", sends, "fog", takes, framework) == "") == fits
    assert "edge sends (32) up and fog takes (64, any)" in shape_gap("edge", [32], "fog", [64, None], Framework.PYTORCH)


def test_exits_have_the_same_classes() -> None:
    assert exits_gap("edge", [10], "fog", [10]) == ""
    assert "edge predicts (10) and fog predicts (3)" in exits_gap("edge", [10], "fog", [3])
