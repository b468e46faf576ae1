"""Users' actions on deployments and results: create, stop, restart, delete; and giving streams to those that wait."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.errors import Conflict, InvalidField, NotFound
from backend.configurations.models import Configuration
from backend.configurations.services import with_chains
from backend.datasets.fitting import seen_classes
from backend.datasets.services import announce_dataset
from backend.deployments import checkpoints, storage
from backend.deployments.models import Deployment, TrainingResult
from backend.deployments.run_table import run_parameters
from backend.deployments.stream_fits import samples_reason, stream_reason
from backend.events.services import publish
from backend.ml_models.chains import chains_among
from backend.ml_models.models import MLModel
from backend.runs.models import ENDED_STATES, DesiredState
from backend.runs.services import restart, stop
from backend.runs.transitions import publish_run
from backend.streams.models import Announcement
from kafkaml.wire.state import RunState

__all__ = [
    "assign_stream",
    "create_deployment",
    "refresh_waiting_code",
    "require_result",
    "restart_result",
    "stop_deployment",
]


def create_deployment(*, actor: Actor, configuration: Configuration, **values: Any) -> Deployment:
    """Create a deployment with one waiting result per model of its configuration; the top of a chain leads its results.

    An announcement that arrived before under the same number belongs to no deployment (numbers are never reused), so
    it is not taken; it can be sent to this one. A ``dataset`` (version) is announced to it in the same transaction;
    raises InvalidField where the deployment trains on streams of the other kind.
    """
    models = with_chains(list(configuration.models.order_by("id")))
    if not models:
        raise Conflict(
            f"configuration {configuration.name!r} has no models: expected at least one", hint="add a model to it"
        )
    dataset = values.get("dataset")
    # Read the classes before the transaction, which must not wait for Kafka.
    classes = None if dataset is None else seen_classes(dataset, models)
    with transaction.atomic():
        deployment = Deployment.objects.create(configuration=configuration, created_by_id=actor.user_id, **values)
        chains = chains_among(models)
        parts = {sub_model.pk for chain in chains for sub_model in chain[:-1]}
        tiers = {sub_model.pk: tier for chain in chains for tier, sub_model in enumerate(chain)}
        leading = [_waiting(deployment, model, tier=tiers.get(model.pk)) for model in models if model.pk not in parts]
        leaders = {leader.model_id: leader for leader in TrainingResult.objects.bulk_create(leading)}
        TrainingResult.objects.bulk_create(
            [
                _waiting(deployment, sub_model, tier=tiers[sub_model.pk], leader=leaders[chain[-1].pk])
                for chain in chains
                for sub_model in chain[:-1]
            ]
        )
        if deployment.dataset is not None:
            announce_dataset(
                deployment.dataset, actor=actor, deployment=deployment.pk, field="dataset", classes=classes or ()
            )
        record(actor, "create", deployment, after=state_hash(deployment))
        publish("deployments", {"id": deployment.pk, "change": "created"})
    return deployment


def _waiting(deployment: Deployment, model: MLModel, **place: Any) -> TrainingResult:
    return TrainingResult(
        deployment=deployment,
        model=model,
        loss_weight=deployment.chain_training.loss_weights.get(model.name, 1.0),
        code=model.code,
        imports=model.imports,
        parameters=run_parameters(deployment, model),
        state=RunState.WAITING,
        **place,
    )


def stop_deployment(deployment: Deployment, *, actor: Actor) -> None:
    """Stop everything in a deployment that has not ended."""
    with transaction.atomic():
        for result in deployment.results.filter(leader=None).exclude(state__in=ENDED_STATES):
            stop(result, actor=actor)


def restart_result(
    result: TrainingResult, *, actor: Actor, stream: Announcement | None = None, resume: bool = False
) -> TrainingResult:
    """Train an ended result again, on ``stream`` or the one it had, with the model's present code; a chain as a whole.

    With ``resume`` it continues from its last checkpoint instead, with the same code on the same stream; raises
    InvalidField where it cannot. Versions of earlier trainings stay; inferences continue to serve them, and those that
    follow change over to the new one.
    """

    def train_again(locked: TrainingResult) -> None:
        parts = locked.parts()
        for part in parts:
            part.failed_outcome = part.failed_confusion_matrix = None
        if resume:
            _check_goes_on(locked, stream)
        else:
            if stream is not None:
                _check_fits(locked.deployment, stream)
            for part in parts:
                part.code, part.imports = part.model.code, part.model.imports
            locked.stream = stream or locked.stream
            locked.first_attempt = locked.attempt
            checkpoints.forget(locked)
        for part in parts:
            if part is not locked:
                part.attempt = locked.attempt
                part.save()
            storage.remove_attempts_before(part)

    return restart(result, actor=actor, change=train_again)


def _check_fits(deployment: Deployment, stream: Announcement) -> None:
    message = stream.control_message()
    if reason := stream_reason(deployment, message) or samples_reason(deployment, message):
        raise InvalidField("stream", reason, hint="choose another stream, or make another deployment")


def _check_goes_on(result: TrainingResult, stream: Announcement | None) -> None:
    if checkpoints.latest(result) is None:
        raise InvalidField(
            "resume",
            f"result {result.pk} has no checkpoint to go on from",
            hint="without resume it trains from the beginning",
        )
    if stream is not None and stream.pk != result.stream_id:
        raise InvalidField(
            "stream",
            f"the checkpoint of result {result.pk} stands in stream {result.stream_id}, it cannot go on in {stream.pk}",
            hint="without resume it trains from the beginning on the other stream",
        )


def assign_stream(announcement: Announcement, **_signal: Any) -> int:
    """Give a stream to the results of its deployment that wait for one; returns how many took it.

    Results that train or have trained keep theirs; a second stream is kept and can be used by ``restart_result``. A
    stream of another kind than its deployment trains on is kept too; the pages of both say so.
    """
    if announcement.deployment_number is None:
        return 0
    deployment = Deployment.objects.filter(pk=announcement.deployment_number).first()
    if deployment is None:
        return 0
    if stream_reason(deployment, announcement.control_message()):
        publish("deployments", {"id": deployment.pk, "change": "unfit stream"})
        return 0
    with transaction.atomic():
        waiting = list(
            TrainingResult.objects.select_for_update(of=("self",))
            .select_related("model")
            .filter(
                deployment=deployment,
                leader=None,
                stream=None,
                desired=DesiredState.RUN,
                state__in=(RunState.CREATED, RunState.WAITING),
            )
        )
        for result in waiting:
            for part in result.parts():
                part.stream = announcement
                # A model that was fixed while its result waited trains with its present code.
                part.code, part.imports = part.model.code, part.model.imports
                part.state = RunState.WAITING
                part.save(update_fields=["stream", "code", "imports", "state", "updated_at"])
            publish_run(result, stream=announcement.pk)
    return len(waiting)


def refresh_waiting_code(model: MLModel, **_signal: Any) -> int:
    """Let results that still wait for their stream train a model's new code; returns how many."""
    waiting = TrainingResult.objects.filter(model=model, stream=None).exclude(state__in=ENDED_STATES)
    return waiting.update(code=model.code, imports=model.imports)


def require_result(result_id: int) -> TrainingResult:
    """Return a result with what its plan needs; raises NotFound."""
    result = TrainingResult.objects.select_related("deployment", "model", "stream").filter(pk=result_id).first()
    if result is None:
        raise NotFound(f"there is no result {result_id}")
    return result
