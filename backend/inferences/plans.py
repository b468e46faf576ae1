"""inference_plan: what the replicas of an inference do, from rows. Step (8) of the journey of a sample starts here."""

from __future__ import annotations

from backend.deployments.models import ResultVersion, TrainingResult
from backend.deployments.plans import model_limits
from backend.deployments.versions import artifacts_of
from backend.inferences.models import Inference
from backend.inferences.tiers import cascade_of, exit_of, tier_of
from kafkaml.codecs import format_of
from kafkaml.wire.choices import DeliveryGuarantee, OutputTimestamps
from kafkaml.wire.distributed import Scores
from kafkaml.wire.evaluation import BaselineKind
from kafkaml.wire.framework import Framework
from kafkaml.wire.inference import Challenger, InferencePlan, ServedModel

__all__ = ["classes_of", "inference_plan"]


def inference_plan(inference: Inference) -> InferencePlan:
    """Return the plan of an inference."""
    kind = inference.challenge_kind
    challenger = None
    if inference.challenger is not None and kind is not None:
        challenger = Challenger(
            model=_served_model(inference.result, inference.challenger),
            kind=kind,
            share=inference.challenger_share,
            labelled=inference.challenger_labelled,
        )
    return InferencePlan(
        inference_id=inference.pk,
        revision=inference.revision,
        model=_served_model(inference.result, inference.served),
        challenger=challenger,
        input_format=inference.input_format,
        input_config={**format_of(inference.input_format).untold, **inference.input_config},
        input_topic=inference.input_topic,
        output_topic=inference.output_topic,
        group=inference.group,
        guarantee=DeliveryGuarantee(inference.guarantee),
        output_timestamps=OutputTimestamps(inference.output_timestamps),
        output_bootstrap_servers=inference.output_bootstrap_servers,
        tier=tier_of(inference.result),
        cascade=cascade_of(inference),
        include=tuple(inference.include),
        limits=model_limits(),
        gpu=inference.gpu,
    )


def classes_of(version: ResultVersion) -> int | None:
    """Return the number of classes between which the model chooses. 0: it answers numbers. None: not known.

    Training names the classes where it knows them, and judges against the most frequent one or against a median.
    """
    found = exit_of(version)
    if found is not None:
        return 0 if found.scores is Scores.VALUES else found.classes
    baseline = version.outcome.get("baseline") or {}
    if version.outcome.get("labels"):
        return len(version.outcome["labels"])
    return 0 if baseline.get("kind") == BaselineKind.MEDIAN else None


def _served_model(result: TrainingResult, version: ResultVersion) -> ServedModel:
    return ServedModel(
        result_id=result.pk,
        version=version.number,
        name=result.model.name,
        framework=Framework(result.model.framework),
        code=version.code,
        imports=version.imports,
        artifacts=dict(artifacts_of(version).values_list("name", "sha256")),
        preparation=version.outcome.get("preparation") or {},
        seed=result.deployment.seed,
        classes=classes_of(version),
    )
