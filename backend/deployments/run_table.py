"""The table of training runs: its orders and filters, and users' annotations of runs.

Columns are named ``KIND.NAME``: a ``score`` of the platform, a ``test`` metric of the framework, the ``best`` value of
a metric while it trained (of validation where there was one), or a ``parameter``. All is done in the database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import F, JSONField, QuerySet, Value
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import NullIf
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request

from backend.accounts.audit import record
from backend.api.actors import Actor
from backend.api.errors import InvalidField
from backend.deployments.models import Deployment, TrainingResult
from backend.ml_models.models import MLModel
from backend.runs.transitions import publish_row
from kafkaml.frameworks import FRAMEWORKS, Purpose
from kafkaml.wire.framework import Framework

__all__ = ["RunOrdering", "annotate_run", "run_parameters", "tagged", "where"]

# The most conditions per query, more than any user writes.
_MOST_TERMS = 8
_MOST_NAME = 200
_CONDITION = re.compile(r"(?P<column>[^<>=!]+?)\s*(?P<operator>>=|<=|!=|>|<|=)\s*(?P<value>.+)", re.DOTALL)
_LOOKUPS = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt", "=": "exact", "!=": "exact"}
_EXPECTED = "expected KIND.NAME, the kind being score, test, best, best_training or parameter"

_PATHS: Mapping[str, Callable[[str], KeyTransform]] = {
    "score": lambda name: KeyTransform(name, KeyTransform("scores", "current_version__outcome")),
    "test": lambda name: KeyTransform(name, KeyTransform("test_metrics", "current_version__outcome")),
    "best": lambda name: KeyTransform("value", KeyTransform(name, KeyTransform("best_validation", "history"))),
    "best_training": lambda name: KeyTransform("value", KeyTransform(name, KeyTransform("best_training", "history"))),
    "parameter": lambda name: KeyTransform(name, "parameters"),
}


def run_parameters(deployment: Deployment, model: MLModel) -> dict[str, Any]:
    """Return what a run of ``model`` is trained with, under the names that all frameworks know."""
    framework = Framework(model.framework)
    written = deployment.arguments.get(framework, {}).get(Purpose.FIT, {}).get("values", {})
    found = {
        "batch_size": deployment.batch_size,
        "seed": deployment.seed,
        **FRAMEWORKS[framework].arguments[Purpose.FIT].in_common_names(written),
    }
    if deployment.chain is not None and model.distributed:
        terms = deployment.chain_training
        found |= {"optimizer": terms.optimizer, "learning_rate": terms.learning_rate}
    return found


class RunOrdering(OrderingFilter):
    """``?ordering=-score.accuracy,parameter.epochs``, in addition to the fields of a run; runs without the value come
    last.
    """

    ordering_description = (
        "Other columns are KIND.NAME, such as -score.accuracy or parameter.epochs. Kinds are score, test, best, "
        "best_training and parameter. Results without a value come last."
    )

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Order the rows; raises InvalidField for an unknown column."""
        terms = [part.strip() for part in request.query_params.get(self.ordering_param, "").split(",") if part.strip()]
        if not any("." in term for term in terms):
            return super().filter_queryset(request, queryset, view)
        _check_count(self.ordering_param, terms)
        orders: list[Any] = []
        for term in terms:
            name = term.removeprefix("-")
            if "." not in name and name not in view.ordering_fields:
                raise InvalidField(self.ordering_param, f"there is no column {name!r}: {_EXPECTED}")
            value: Any = _ordered(_column(self.ordering_param, name)) if "." in name else F(name)
            orders.append(value.desc(nulls_last=True) if term.startswith("-") else value.asc(nulls_last=True))
        return queryset.order_by(*orders, "-id")


def where(rows: QuerySet[TrainingResult], conditions: Sequence[str]) -> QuerySet[TrainingResult]:
    """Keep the rows that fulfil all of ``conditions``, such as ``score.accuracy>=0.9``.

    Values are JSON, or text where they are not. A run without the value fulfils no condition. Raises InvalidField.
    """
    _check_count("where", conditions)
    for place, text in enumerate(conditions):
        found = _CONDITION.fullmatch(text.strip())
        if found is None:
            raise InvalidField(
                "where", f"{text[:80]!r} is not a condition: expected COLUMN, one of {', '.join(_LOOKUPS)}, and a value"
            )
        operator, value = found["operator"], _value(found["value"].strip())
        if operator not in ("=", "!=") and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise InvalidField("where", f"{text[:80]!r} compares with {value!r}: expected a number after {operator}")
        alias = f"where_{place}"
        rows = rows.alias(**{alias: _column("where", found["column"])}).exclude(**{f"{alias}__isnull": True})
        # NaN, as from a training that diverged, is null in JSON.
        rows = rows.exclude(**{alias: None})
        fulfilled = {f"{alias}__{_LOOKUPS[operator]}": value}
        rows = rows.exclude(**fulfilled) if operator == "!=" else rows.filter(**fulfilled)
    return rows


def tagged(rows: QuerySet[TrainingResult], tag: str) -> QuerySet[TrainingResult]:
    """Keep the rows that have ``tag``."""
    return rows.filter(tag_lines__contains=f"\n{tag}\n")


def annotate_run(result: TrainingResult, values: Mapping[str, Any], *, actor: Actor) -> None:
    """Store a user's annotations of a run: ``name``, ``notes``, ``tags``, ``favourite``, as far as given."""
    for name, value in values.items():
        setattr(result, name, value)
    changed = ["tag_lines" if name == "tags" else name for name in values]
    result.save(update_fields=[*changed, "updated_at"])
    record(actor, "annotate", result, detail=", ".join(values))
    publish_row(result)


def _column(parameter: str, name: str) -> KeyTransform:
    kind, _, key = name.partition(".")
    if kind not in _PATHS or not 0 < len(key) <= _MOST_NAME:
        raise InvalidField(parameter, f"there is no column {name[:80]!r}: {_EXPECTED}")
    return _PATHS[kind](key)


def _ordered(column: KeyTransform) -> NullIf:
    """Return an expression to order by in which JSON's null is SQL's, because databases sort JSON's differently."""
    return NullIf(column, Value(None, JSONField()))


def _check_count(parameter: str, terms: Sequence[str]) -> None:
    if len(terms) > _MOST_TERMS:
        raise InvalidField(parameter, f"{len(terms)} of them were given: expected at most {_MOST_TERMS}")


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if value is None or isinstance(value, (list, dict)) else value
