"""Contracts proposed through the API, from samples of a real broker's topics."""

from __future__ import annotations

import struct
from typing import Any

import orjson
import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from backend.records import browsing
from backend.topics import proposals
from backend.topics.tests.test_topics import POISON, write
from backend.topics.views import ProposalThrottle
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from kafkaml.wire.proposal import Proposal
from tests.conftest import TestBroker
from tests.machines import machine_records

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture(autouse=True)
def _kafka(broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    # A sample that is out of time holds less than there is: only a busy machine could make that happen here.
    monkeypatch.setattr(browsing, "REQUEST_SECONDS", 60.0)
    monkeypatch.setattr(proposals, "_SAMPLE_SECONDS", 60.0)


@pytest.fixture
def machines(broker: TestBroker) -> str:
    topic = broker.topic(4, name="machines")
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    for record in machine_records(topic=topic):
        writer.write(
            OutgoingRecord(
                topic, record.value, record.key, timestamp_ms=record.timestamp_ms, partition=record.partition
            )
        )
    writer.flush(90)
    writer.close()
    return topic


def propose(client: APIClient, topic: str, **asked: Any) -> Proposal:
    answer = client.post(f"/api/topics/{topic}/proposal/", asked)
    assert answer.status_code == 200, answer.content
    return Proposal.model_validate(answer.json())


def test_a_topic_of_readings_is_proposed_as_a_data_set(viewer: APIClient, machines: str) -> None:
    proposal = propose(viewer, machines)
    assert (proposal.sampled, proposal.decodes) == (600, 1)
    assert proposal.contract is not None
    assert [label.name for label in proposal.contract.labels] == ["failure"]
    assert "reading.temperature" in [column.expression for column in proposal.contract.columns]
    assert proposal.window is not None
    # A part of the topic, and another label.
    proposal = propose(viewer, machines, label="status", since_ms=1_700_000_100_000, until_ms=1_700_000_400_000)
    assert proposal.sampled == 300
    assert proposal.time is not None
    assert proposal.time.first_ms == 1_700_000_100_000
    assert proposal.label is not None
    assert [value_count.value for value_count in proposal.label.balance] != []
    assert propose(viewer, machines, label="none").label is None


def test_whatever_is_in_a_topic_has_an_answer(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    write(broker, topic, [*POISON, None], key=b"\xff\x00", headers=[("h", b"\xff")])
    for asked in ({}, *({"format": name} for name in ("JSON", "CSV", "RAW", "AVRO", "TELEGRAF_STR_JSON"))):
        propose(viewer, topic, **asked)
    assert propose(viewer, broker.topic()).contract is None


def test_records_are_read_by_the_schema_that_is_given(viewer: APIClient, broker: TestBroker) -> None:
    schema = orjson.dumps(
        {"type": "record", "name": "s", "fields": [{"name": name, "type": "float"} for name in ("x", "label")]}
    ).decode()
    topic = broker.topic()
    write(broker, topic, [struct.pack("<ff", place / 7, place % 2) for place in range(60)])
    proposal = propose(viewer, topic, data_scheme=schema)
    assert proposal.contract is not None
    assert (proposal.contract.format, [column.name for column in proposal.contract.columns]) == ("AVRO", ["x"])


def test_what_is_wrong_with_a_request_is_said_by_field(viewer: APIClient, machines: str) -> None:
    for name, value in {
        "label": "no_such_field",
        "format": "XML",
        "data_scheme": "{",
        "data_type": "float7",
        "records": 100_000,
        "delimiter": ",,",
        "since_ms": -1,
    }.items():
        answer = viewer.post(f"/api/topics/{machines}/proposal/", {name: value})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)
    assert viewer.post("/api/topics/never-made/proposal/", {}).status_code == 404


def test_one_person_cannot_ask_all_the_time(
    viewer: APIClient, editor: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    monkeypatch.setattr(ProposalThrottle, "THROTTLE_RATES", {"proposal": "2/min"})
    assert [viewer.post("/api/topics/none/proposal/", {}).status_code for _ in range(3)] == [404, 404, 429]
    assert editor.post("/api/topics/none/proposal/", {}).status_code == 404
