"""The model card of a version, from rows and the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from backend.accounts.models import AuditEntry
from backend.deployments.models import ResultVersion, TrainingResult
from backend.deployments.version_documents import version_message
from backend.streams.models import Announcement
from kafkaml.frameworks import Purpose
from kafkaml.wire.card import CardClass, CardData, CardLineage, CardTraining, ModelCard
from kafkaml.wire.choices import Split, Targets, TrainingMode
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.outcome import ConfusionMatrix
from kafkaml.wire.semi_supervised import SemiSupervised

__all__ = ["model_card"]


def model_card(version: ResultVersion) -> ModelCard:
    """Return the card of a version."""
    result = version.result
    model = result.model
    matrix = None if version.confusion_matrix is None else ConfusionMatrix.model_validate(version.confusion_matrix)
    return ModelCard(
        result=result.pk,
        model=model.pk,
        name=model.name,
        description=model.description,
        framework=Framework(model.framework),
        code=version.code,
        imports=version.imports,
        version=version_message(version, current=result.current_version_id),
        data=None if version.stream is None else _data(version.stream),
        training=_training(result),
        lineage=_lineage(version),
        confusion_matrix=matrix,
        classes=[] if matrix is None else _classes(matrix),
    )


def _data(stream: Announcement) -> CardData:
    message = stream.control_message()
    # The card uses the field names of the announcement on the wire.
    announced = message.to_json()
    return CardData(
        stream=stream.pk,
        announced_at=stream.sent_at or stream.registered_at,
        topic=announced["topic"],
        unsupervised_topic=announced["unsupervised_topic"],
        input_format=announced["input_format"],
        input_config=announced["input_config"],
        description=message.description,
        validation_rate=message.validation_rate,
        test_rate=message.test_rate,
        records=message.total_msg,
    )


def _training(result: TrainingResult) -> CardTraining:
    deployment, framework = result.deployment, result.model.framework
    given: Mapping[str, Any] = deployment.arguments.get(framework, {})
    fit, evaluation = (given.get(purpose, {}).get("values", {}) for purpose in (Purpose.FIT, Purpose.EVALUATION))
    return CardTraining(
        mode=TrainingMode(deployment.mode),
        batch_size=deployment.batch_size,
        fit=fit,
        evaluation=evaluation,
        seed=deployment.seed,
        split=None if deployment.split is None else Split(deployment.split),
        targets=Targets(deployment.targets),
        incremental=None if deployment.incremental is None else Incremental.model_validate(deployment.incremental),
        semi_supervised=None
        if deployment.semi_supervised is None
        else SemiSupervised.model_validate(deployment.semi_supervised),
        chain=None if result.tier is None else deployment.chain_training,
    )


def _lineage(version: ResultVersion) -> CardLineage:
    deployment = version.result.deployment
    asked = AuditEntry.objects.filter(at__lte=version.created_at, result="ok")
    begun = (
        asked.filter(object_type="trainingresult", object_id=version.result_id, action="restart").first()
        or asked.filter(object_type="deployment", object_id=deployment.pk, action="create").first()
    )
    chosen = AuditEntry.objects.filter(
        object_type="trainingresult",
        object_id=version.result_id,
        action="promote",
        detail__startswith=f"version {version.number} in place of",
    ).first()
    asked_by, asked_at = _who(begun)
    promoted_by, promoted_at = _who(chosen)
    return CardLineage(
        deployment=deployment.pk,
        configuration=deployment.configuration_id,
        configuration_name=deployment.configuration.name,
        asked_by=asked_by,
        asked_at=asked_at or deployment.created_at,
        promoted_by=promoted_by,
        promoted_at=promoted_at,
    )


def _who(entry: AuditEntry | None) -> tuple[str, datetime | None]:
    return ("", None) if entry is None else (entry.actor, entry.at)


def _classes(counted: ConfusionMatrix) -> list[CardClass]:
    """Return a row per class; a matrix whose classes have no names numbers them."""
    matrix = counted.matrix
    labels = counted.labels if len(counted.labels) == len(matrix) else [str(index) for index in range(len(matrix))]
    predicted = [sum(column) for column in zip(*matrix, strict=True)]
    return [
        CardClass(
            label=label,
            samples=sum(row),
            predicted=predicted[position],
            recall=row[position] / sum(row) if sum(row) else None,
            precision=row[position] / predicted[position] if predicted[position] else None,
        )
        for position, (label, row) in enumerate(zip(labels, matrix, strict=True))
    ]
