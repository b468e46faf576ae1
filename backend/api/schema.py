"""How the API describes itself (OpenAPI 3.1).

Docstrings and help texts of views and serializers are the texts. What follows from the kind of a view or a parameter
is written here once: summaries of lists, descriptions of ids, filters and pages, and the problems of a request.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from django.utils.module_loading import import_string
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc
from rest_framework.filters import OrderingFilter
from rest_framework.permissions import AllowAny

from backend.api.schema_fields import explain_common, explain_inherited
from backend.api.schema_problems import ANY_PROBLEM, PROBLEM, PROBLEM_CONTENT, PROBLEMS, problem_reference
from backend.api.schema_streams import outside_rest_framework

__all__ = ["ProblemSchema", "complete"]

_DONE = {
    "200": "The request succeeded.",
    "201": "The object was created.",
    "202": "The request was accepted. What it asks for is done afterwards.",
    "204": "The request succeeded. The answer has no content.",
}
# Parameters of pages and orders, which are never refused.
_LENIENT = {"limit", "offset", "ordering", "search"}
_NOUNS = {
    "artifacts": "file",
    "audit": "entry",
    "datasets": "data set",
    "inference": "inference",
    "training": "result",
}
# The classes that enums come from, by the names of the enums. Their docstrings explain the values.
_ENUMS: Mapping[str, str] = {
    "BaselineKindEnum": "kafkaml.wire.evaluation.BaselineKind",
    "CatalogRowKindEnum": "backend.datasets.catalog.DatasetKind",
    "ChallengeKindEnum": "kafkaml.wire.inference.ChallengeKind",
    "ContractSplitEnum": "kafkaml.wire.contract.SplitBy",
    "DesiredStateEnum": "backend.runs.models.DesiredState",
    "DirectionEnum": "kafkaml.wire.choices.Direction",
    "EncodingEnum": "kafkaml.wire.contract.Encoding",
    "FailingKindEnum": "kafkaml.wire.replica.FailingKind",
    "FailureCategoryEnum": "kafkaml.wire.failure.FailureCategory",
    "FieldKindEnum": "kafkaml.wire.contract.FieldKind",
    "FieldRoleEnum": "kafkaml.wire.proposal.FieldRole",
    "FormatSettingKindEnum": "kafkaml.codecs.registry.SettingKind",
    "FrameworkEnum": "kafkaml.wire.framework.Framework",
    "GuaranteeEnum": "kafkaml.wire.choices.DeliveryGuarantee",
    "HintCodeEnum": "kafkaml.wire.hint.HintCode",
    "KeyKindEnum": "kafkaml.wire.contract.KeyKind",
    "LabelKindEnum": "kafkaml.wire.contract.LabelKind",
    "MetricEnum": "kafkaml.wire.inference.RuleMetric",
    "MissingEnum": "kafkaml.wire.contract.Missing",
    "ModeEnum": "kafkaml.wire.choices.TrainingMode",
    "OutputTimestampsEnum": "kafkaml.wire.choices.OutputTimestamps",
    "ReasonEnum": "kafkaml.wire.version.VersionReason",
    "RemarkCodeEnum": "kafkaml.wire.proposal.RemarkCode",
    "ReplicaStateEnum": "kafkaml.wire.replica.ReplicaState",
    "RoleEnum": "backend.accounts.models.Role",
    "SamplePartEnum": "kafkaml.wire.preview.SamplePart",
    "ScalingEnum": "kafkaml.wire.contract.Scaling",
    "ScoreEnum": "kafkaml.wire.scores.Score",
    "ScoresEnum": "kafkaml.wire.distributed.Scores",
    "SeverityEnum": "kafkaml.wire.proposal.Severity",
    "ShownEnum": "kafkaml.wire.preview.ShownPart",
    "SplitEnum": "kafkaml.wire.choices.Split",
    "StateEnum": "kafkaml.wire.state.RunState",
    "TargetsEnum": "kafkaml.wire.choices.Targets",
    "VerdictEnum": "backend.inferences.newest_record.Verdict",
}
# A value and its meaning, as docstrings write it, and as the library writes it.
_VALUE = re.compile(r"^\* `{1,2}([^`]+)`{1,2}(?::| -) (.+?)(?=\n\* |\n\n|\Z)", re.MULTILINE | re.DOTALL)
# Schemas whose answers may lack fields; all others are always complete.
_PARTIAL = {"Report"}


class ProblemSchema(AutoSchema):
    """Describes operations by docstrings, and adds what is the same for all operations of a kind."""

    def get_summary(self) -> str:
        return self._texts()[0]

    def get_description(self) -> str:  # type: ignore[override]  # as the library declares it
        return self._texts()[1]

    def _texts(self) -> tuple[str, str]:
        """Return the first sentence of the docstring, and the rest."""
        action = getattr(self.view, "action", self.method.lower())
        written = get_doc(getattr(self.view, action, None))
        if not written and action in ("list", "retrieve"):
            noun = _noun(self.path.split("/")[2])
            plural = f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
            return (f"List {plural}" if action == "list" else f"Show a {noun}"), get_doc(self.view.__class__)
        first, _, rest = (written or get_doc(self.view.__class__)).partition("\n\n")
        return " ".join(first.split()).removesuffix("."), rest

    def _get_parameters(self) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._get_parameters()
        steps = self.path.strip("/").split("/")
        for parameter in parameters:
            name = parameter["name"]
            if parameter["in"] == "path":
                noun = _noun(steps[steps.index(f"{{{name}}}") - 1])
                parameter["description"] = f"{'Name' if name == 'name' else 'Number'} of the {noun}."
        return parameters

    def _get_filter_parameters(self) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._get_filter_parameters()  # type: ignore[no-untyped-call]  # of the library
        return [
            parameter | {"description": self._filter_text(parameter["name"], parameter.get("description", ""))}
            for parameter in parameters
        ]

    def _filter_text(self, name: str, written: str) -> str:
        if name == "search":
            fields = ", ".join(field.replace("__", ".") for field in getattr(self.view, "search_fields", ()))
            return f"Shows only objects that contain all of these words, in any case. Searched are: {fields}."
        if name == "ordering":
            fields = ", ".join(getattr(self.view, "ordering_fields", ()))
            own = " ".join(
                str(backend.ordering_description)
                for backend in getattr(self.view, "filter_backends", ())
                if issubclass(backend, OrderingFilter) and backend is not OrderingFilter
            )
            return f"Orders by these fields, separated by commas, with - for descending: {fields}. {own}".rstrip()
        if not written or written.startswith("*"):
            return f"Shows only objects whose ``{name}`` is this value.\n\n{written}".rstrip()
        return written

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for code, body in bodies.items():
            if code in _DONE and body["description"] in ("", "No response body"):
                body["description"] = _DONE[code]
            if int(code) >= 400 and "content" not in body:
                body["content"] = PROBLEM_CONTENT
        for status, text in getattr(self.view, "problems", {}).items():
            bodies.setdefault(str(status), {"description": text, "content": PROBLEM_CONTENT})
        for status in self._problems():
            bodies.setdefault(str(status), problem_reference(status))
        return {code: bodies[code] for code in sorted(bodies)} | {"default": problem_reference()}

    def _map_basic_serializer(self, serializer: Any, direction: Literal["request", "response"]) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]  # of the library
        explain_inherited(schema, serializer if isinstance(serializer, type) else type(serializer))
        return schema

    def _problems(self) -> Iterator[int]:
        """Yield the statuses of problems that a request of this kind can have."""
        names = {parameter["name"] for parameter in self._get_parameters() if parameter["in"] == "query"}
        if names - _LENIENT or self._get_request_body():  # type: ignore[no-untyped-call]  # of the library
            yield 400
        if self.view.get_authenticators():
            yield 401
        if any(self._may_deny(permission) for permission in self.view.get_permissions()):
            yield 403
        if "{" in self.path:
            yield 404
        if self.view.get_throttles():
            yield 429

    def _may_deny(self, permission: object) -> bool:
        """Whether the permission refuses some requests of users who are signed in."""
        if (asks := getattr(permission, "denies_some", None)) is not None:
            return bool(asks(self.method, self.view))
        return not isinstance(permission, AllowAny)


def complete(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """drf-spectacular's post-processing hook: adds the problem document, what enums and common fields mean, and the
    addresses that are not REST framework views.

    Also says that answers hold all their fields, because the generator knows only defaults for writing.
    """
    components = result.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name, schema in schemas.items():
        if "properties" in schema and not name.endswith("Request") and name not in _PARTIAL:
            schema["required"] = sorted(schema["properties"])
        explain_common(schema)
    schemas["Problem"] = PROBLEM
    components["responses"] = {
        name: {"description": text, "content": PROBLEM_CONTENT} for name, text in (*PROBLEMS.values(), ANY_PROBLEM)
    }
    for name, path in _ENUMS.items():
        schemas[name]["description"] = inspect.cleandoc(import_string(path).__doc__)
    result["paths"] |= outside_rest_framework(result["paths"])
    for operations in result["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                _explain(parameter, schemas)
    return result


def _explain(parameter: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """Give the values of a parameter the meanings that they have in the enum of the same values."""
    values = [value for value in parameter["schema"].get("enum", ()) if value]
    text = parameter.get("description", "")
    own = {value: meaning for value, meaning in _VALUE.findall(text) if meaning.lower() != value}
    if not values or own.keys() >= set(values):
        return
    enums = [schema for schema in schemas.values() if set(schema.get("enum", ())) >= set(values) - own.keys()]
    known: dict[str, str] = {}
    for schema in sorted(enums, key=lambda schema: -len(schema["enum"])):
        known |= dict(_VALUE.findall(schema.get("description", "")))
    about = text.partition("* `")[0].strip()
    lines = [f"* ``{value}``: {own.get(value) or ' '.join(known.get(value, '').split())}" for value in values]
    parameter["description"] = "\n\n".join(filter(None, (about, "\n".join(lines))))


def _noun(segment: str) -> str:
    """Return what an address calls ``segment``, in the singular."""
    return _NOUNS.get(segment) or segment.removesuffix("s").replace("_", " ")
