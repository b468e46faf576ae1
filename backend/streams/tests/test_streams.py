"""Streams: shown, and announced again through the outbox."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rest_framework.test import APIClient

from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.deployments.models import ResultVersion
from backend.streams import services
from backend.streams.models import OutboxMessage
from kafkaml.control import ControlMessage, deployment_id_from_key
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import StreamRange

pytestmark = pytest.mark.django_db


def test_a_stream_is_announced_to_another_deployment(editor: APIClient) -> None:
    stream = builders.make_stream()
    deployment = builders.make_deployment()
    answer = editor.post(f"/api/streams/{stream.pk}/send/", {"deployment": deployment.pk})
    assert answer.status_code == 202
    message = services.pending_outbox()[0]
    assert message.topic == "KAFKA_ML_CONTROL_TOPIC"
    assert deployment_id_from_key(bytes(message.key)) == deployment.pk
    assert ControlMessage.from_bytes(bytes(message.value)) == stream.control_message()


def test_a_record_stays_in_the_outbox_until_kafka_has_it(editor: APIClient) -> None:
    stream = builders.make_stream()
    editor.post(f"/api/streams/{stream.pk}/send/", {"deployment": builders.make_deployment().pk})
    pk = services.pending_outbox()[0].pk
    services.mark_outbox_failed(pk, "Kafka is unavailable")
    waiting = services.pending_outbox()[0]
    assert (waiting.tries, waiting.error) == (1, "Kafka is unavailable")
    services.mark_outbox_published(pk)
    assert services.pending_outbox() == []
    assert OutboxMessage.objects.get().published_at is not None


def test_unknown_deployments_are_refused(editor: APIClient) -> None:
    stream = builders.make_stream()
    answer = editor.post(f"/api/streams/{stream.pk}/send/", {"deployment": 12345})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "deployment")


def test_a_stream_that_nothing_was_trained_from_says_so_and_why(editor: APIClient) -> None:
    deployment = builders.make_deployment()
    taken, late = (builders.make_stream(deployment.pk) for _ in range(2))
    shown = [editor.get(f"/api/streams/{announcement.pk}/").json() for announcement in (taken, late)]
    reason = f"deployment {deployment.pk} has its stream already, and trains on no other"
    what = f"to use it elsewhere: kafka-ml streams send {late.pk} --deployment N"
    reported = (False, f"nothing was trained from it: {reason}; {what}")
    assert [(stream["used"], stream["note"]) for stream in shown] == [(True, ""), reported]
    deployment.results.update(state="finished")
    assert f"deployment {deployment.pk} has ended" in editor.get(f"/api/streams/{late.pk}/").json()["note"]
    unused = editor.get("/api/streams/", {"deployment": deployment.pk, "used": False}).json()["results"]
    assert [stream["id"] for stream in unused] == [late.pk]
    # After training again on another stream, earlier versions still come from the first one.
    deployment.results.update(stream=late)
    assert not editor.get(f"/api/streams/{taken.pk}/").json()["used"]
    result = deployment.results.get()
    fields = {"number": 1, "reason": "trained", "attempt": 1, "code": "", "outcome": {}}
    ResultVersion.objects.create(result=result, stream=taken, **fields)
    assert editor.get(f"/api/streams/{taken.pk}/").json()["used"]


def test_a_stream_is_not_sent_where_nothing_waits_for_it(editor: APIClient) -> None:
    deployment = builders.make_deployment()
    taken = builders.make_stream(deployment.pk)
    answer = editor.post(f"/api/streams/{taken.pk}/send/", {"deployment": deployment.pk})
    (error,) = answer.json()["errors"]
    assert (error["field"], "has its stream already" in error["detail"]) == ("deployment", True)
    assert services.pending_outbox() == []


def test_fields_of_unknown_versions_are_kept() -> None:
    value = b'{"topic": "a:0:0:5", "input_format": "raw", "input_config": "{}", "from_the_future": 1}'
    stream = builders.make_stream(value=value)
    assert stream.control_message().extra == {"from_the_future": 1}


def test_a_stream_of_one_array_is_not_for_a_model_of_several_inputs(editor: APIClient) -> None:
    inputs = [{"name": name, "shape": None, "dtype": "float32"} for name in ("categories", "numbers")]
    deployment = builders.make_deployment(builders.make_model(report={"inputs": inputs}))
    stream = builders.make_stream(deployment.pk)
    # It is not taken, and all three say why.
    assert deployment.results.get().stream is None
    reason = "takes several inputs"
    assert reason in editor.get(f"/api/streams/{stream.pk}/").json()["note"]
    assert reason in editor.get(f"/api/deployments/{deployment.pk}/").json()["note"]
    for place, body in [
        (f"/api/streams/{stream.pk}/send/", {}),
        ("/api/streams/", {"topic": "digits", "input_format": "RAW"}),
    ]:
        answer = editor.post(place, {"deployment": deployment.pk, **body})
        (error,) = answer.json()["errors"]
        assert (error["field"], reason in error["detail"]) == ("deployment", True)


def test_records_that_are_announced_again_are_known_to_be_the_same(editor: APIClient) -> None:
    first = builders.make_stream()
    editor.post(f"/api/streams/{first.pk}/send/", {"deployment": builders.make_deployment().pk})
    (message,) = services.pending_outbox()
    again = builders.make_stream(key=bytes(message.key), value=bytes(message.value))
    other = builders.make_stream(value=replace(first.control_message(), input_config={}).to_bytes())
    shown = {stream["id"]: stream["same_as"] for stream in editor.get("/api/streams/").json()["results"]}
    assert shown == {first.pk: None, again.pk: first.pk, other.pk: None}
    once = editor.get("/api/streams/", {"repeats": False}).json()["results"]
    assert [stream["id"] for stream in once] == [other.pk, first.pk]
    catalog = editor.get("/api/datasets/catalog/").json()["results"]
    assert [stream["id"] for stream in catalog] == [other.pk, first.pk]
    services.delete_stream(first, actor=SYSTEM)
    assert editor.get(f"/api/streams/{again.pk}/").json()["same_as"] is None


def test_an_online_stream_is_the_same_where_it_begins_at_the_same_time(editor: APIClient) -> None:
    ranges = (StreamRange("digits", 0, 0, None),)
    online = ControlMessage(ranges=ranges, input_format=InputFormat.RAW, input_config={}, incremental=True)
    first = builders.make_stream(value=online.to_bytes())
    since = replace(online, since_ms=services.since_ms(first))
    again = builders.make_stream(value=since.to_bytes(), timestamp_ms=1_800_000_000_000)
    later = builders.make_stream(value=online.to_bytes(), timestamp_ms=1_800_000_000_000)
    shown = {stream["id"]: stream["same_as"] for stream in editor.get("/api/streams/").json()["results"]}
    assert shown == {first.pk: None, again.pk: first.pk, later.pk: None}
