"""The settings of semi-supervised deployments: parsed, and checked against their models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from backend.api.asked import problem_with, read_settings
from backend.api.errors import FieldProblem, InvalidFields
from backend.ml_models.models import MLModel
from kafkaml.label_doubts import no_classes_reason
from kafkaml.wire.choices import Targets
from kafkaml.wire.semi_supervised import SemiSupervised

__all__ = ["checked_semi_supervised", "semi_supervised_problems"]

_FIELD = "semi_supervised"
# Names of the settings in Kafka-ML's first form, which had the switch among the other fields.
_SWITCH = "unsupervised"
_OLD_NAMES = {"unsupervised_rounds": "rounds"}


def checked_semi_supervised(
    document: Mapping[str, Any] | None, models: Iterable[MLModel], targets: Targets
) -> dict[str, Any] | None:
    """Return the settings as a deployment keeps them; raises InvalidFields naming every field that is not accepted."""
    asked, problems = _judged(document, models, targets)
    if problems:
        raise InvalidFields(problems)
    return None if asked is None else asked.to_json()


def semi_supervised_problems(
    document: Mapping[str, Any] | None, models: Iterable[MLModel], targets: Targets
) -> list[FieldProblem]:
    """Return what is wrong with the settings: one problem for each field, ``semi_supervised.<name>``."""
    return _judged(document, models, targets)[1]


def _judged(
    document: Mapping[str, Any] | None, models: Iterable[MLModel], targets: Targets
) -> tuple[SemiSupervised | None, list[FieldProblem]]:
    given, problems = _with_new_names(document)
    if given is None:
        return None, problems
    asked, found = read_settings(SemiSupervised, given, field=_FIELD)
    problems += found
    if targets is Targets.FEATURES:
        detail = "the features are the targets, so no sample lacks a label: expected the targets 'labels'"
        problems.append(problem_with(_FIELD, detail))
    reasons = ((model, no_classes_reason(model.report.get("labels") or "")) for model in models)
    wrong = [f"model {model.name} cannot learn unlabelled samples: {reason}" for model, reason in reasons if reason]
    if wrong:
        hint = "deploy it without semi_supervised, or give it a loss over classes, for example a crossentropy"
        problems.append(problem_with(_FIELD, "; ".join(wrong), hint=hint))
    return asked, problems


def _with_new_names(document: Mapping[str, Any] | None) -> tuple[dict[str, Any] | None, list[FieldProblem]]:
    """Return the settings by the names that they have today; None where they are switched off."""
    if document is None:
        return None, []
    given, problems = dict(document), []
    switch = given.pop(_SWITCH, True)
    if not isinstance(switch, bool):
        detail = f"got {str(switch)[:40]!r}: expected true or false"
        problems.append(problem_with(f"{_FIELD}.{_SWITCH}", detail))
    for old, new in _OLD_NAMES.items():
        if old in given and new in given:
            problems.append(problem_with(f"{_FIELD}.{old}", f"{new} says the same: expected one of the two"))
        if old in given:
            given.setdefault(new, given.pop(old))
    return (None if switch is False else given), problems
