"""Announces the current version of a result: on a compacted topic of Kafka, and by webhooks."""

from __future__ import annotations

import uuid

import orjson
from django.utils import timezone

from backend.config.environment import environment
from backend.deployments.models import ResultVersion
from backend.streams.models import OutboxMessage
from backend.webhooks.models import PROMOTED
from backend.webhooks.services import tell
from kafkaml.wire.outcome import Outcome
from kafkaml.wire.version import Comparison, Promotion, PromotionReason

__all__ = ["announce"]


def announce(version: ResultVersion, before: ResultVersion | None, *, by: str, why: str) -> None:
    """Let the controller announce that ``version`` is current, once the present transaction is committed."""
    reason = PromotionReason.CHOSEN if by else PromotionReason(version.reason)
    promotion = Promotion(
        id=uuid.uuid4().hex,
        at=timezone.now(),
        result=version.result_id,
        model=version.result.model.name,
        version=version.number,
        previous=None if before is None else before.number,
        reason=reason,
        by=by,
        why=why,
        metrics=Outcome.model_validate(version.outcome).test_metrics,
        # When a user chose the version, an old comparison does not explain why.
        comparison=Comparison.model_validate(version.comparison) if version.comparison and not by else None,
    )
    OutboxMessage.objects.create(
        topic=environment().versions_topic,
        key=str(promotion.result).encode(),
        value=orjson.dumps(promotion.to_json()),
    )
    tell(PROMOTED, promotion.to_json(), message_id=promotion.id, at=promotion.at)
