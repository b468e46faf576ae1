"""inference_plan: what the replicas of an inference do, from rows. Step (8) of the journey of a sample starts here."""

from __future__ import annotations

from backend.api.errors import Conflict
from backend.deployments.models import Artifact
from backend.deployments.plans import model_limits
from backend.inferences.models import Inference
from kafkaml.codecs import format_of
from kafkaml.wire.choices import DeliveryGuarantee, OutputTimestamps
from kafkaml.wire.framework import Framework
from kafkaml.wire.inference import InferencePlan, ServedModel

__all__ = ["inference_plan"]


def inference_plan(inference: Inference) -> InferencePlan:
    """Return the plan of an inference; raises Conflict when its result has no trained model."""
    result = inference.result
    artifacts = dict(Artifact.objects.filter(result=result, attempt=result.attempt).values_list("name", "sha256"))
    if not artifacts:
        raise Conflict(f"result {result.pk} has no trained model: expected a finished one")
    return InferencePlan(
        inference_id=inference.pk,
        revision=inference.revision,
        model=ServedModel(
            result_id=result.pk,
            # The same result trained again is another version of the model.
            version=result.attempt,
            name=result.model.name,
            framework=Framework(result.model.framework),
            code=result.code,
            imports=result.imports,
            artifacts=artifacts,
            preparation=(result.outcome or {}).get("preparation") or {},
            seed=result.deployment.seed,
        ),
        input_format=inference.input_format,
        input_config={**format_of(inference.input_format).untold, **inference.input_config},
        input_topic=inference.input_topic,
        output_topic=inference.output_topic,
        group=inference.group,
        guarantee=DeliveryGuarantee(inference.guarantee),
        output_timestamps=OutputTimestamps(inference.output_timestamps),
        output_bootstrap_servers=inference.output_bootstrap_servers,
        upper_topic=inference.upper_topic or None,
        limit=inference.limit,
        limits=model_limits(),
        gpu=inference.gpu,
    )
