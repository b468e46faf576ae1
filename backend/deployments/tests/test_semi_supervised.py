"""What a semi-supervised deployment may be asked for, and which streams it takes."""

from __future__ import annotations

from typing import Any

import pytest

from backend.deployments.semi_supervised import checked_semi_supervised, semi_supervised_problems
from backend.ml_models.models import MLModel
from backend.streams.addressees import unfit_reason
from kafkaml.wire.choices import Targets, TrainingMode

CLASSES = MLModel(name="digits", report={"labels": "classes"})


def problems(document: dict[str, Any], *models: MLModel, targets: Targets = Targets.LABELS) -> dict[str, str]:
    return {problem.field: problem.detail for problem in semi_supervised_problems(document, models, targets)}


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (None, None),
        ({}, {"rounds": 5, "confidence": 0.9}),
        ({"confidence": 1}, {"rounds": 5, "confidence": 1.0}),
        ({"unsupervised": True, "unsupervised_rounds": 3, "confidence": 0.8}, {"rounds": 3, "confidence": 0.8}),
        ({"unsupervised": False, "unsupervised_rounds": 5}, None),
    ],
)
def test_settings_are_kept_by_the_names_of_today(asked: Any, kept: Any) -> None:
    # Of a model whose loss nobody knows, the worker finds out.
    assert checked_semi_supervised(asked, [CLASSES, MLModel(name="own", report={})], Targets.LABELS) == kept


@pytest.mark.parametrize(
    ("asked", "field", "problem"),
    [
        ({"rounds": 0}, "semi_supervised.rounds", "greater than or equal to 1"),
        ({"confidence": 0}, "semi_supervised.confidence", "greater than 0"),
        ({"confidence": 1.01}, "semi_supervised.confidence", "less than or equal to 1"),
        ({"round": 3}, "semi_supervised.round", "there is no such setting"),
        ({"unsupervised": "yes"}, "semi_supervised.unsupervised", "expected true or false"),
        (
            {"rounds": 3, "unsupervised_rounds": 4},
            "semi_supervised.unsupervised_rounds",
            "expected one of the two",
        ),
    ],
)
def test_what_makes_no_sense_names_its_field(asked: dict[str, Any], field: str, problem: str) -> None:
    found = problems(asked)
    assert problem in found[field]


@pytest.mark.parametrize(
    ("labels", "problem"), [("numbers", "a regression has no classes"), ("signs", "no probability")]
)
def test_a_model_without_classes_is_refused_when_asked_for(labels: str, problem: str) -> None:
    other = MLModel(name="sensor", report={"labels": labels})
    found = problems({}, CLASSES, other)
    assert found["semi_supervised"].startswith("model sensor cannot learn unlabelled samples")
    assert problem in found["semi_supervised"]


def test_features_as_targets_lack_no_label() -> None:
    assert "expected the targets 'labels'" in problems({}, CLASSES, targets=Targets.FEATURES)["semi_supervised"]


@pytest.mark.parametrize("mode", list(TrainingMode))
def test_a_stream_without_unlabelled_data_does_not_fit(mode: TrainingMode) -> None:
    online = mode is TrainingMode.INCREMENTAL

    def reason(*, semi_supervised: bool, unlabelled: bool) -> str:
        return unfit_reason(7, mode, semi_supervised=semi_supervised, online=online, unlabelled=unlabelled)

    assert "without an unlabelled topic" in reason(semi_supervised=True, unlabelled=False)
    assert reason(semi_supervised=True, unlabelled=True) == ""
    # What it does not learn it leaves aside, and says so in its result.
    assert reason(semi_supervised=False, unlabelled=True) == ""
