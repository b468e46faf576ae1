"""Checks whether deployments can train on a data set: while one is made, and before one is announced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from backend.api.asked import problem_with
from backend.api.errors import FieldProblem, InvalidField
from backend.datasets.models import Dataset, DatasetVersion
from backend.datasets.previews import version_preview
from backend.ml_models.models import MLModel
from backend.ml_models.signatures import signature_of
from backend.streams.addressees import unfit_reason
from kafkaml.codecs import codec_for
from kafkaml.codecs.columns import contract_of
from kafkaml.codecs.registry import RegisteredSchema
from kafkaml.contract.fit import asks_for_classes, check_contract
from kafkaml.control import ControlMessage
from kafkaml.errors import DecodeError, KafkaMLError
from kafkaml.input_format import InputFormat
from kafkaml.shapes import DataMismatch, ModelSignature, fit_feature_shape
from kafkaml.wire.choices import Targets
from kafkaml.wire.contract import Contract

__all__ = ["check_models", "dataset_fits", "dataset_problems", "samples_problem", "seen_classes"]


def dataset_problems(
    version: DatasetVersion | None, models: Iterable[MLModel], *, mode: str, semi_supervised: bool, targets: Targets
) -> list[FieldProblem]:
    """Return why a deployment that does not exist yet could not train on a version, without reading records.

    ``models`` are those that take its samples.
    """
    if version is None:
        return []
    reason = unfit_reason(None, mode, semi_supervised=semi_supervised, online=version.online, unlabelled=False)
    if reason:
        return [problem_with("dataset", reason)]
    try:
        check_models(version, models, targets=targets, field="dataset")
    except InvalidField as error:
        return [problem_with(error.field, error.message, hint=error.hint)]
    return []


def seen_classes(version: DatasetVersion, models: Iterable[MLModel]) -> Sequence[str] | None:
    """Return classes of the label that a sample of the records has, where a model may have too few outputs for them.

    None where it does not matter, or no record can be read now, in which case the training will find out. Reads Kafka.
    """
    contract = Contract.model_validate(version.contract)
    if not any(asks_for_classes(contract, signature_of(model), _loss(model)) for model in models):
        return None
    try:
        found = version_preview(version, 1)
    except KafkaMLError:
        return None
    return [label.value for label in found.balance] or None


def dataset_fits(models: Sequence[MLModel], *, targets: Targets, limit: int) -> list[dict[str, Any]]:
    """Return the versions of the newest data sets, each with why ``models`` cannot learn it, the newest first.

    ``models`` are those that take samples; ``limit`` counts data sets.
    """
    newest = Dataset.objects.order_by("-pk").values_list("pk", flat=True)[:limit]
    versions = DatasetVersion.objects.filter(dataset__in=list(newest)).select_related("dataset")
    return [
        {
            "dataset": version.dataset_id,
            "name": version.dataset.name,
            "version": version.number,
            "reason": samples_problem(version.control_message(), models, targets=targets),
        }
        for version in versions.order_by("-dataset_id", "-number")
    ]


def samples_problem(stream: ControlMessage, models: Iterable[MLModel], *, targets: Targets) -> str:
    """Return why one of ``models`` is certain not to take the samples of a stream or data set; empty where all may.

    Judged by declarations alone, without reading records or a registry.
    """
    try:
        if stream.input_format == InputFormat.COLUMNS:
            contract, _ = contract_of(stream.input_config)
            _check_contract(contract, models, targets=targets)
            return ""
        features = codec_for(stream.input_format, stream.input_config, schema_lookup=_nowhere).features
        for model in models:
            if features.sample_shape is not None and (problem := _certain(features.sample_shape, signature_of(model))):
                return f"{model.name} cannot learn it: {problem.message}"
    except DataMismatch as error:
        return error.message
    except DecodeError:
        # Errors in the format are reported by the code that reads records.
        pass
    return ""


def _certain(shape: tuple[int, ...], signature: ModelSignature) -> DataMismatch | None:
    if len(signature.names) > 1:
        # Models with several inputs are judged for the deployment as a whole.
        return None
    try:
        _, doubt = fit_feature_shape(shape, signature)
    except DataMismatch as error:
        return error
    vectors = len(shape) == 1 and all(len(expected) == 1 for expected in signature.inputs.values())
    return doubt if signature.proven and vectors else None


def _nowhere(schema_id: int) -> RegisteredSchema:
    raise DecodeError(f"schema {schema_id} is in a registry, which is not asked here")


def check_models(
    version: DatasetVersion,
    models: Iterable[MLModel],
    *,
    targets: Targets,
    field: str,
    classes: Sequence[str] | None = None,
) -> None:
    """Raise InvalidField for a version that one of ``models`` cannot learn; ``classes`` are some that its label has."""
    try:
        _check_contract(Contract.model_validate(version.contract), models, targets=targets, classes=classes)
    except DataMismatch as error:
        raise InvalidField(field, error.message, hint=error.hint) from error


def _check_contract(
    contract: Contract, models: Iterable[MLModel], *, targets: Targets, classes: Sequence[str] | None = None
) -> None:
    """Raise DataMismatch that names the model which cannot learn by a contract."""
    for model in models:
        try:
            check_contract(
                contract,
                signature_of(model),
                _loss(model),
                features_are_targets=targets == Targets.FEATURES or model.distributed,
                classes=classes,
            )
        except DataMismatch as error:
            raise DataMismatch(f"{model.name} cannot learn it: {error.message}", hint=error.hint) from error


def _loss(model: MLModel) -> str:
    return str((model.report or {}).get("labels") or "")
