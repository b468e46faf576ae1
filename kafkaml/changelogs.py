"""Changelog topics: how large their records are, and how they are made, by the first replica that needs one."""

from __future__ import annotations

from kafkaml.answers import KAFKA_DEFAULT_RECORD_BYTES, RECORD_OVERHEAD_BYTES
from kafkaml.codecs.base import MAX_KEY_BYTES, KeyedState

__all__ = ["changelog_config", "changelog_record_bytes"]


def changelog_record_bytes(state: KeyedState) -> int:
    """Return how large a record of the changelog can be."""
    return state.value_bytes + MAX_KEY_BYTES + RECORD_OVERHEAD_BYTES


def changelog_config(record_bytes: int) -> dict[str, str]:
    """Return Kafka's settings for a compacted changelog with records of at most this size."""
    large = {"max.message.bytes": str(record_bytes)} if record_bytes > KAFKA_DEFAULT_RECORD_BYTES else {}
    return {"cleanup.policy": "compact", **large}
