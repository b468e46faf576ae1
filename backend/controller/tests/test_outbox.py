"""The outbox's relay: what cannot be written waits, and holds up nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from backend.config.environment import environment
from backend.controller.outbox import OutboxRelay
from backend.streams.models import OutboxMessage
from backend.streams.services import prune_outbox
from kafkaml.errors import BrokerError
from kafkaml.testing import InMemoryBroker

pytestmark = pytest.mark.django_db


def test_a_topic_that_is_refused_holds_up_no_other() -> None:
    for topic, value in (("refused", b"1"), ("taken", b"2"), ("refused", b"3"), ("taken", b"4")):
        OutboxMessage.objects.create(topic=topic, key=b"k", value=value)

    def prepare(topic: str) -> None:
        if topic == "refused":
            raise BrokerError("not allowed")

    broker = InMemoryBroker()
    relay = OutboxRelay(broker.writer, may_act=lambda: True, prepare=prepare)
    with pytest.raises(BrokerError, match="not allowed"):
        relay.relay()
    assert [record.value for record in broker.records("taken")] == [b"2", b"4"]
    waiting = OutboxMessage.objects.filter(published_at=None)
    assert [(bytes(message.value), message.tries, message.error) for message in waiting] == [
        (b"1", 1, "not allowed"),
        (b"3", 0, ""),
    ]


def test_what_was_written_long_ago_goes_and_what_waits_stays() -> None:
    now, kept = timezone.now(), timedelta(seconds=environment().outbox_retention_seconds)
    long_ago, lately = now - kept - timedelta(minutes=1), now - kept + timedelta(minutes=1)
    for value, published_at in ((b"old", long_ago), (b"young", lately), (b"waits", None)):
        OutboxMessage.objects.create(topic="t", key=b"k", value=value, published_at=published_at)
    OutboxMessage.objects.update(created_at=now - 2 * kept)
    assert prune_outbox() == 1
    assert [bytes(message.value) for message in OutboxMessage.objects.all()] == [b"young", b"waits"]
    assert prune_outbox() == 0
