"""training_plan: what a training run does, from rows. Step (6) of the journey of a sample starts from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.api.errors import Conflict
from backend.config.environment import environment
from backend.deployments import checkpoints
from backend.deployments.incremental import incremental_of
from backend.deployments.models import Deployment, TrainingResult
from backend.runs.models import DesiredState
from backend.streams.services import since_ms
from kafkaml.frameworks import Purpose
from kafkaml.wire.choices import Split, Targets, TrainingMode
from kafkaml.wire.distributed import SubModel
from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits
from kafkaml.wire.semi_supervised import SemiSupervised
from kafkaml.wire.training import TrainingPlan

__all__ = ["model_limits", "training_limits", "training_plan"]


def model_limits(*, wall_seconds: int = 0) -> ResourceLimits:
    """Return the limits that the settings give every model process."""
    settings = environment()
    return ResourceLimits(
        memory_bytes=settings.model_memory_bytes, file_bytes=settings.model_file_bytes, wall_seconds=wall_seconds
    )


def training_limits(mode: TrainingMode) -> ResourceLimits:
    """Return the limits of a training's model process: one that follows its stream ends with it, whenever that is."""
    return model_limits(wall_seconds=0 if mode.online else environment().training_wall_seconds)


def training_plan(result: TrainingResult) -> TrainingPlan:
    """Return the plan of the run that a result leads, whose stream is there; raises Conflict when it is not."""
    if result.stream is None:
        raise Conflict(f"result {result.pk} has no stream yet: expected an announcement for its deployment")
    deployment = result.deployment
    framework = Framework(result.model.framework)
    stream = result.stream.control_message()
    incremental = incremental_of(deployment, stream)
    checkpoint = checkpoints.latest(result)
    given = deployment.arguments.get(framework, {})
    fit, evaluation = (given.get(purpose, {}).get("values", {}) for purpose in (Purpose.FIT, Purpose.EVALUATION))
    return TrainingPlan(
        result_id=result.pk,
        deployment_id=deployment.pk,
        model_name=result.model.name,
        framework=framework,
        mode=TrainingMode(deployment.mode),
        code=result.code,
        imports=result.imports,
        batch_size=deployment.batch_size,
        fit_arguments=fit,
        evaluation_arguments=evaluation,
        stream=stream,
        seed=deployment.seed,
        confusion_matrix=deployment.confusion_matrix,
        split=_split(deployment.split, fit),
        targets=Targets(deployment.targets),
        incremental=incremental,
        semi_supervised=_semi_supervised(deployment),
        **_chain(result),
        since_ms=since_ms(result.stream),
        checkpoint=checkpoint.message() if checkpoint else None,
        begun=checkpoints.begun_window(result, checkpoint),
        limits=training_limits(TrainingMode(deployment.mode)),
        stop_asked=result.desired == DesiredState.STOPPED,
        gpu=deployment.gpu,
    )


def _semi_supervised(deployment: Deployment) -> SemiSupervised | None:
    asked = deployment.semi_supervised
    return None if asked is None else SemiSupervised.model_validate(asked)


def _chain(result: TrainingResult) -> dict[str, Any]:
    """Return the part of a plan about sub-models that are trained in one run; empty for an ordinary model."""
    if result.tier is None:
        return {}
    parts = [
        SubModel(
            result_id=part.pk,
            model_name=part.model.name,
            code=part.code,
            imports=part.imports,
            loss_weight=part.loss_weight,
        )
        for part in result.parts()
    ]
    return {"chain": tuple(parts), "chain_training": result.deployment.chain_training}


def _split(chosen: str | None, fit_arguments: Mapping[str, Any]) -> Split:
    """A user who asks for unshuffled samples means the order of time, so the newest ones test."""
    if chosen is not None:
        return Split(chosen)
    return Split.TIME if fit_arguments.get("shuffle") is False else Split.CONTENT
