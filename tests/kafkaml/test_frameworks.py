"""The descriptions of frameworks list their arguments, and the installed frameworks accept them."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from kafkaml.arguments import parse_arguments
from kafkaml.errors import ArgumentsError
from kafkaml.frameworks import FRAMEWORKS, FrameworkDescriptor, Purpose
from kafkaml.frameworks.installed import distributions
from kafkaml.frameworks.pytorch import PYTORCH
from kafkaml.frameworks.tensorflow import TENSORFLOW
from kafkaml.wire.framework import Framework

ROOT = Path(__file__).resolve().parents[2]
EVERY = pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=lambda framework: framework.name)


def test_every_framework_is_described() -> None:
    assert list(FRAMEWORKS) == list(Framework)


@EVERY
def test_its_extra_installs_the_module_that_is_its_own(framework: FrameworkDescriptor) -> None:
    own = set(distributions(framework.packages[0]))
    assert own & set(packages_distributions()[framework.module])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {
        re.split(r"[^\w-]", requirement)[0] for requirement in project["optional-dependencies"][framework.extra]
    }
    assert own & required


@EVERY
def test_which_arguments_windows_heed(framework: FrameworkDescriptor) -> None:
    fit = framework.arguments[Purpose.FIT]
    proposed = parse_arguments(fit.first)
    assert fit.without_effect_in_windows(proposed) == []
    assert fit.without_effect_in_windows({**proposed, "verbose": 0, "drop_last": True, "mode": "min"}) == [
        "drop_last",
        "monitor_mode",
    ]


@EVERY
@pytest.mark.parametrize("purpose", Purpose)
def test_what_forms_and_pages_propose_is_accepted(framework: FrameworkDescriptor, purpose: Purpose) -> None:
    arguments = framework.arguments[purpose]
    for text in (arguments.example, arguments.first):
        framework.check(purpose, parse_arguments(text))
    for name, argument in arguments.accepted.items():
        framework.check(purpose, parse_arguments(f"{name}={argument.default}"))
        assert argument.meaning
        assert not argument.alias_of or argument.alias_of in arguments.accepted


@EVERY
@pytest.mark.parametrize(
    ("fit", "argument"),
    [
        ({"epoch": 5}, "epoch"),
        ({"batch_size": 5}, "batch_size"),
        ({"epochs": "5"}, "epochs"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"shuffle": "yes"}, "shuffle"),
        ({"callbacks": []}, "callbacks"),
    ],
)
def test_arguments_are_checked_by_name_and_type(
    framework: FrameworkDescriptor, fit: dict[str, Any], argument: str
) -> None:
    framework.check(Purpose.FIT, {"epochs": 5, "shuffle": True})
    with pytest.raises(ArgumentsError) as caught:
        framework.check(Purpose.FIT, fit)
    assert caught.value.argument == argument


def test_arguments_of_keras() -> None:
    fit = {
        "epochs": 3,
        "steps_per_epoch": 1000,
        "class_weight": {"0": 1.5},
        "validation_freq": [1, 3],
        "validation_split": 0.1,
        "verbose": "auto",
        "initial_epoch": 0,
    }
    TENSORFLOW.check(Purpose.FIT, fit)
    TENSORFLOW.check(Purpose.EVALUATION, {"steps": 10, "verbose": 0})
    with pytest.raises(ArgumentsError, match="accepted are") as caught:
        TENSORFLOW.check(Purpose.FIT, {"step_per_epoch": 3})
    assert caught.value.hint == "did you mean steps_per_epoch?"
    with pytest.raises(ArgumentsError, match="validation_rate"):
        TENSORFLOW.check(Purpose.FIT, {"validation_data": []})


def test_arguments_of_pytorch() -> None:
    PYTORCH.check(Purpose.FIT, {"max_epochs": 5, "shuffle": True})
    with pytest.raises(ArgumentsError) as caught:
        PYTORCH.check(Purpose.FIT, {"max_epoch": 5})
    assert caught.value.argument == "max_epoch"
    assert caught.value.hint == "did you mean max_epochs?"
    with pytest.raises(ArgumentsError, match="another name of max_epochs"):
        PYTORCH.check(Purpose.FIT, {"max_epochs": 1, "epochs": 2})
