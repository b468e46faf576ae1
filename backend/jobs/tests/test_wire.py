"""A field of a message is written once, in ``kafkaml.wire``: the source of generated clients gets it automatically."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

import kafkaml.wire
from kafkaml.sdk import types
from kafkaml.wire.export import ExportOrder, ExportOutcome
from kafkaml.wire.job import InferenceJob, TrainingJob
from kafkaml.wire.message import Message
from kafkaml.wire.version import Promotion

# They travel in the environment of a process, or by Kafka and to others.
NOT_OF_THE_API = {Message, ExportOrder, ExportOutcome, InferenceJob, Promotion, TrainingJob}


def messages() -> list[type[Message]]:
    """Every message of the package that no other one extends."""
    modules = [
        importlib.import_module(f"kafkaml.wire.{module.name}") for module in pkgutil.iter_modules(kafkaml.wire.__path__)
    ]
    exported = [getattr(module, name) for module in modules for name in module.__all__]
    named = {value for value in exported if isinstance(value, type)}
    classes = [exported_class for exported_class in named if issubclass(exported_class, Message)]
    return sorted(
        (class_ for class_ in classes if class_ not in NOT_OF_THE_API and not set(class_.__subclasses__()) & named),
        key=lambda message_class: message_class.__name__,
    )


@pytest.fixture(scope="module")
def components() -> dict[str, Any]:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    described: dict[str, Any] = schema["components"]["schemas"]
    return described


@pytest.mark.parametrize("message", messages(), ids=lambda message_class: message_class.__name__)
def test_each_message_is_described_with_all_its_fields(message: type[Message], components: dict[str, Any]) -> None:
    found = [components[name] for name in (message.__name__, f"{message.__name__}Request") if name in components]
    assert found
    assert all(list(schema["properties"]) == list(message.model_fields) for schema in found)


def test_answers_have_every_field_and_requests_those_without_a_default(components: dict[str, Any]) -> None:
    assert set(components["Failure"]["required"]) == set(components["Failure"]["properties"])
    assert components["FailureRequest"]["required"] == ["category", "cause"]


def test_closed_sets_have_one_name_in_all_of_the_api(components: dict[str, Any]) -> None:
    assert components["Failure"]["properties"]["category"]["$ref"].endswith("/FailureCategoryEnum")
    assert not {"FailureCategory", "ReplicaState", "Split", "Targets", "TrainingMode"} & set(components)
    plan = str(components["TrainingPlan"]["properties"])
    assert all(f"/{name}" in plan for name in ("FrameworkEnum", "ModeEnum", "SplitEnum", "TargetsEnum"))


def test_a_metric_that_is_not_a_number_is_null(components: dict[str, Any]) -> None:
    metric = {"type": ["number", "null"], "format": "double"}
    assert components["EpochMetrics"]["properties"]["training"]["additionalProperties"] == metric


@pytest.mark.parametrize(
    ("name", "answer", "field"),
    [
        ("EpochMetrics", types.TrainingResult, "metrics"),
        ("Failure", types.TrainingResult, "failure"),
        ("Outcome", types.TrainingResult, "outcome"),
        ("Progress", types.TrainingResult, "progress"),
        ("Totals", types.Inference, "stats"),
    ],
)
def test_the_sdk_reads_what_the_schema_says(
    name: str, answer: type[types.TrainingResult] | type[types.Inference], field: str, components: dict[str, Any]
) -> None:
    kind = answer.model_fields[field].annotation
    # The optional ones are ``X | None``.
    message = next(member for member in getattr(kind, "__args__", (kind,)) if member is not type(None))
    assert set(message.model_fields) == set(components[name]["properties"])
