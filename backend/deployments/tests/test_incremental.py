"""What an incremental deployment may be asked for, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from backend.deployments.incremental import checked_incremental, incremental_problems
from backend.ml_models.models import MLModel
from kafkaml.wire.choices import TrainingMode

WITH_METRICS = MLModel(name="digits", report={"metrics": ["loss", "accuracy"]})


def problems(document: dict[str, Any] | None, *models: MLModel) -> dict[str, str]:
    found = incremental_problems(TrainingMode.INCREMENTAL, document, models)
    return {problem.field.removeprefix("incremental."): problem.detail for problem in found}


def checked(document: dict[str, Any] | None) -> dict[str, Any]:
    kept = checked_incremental(TrainingMode.INCREMENTAL, document, [WITH_METRICS])
    assert kept is not None
    return kept


def test_without_settings_the_defaults_are_kept() -> None:
    kept = checked(None)
    assert (kept["stream_timeout"], kept["message_poll_timeout"], kept["indefinite"]) == (60_000, 60_000, False)
    assert kept["validation_rate"] is None


@pytest.mark.parametrize(
    ("metric", "change"), [("loss", "down"), ("accuracy", "up"), ("mean_squared_error", "down"), ("f1_score", "up")]
)
def test_the_direction_follows_from_a_metric_that_is_known(metric: str, change: str) -> None:
    asked = {"monitoring_metric": metric, "validation_rate": 0.2}
    kept = checked_incremental(TrainingMode.INCREMENTAL, asked, [])
    assert kept is not None
    assert kept["change"] == change


@pytest.mark.parametrize(
    ("asked", "field", "problem"),
    [
        ({"improvement": -1}, "improvement", "greater than or equal to 0"),
        ({"improvment": 1}, "improvment", "there is no such setting"),
        ({"validation_rate": 1}, "validation_rate", "less than 1"),
        ({"indefinite": True, "validation_rate": 0}, "validation_rate", "expected more than 0"),
        (
            {"monitoring_metric": "accuracy", "validation_rate": 0},
            "validation_rate",
            "measured on samples that validate",
        ),
        ({"improvement": 0.1}, "improvement", "expected monitoring_metric as well"),
        ({"change": "up"}, "change", "expected monitoring_metric as well"),
        ({"monitoring_metric": "cohen_kappa"}, "change", "expected up or down"),
        ({"monitoring_metric": "loss", "change": "left"}, "change", "'up' or 'down'"),
        ({"numeratorBatch": 5, "denominatorBatch": 5}, "numeratorBatch", "expected fewer than all"),
        ({"numeratorBatch": "1"}, "numeratorBatch", "expected a whole number"),
        ({"numeratorBatch": 1, "validation_rate": 0.5}, "validation_rate", "expected one of the two"),
    ],
)
def test_what_makes_no_sense_names_its_field(asked: dict[str, Any], field: str, problem: str) -> None:
    found = problems(asked)
    assert list(found) == [field]
    assert problem in found[field]


def test_a_metric_that_the_model_does_not_have_is_refused_with_those_it_has() -> None:
    found = incremental_problems(TrainingMode.INCREMENTAL, {"monitoring_metric": "acuracy"}, [WITH_METRICS])
    (of_model,) = (problem for problem in found if problem.field == "incremental.monitoring_metric")
    assert of_model.detail == "model digits has no metric 'acuracy': expected loss or accuracy"
    assert of_model.hint == "did you mean accuracy?"
    # Reports of before tell of no metrics: the worker finds out.
    assert problems({"monitoring_metric": "acuracy", "change": "up"}, MLModel(name="old", report={})) == {}


@pytest.mark.parametrize(
    ("old", "rate"), [({"numeratorBatch": 1, "denominatorBatch": 5}, 0.2), ({"denominatorBatch": 4}, 0.25)]
)
def test_the_two_numbers_of_the_old_form_are_a_share(old: dict[str, int], rate: float) -> None:
    assert checked(old)["validation_rate"] == rate


def test_settings_of_another_mode_are_refused() -> None:
    (found,) = incremental_problems(TrainingMode.CLASSIC, {}, [])
    assert found.field == "incremental"
    assert found.detail.endswith("expected mode incremental")
    assert incremental_problems(TrainingMode.CLASSIC, None, []) == []
