"""Warns of records that Kafka deletes before a model learns from them, because their own times are old. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kafkaml.records import Record
from kafkaml.wire.proposal import Remark, RemarkCode, Severity

__all__ = ["expiry_remark"]

_DAY_MS, _HOUR_MS = 86_400_000, 3_600_000


def expiry_remark(records: Sequence[Record], topic_config: Mapping[str, str], now_ms: int) -> Remark | None:
    """Return a warning where records of a sample are older than the topic keeps them; None where there are none.

    Retention goes by the records' own times, so old data that are sent again with their times disappear within minutes.
    """
    retention_ms = int(topic_config.get("retention.ms", "-1"))
    if retention_ms < 0 or "delete" not in topic_config.get("cleanup.policy", "delete"):
        return None
    old = sum(0 < record.timestamp_ms < now_ms - retention_ms for record in records)
    if not old:
        return None
    days = retention_ms / _DAY_MS
    kept = f"{days:g} days" if days >= 1 else f"{retention_ms / _HOUR_MS:.3g} hours"
    return Remark(
        code=RemarkCode.EXPIRING,
        severity=Severity.WARNING,
        message=f"{old / len(records):.0%} of the records are older than the {kept} that the topic keeps them: Kafka "
        "is about to delete them",
        hint="set retention.ms of the topic to -1, and send again what is gone",
    )
