"""Can deployments train on a data set? Asked while one is made, and before one is announced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backend.api.asked import problem_with
from backend.api.errors import FieldProblem, InvalidField
from backend.datasets.models import DatasetVersion
from backend.datasets.previews import version_preview
from backend.ml_models.models import MLModel
from backend.ml_models.signatures import signature_of
from backend.streams.addressees import unfit_reason
from kafkaml.contract.fit import asks_for_classes, check_contract
from kafkaml.errors import KafkaMLError
from kafkaml.shapes import DataMismatch
from kafkaml.wire.choices import Targets
from kafkaml.wire.contract import Contract

__all__ = ["check_models", "dataset_problems", "seen_classes"]


def dataset_problems(
    version: DatasetVersion | None, models: Iterable[MLModel], *, mode: str, semi_supervised: bool, targets: Targets
) -> list[FieldProblem]:
    """Return why a deployment that is not made yet could not train on a version, as far as no record tells it.

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

    None where nobody needs to know, or no record can be read now: the training tells it then. Reads Kafka.
    """
    contract = Contract.model_validate(version.contract)
    if not any(asks_for_classes(contract, signature_of(model), _loss(model)) for model in models):
        return None
    try:
        found = version_preview(version, 1)
    except KafkaMLError:
        return None
    return [each.value for each in found.balance] or None


def check_models(
    version: DatasetVersion,
    models: Iterable[MLModel],
    *,
    targets: Targets,
    field: str,
    classes: Sequence[str] | None = None,
) -> None:
    """Raise InvalidField for a version that one of ``models`` cannot learn; ``classes`` are some that its label has."""
    contract = Contract.model_validate(version.contract)
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
            raise InvalidField(field, f"{model.name} cannot learn it: {error.message}", hint=error.hint) from error


def _loss(model: MLModel) -> str:
    return str((model.report or {}).get("labels") or "")
