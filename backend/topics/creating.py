"""Creates a topic in the platform's cluster, as its broker's rules allow. Called by the views."""

from __future__ import annotations

from dataclasses import dataclass

import stamina

from backend.accounts.audit import record
from backend.api.actors import Actor
from backend.api.errors import Conflict, InvalidField
from backend.config.environment import environment
from backend.records.browsing import REQUEST_SECONDS, open_browser
from kafkaml.confluent import KafkaAdmin
from kafkaml.errors import RefusedError, StreamUnavailable, TopicRefused

__all__ = ["NewTopic", "create"]


@dataclass(frozen=True, kw_only=True)
class NewTopic:
    """A topic to be created. None: as the broker is set. ``retention_ms`` -1: records are kept forever."""

    name: str
    partitions: int = 1
    replication_factor: int | None = None
    retention_ms: int | None = None


def create(new: NewTopic, *, actor: Actor) -> None:
    """Create ``new``, and return when the broker knows it.

    Raises InvalidField for a name that is Kafka's own, Conflict for one that exists, RefusedError with the broker's
    words when it refuses.
    """
    if new.name.startswith("__"):
        raise InvalidField("name", "names that begin with __ are for Kafka's own topics", hint="choose another name")
    browser = open_browser()
    admin = KafkaAdmin(environment().kafka, timeout_seconds=REQUEST_SECONDS)
    try:
        created = admin.create_topic(
            new.name,
            partitions=new.partitions,
            replication_factor=-1 if new.replication_factor is None else new.replication_factor,
            config={} if new.retention_ms is None else {"retention.ms": str(new.retention_ms)},
        )
    except TopicRefused as error:
        raise RefusedError(error.message, hint=error.hint) from error
    if not created:
        raise Conflict(f"there is a topic {new.name} already", hint="choose another name, or use that topic")
    record(
        actor, "create", object_type="topic", object_id=new.name, detail=f"{new.name} with {new.partitions} partitions"
    )
    # The broker tells of a new topic a moment after it took it.
    for attempt in stamina.retry_context(
        on=StreamUnavailable, attempts=None, timeout=REQUEST_SECONDS, wait_initial=0.02, wait_max=0.5
    ):
        with attempt:
            browser.partitions(new.name)
