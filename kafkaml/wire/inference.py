"""InferencePlan: what one inference does. The control plane makes it, ``model_inference`` fetches it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafkaml.dead_letters import dead_letter_topic
from kafkaml.wire.choices import DeliveryGuarantee, OutputTimestamps
from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits
from kafkaml.wire.message import Message

__all__ = ["InferencePlan"]


class InferencePlan(Message):
    """What one inference does; served by ``GET /api/jobs/inference/<inference>/``.

    ``artifacts`` maps names (``model.weights.h5``, ``model.onnx``, ...) to their sha256; a replica picks the fastest
    that its engine loads, and runs the code with the training's ``seed`` where that is needed. ``preparation`` is what
    the training did to features before the model saw them. ``limit`` and ``upper_topic`` belong to distributed models
    and are None otherwise. ``group`` is the consumer group and the prefix of the transactional ids: one per inference,
    never shared.
    """

    inference_id: int
    result_id: int
    model_name: str
    model_version: str
    framework: Framework
    code: str
    imports: str
    artifacts: Mapping[str, str]
    input_format: str
    input_config: Mapping[str, Any]
    input_topic: str
    output_topic: str
    group: str
    guarantee: DeliveryGuarantee
    preparation: Mapping[str, Any] = {}
    output_timestamps: OutputTimestamps = OutputTimestamps.SOURCE
    output_bootstrap_servers: str = ""
    upper_topic: str | None = None
    limit: float | None = None
    limits: ResourceLimits = ResourceLimits()
    gpu: int = 0
    seed: int = 0

    @property
    def dead_letter_topic(self) -> str:
        """Where records go that cannot be decoded or predicted."""
        return dead_letter_topic(self.output_topic)
