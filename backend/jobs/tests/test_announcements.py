"""What the control logger does with the API."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.config.environment import environment
from backend.deployments.models import TrainingResult
from backend.deployments.plans import training_plan
from backend.runs import transitions as runs
from backend.streams.models import Announcement, OutboxMessage
from kafkaml.wire.incremental import Incremental

pytestmark = pytest.mark.django_db

VALUE = (
    b'{"topic": "mnist:0:0:60", "input_format": "RAW", "input_config": {"data_type": "uint8"}, '
    b'"description": "x", "validation_rate": 0.1, "test_rate": 0, "total_msg": 60}'
)


@pytest.fixture
def logger() -> APIClient:
    folder = environment().state_dir / "secrets"
    folder.mkdir()
    (folder / "service_token").write_text("a secret between two services")
    client = APIClient(headers={"host": "localhost"})
    client.credentials(HTTP_AUTHORIZATION="Bearer a secret between two services")
    return client


def announce(client: APIClient, key_bytes: bytes | None, value_bytes: bytes | None = VALUE, **changes: Any):
    body = {
        "cluster": "abc",
        "topic": "KAFKA_ML_CONTROL_TOPIC",
        "partition": 0,
        "offset": 5,
        "timestamp_ms": 1_700_000_000_000,
        "key": None if key_bytes is None else base64.b64encode(key_bytes).decode(),
        "value": None if value_bytes is None else base64.b64encode(value_bytes).decode(),
    }
    return client.post("/api/announcements/", {**body, **changes})


def test_an_announcement_gives_the_waiting_results_their_stream_once(logger: APIClient) -> None:
    deployment = builders.make_deployment(builders.make_model(), builders.make_model())
    assert announce(logger, bytes([deployment.pk])).status_code == 201
    assert announce(logger, bytes([deployment.pk])).status_code == 200
    announcement = Announcement.objects.get()
    assert announcement.sent_at is not None
    assert list(TrainingResult.objects.values_list("stream", "state")) == [(announcement.pk, "waiting")] * 2


def test_the_same_offset_of_another_cluster_is_another_stream(logger: APIClient) -> None:
    assert announce(logger, b"\x01").status_code == 201
    assert announce(logger, b"\x01", cluster="other").status_code == 201
    assert announce(logger, b"\x01", partition=1).status_code == 201
    assert Announcement.objects.count() == 3


def test_a_second_stream_trains_nothing_on_its_own(logger: APIClient, editor: APIClient) -> None:
    result = builders.make_finished()
    first = result.stream_id
    assert announce(logger, bytes([result.deployment_id]), offset=9).status_code == 201
    result.refresh_from_db()
    assert (result.stream_id, result.state) == (first, "finished")
    second = Announcement.objects.get(offset=9)
    answer = editor.post(f"/api/results/{result.pk}/restart/", {"stream": second.pk})
    assert (answer.status_code, answer.json()["stream"], answer.json()["state"]) == (202, second.pk, "waiting")


@pytest.mark.parametrize("key", [b"\x63", b"\xff" * 8])
def test_a_stream_for_no_deployment_is_kept(key: bytes, logger: APIClient, viewer: APIClient) -> None:
    assert announce(logger, key).status_code == 201
    stream = viewer.get("/api/streams/").json()["results"][0]
    assert stream["deployment_exists"] is False
    assert (stream["topic"], stream["total_msg"], stream["validation_rate"]) == ("mnist:0:0:60", 60, 0.1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, VALUE),
        (b"", VALUE),
        (b"\x01", None),
        (b"\x01", b"not json"),
        (b"\x01", b"[]"),
        (b"\x01", VALUE.replace(b"mnist:0:0:60", b"mnist:0:60:0")),
        (b"\x01", VALUE.replace(b"RAW", b"PICKLE")),
        (b"\x01" * 9, VALUE),
    ],
)
def test_what_is_not_an_announcement_is_422(key: bytes | None, value: bytes | None, logger: APIClient) -> None:
    answer = announce(logger, key, value)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert not Announcement.objects.exists()


def test_base64_that_is_none_is_the_loggers_mistake(logger: APIClient) -> None:
    answer = announce(logger, None, None, key="%")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "key")


def test_text_that_no_database_takes_is_data(logger: APIClient, viewer: APIClient) -> None:
    assert announce(logger, b"\x01", VALUE.replace(b'"x"', b'"a\\u0000b \\u001b[31m"')).status_code == 201
    assert viewer.get("/api/streams/").json()["results"][0]["description"] == "a\ufffdb \x1b[31m"
    assert announce(logger, b"\x01", VALUE.replace(b'"x"', b'"\\ud800"'), offset=6).status_code == 422


# As the sinks of 2022, of 1.0 and of the last version write it: see docs/wire.md.
ONLINE = [
    (
        b'{"topic": "mnist", "input_format": "RAW", "description": "", "input_config": {"data_type": "uint8", '
        b'"label_type": "uint8", "data_reshape": "28 28", "label_reshape": ""}, "validation_rate": 0, "test_rate": 0, '
        b'"total_msg": null}'
    ),
    b'{"topic": "mnist", "input_format": "RAW", "configuration": "{\\"data_type\\": \\"uint8\\"}"}',
    (
        b'{"topic": "mnist", "unsupervised_topic": null, "input_format": "RAW", "input_config": {"data_type": "uint8"}'
        b', "dataset_restrictions": "{}", "validation_rate": 0.2, "test_rate": 0, "total_msg": null, '
        b'"incremental": true}'
    ),
]


@pytest.mark.parametrize("value", ONLINE)
def test_an_online_stream_goes_to_who_learns_online(value: bytes, logger: APIClient) -> None:
    deployment = builders.make_deployment(mode="incremental", incremental=Incremental().to_json())
    answer = announce(logger, bytes([deployment.pk]), value)
    assert (answer.status_code, answer.json()["note"]) == (201, "")
    result = deployment.results.select_related("deployment", "model", "stream").get()
    assert result.stream_id == answer.json()["id"]
    plan = training_plan(result)
    assert (plan.since_ms, plan.stream.incremental) == (1_700_000_000_000, True)
    assert [str(stream_range) for stream_range in plan.stream.ranges] == ["mnist"]


@pytest.mark.parametrize(
    ("asked", "rate", "validates"),
    [({}, 0, 0), ({}, 0.3, 0.3), ({"validation_rate": 0.1}, 0.3, 0.1), ({"indefinite": True}, 0, 0.2)],
)
def test_the_share_that_validates_is_known_to_the_worker(
    asked: dict[str, Any], rate: float, validates: float, logger: APIClient
) -> None:
    deployment = builders.make_deployment(mode="incremental", incremental=Incremental(**asked).to_json())
    announce(logger, bytes([deployment.pk]), ONLINE[2].replace(b"0.2", b"%g" % rate))
    plan = training_plan(deployment.results.select_related("deployment", "model", "stream").get())
    assert plan.incremental is not None
    assert plan.incremental.validation_rate == validates


@pytest.mark.parametrize(
    ("mode", "value", "reason"),
    [
        ("classic", ONLINE[0], "trains on a stream that has an end (classic), and this one is online, without an end"),
        ("incremental", VALUE, "learns an online stream, without an end (incremental), and this one has an end"),
    ],
)
def test_a_stream_of_the_other_kind_is_kept_and_everybody_says_why(
    mode: str, value: bytes, reason: str, logger: APIClient, editor: APIClient
) -> None:
    deployment = builders.make_deployment(mode=mode)
    answer = announce(logger, bytes([deployment.pk]), value)
    stream = answer.json()["id"]
    assert f"deployment {deployment.pk} {reason}" in answer.json()["note"]
    assert f"kafka-ml streams send {stream} --deployment N" in answer.json()["note"]
    assert editor.get(f"/api/streams/{stream}/").json()["note"] == answer.json()["note"]
    shown = editor.get(f"/api/deployments/{deployment.pk}/").json()
    assert shown["note"] == f"stream {stream} was announced to it: deployment {deployment.pk} {reason}"
    assert (shown["state"], shown["results"][0]["stream"]) == ("waiting", None)
    other = builders.make_deployment(mode=mode)
    (error,) = editor.post(f"/api/streams/{stream}/send/", {"deployment": other.pk}).json()["errors"]
    assert error["field"] == "deployment"
    # The right one clears it.
    announce(logger, bytes([deployment.pk]), VALUE if value is not VALUE else ONLINE[0], offset=6)
    assert editor.get(f"/api/deployments/{deployment.pk}/").json()["note"] == ""
    result = deployment.results.get()
    runs.mark_stopped(TrainingResult, result.pk)
    (error,) = editor.post(f"/api/results/{result.pk}/restart/", {"stream": stream}).json()["errors"]
    assert error["field"] == "stream"


@pytest.mark.parametrize(
    ("mode", "asked", "field"),
    [
        ("incremental", {"start": 5}, "start"),
        ("incremental", {"test_rate": 0.1}, "test_rate"),
        ("classic", {"since_ms": 0}, "since_ms"),
    ],
)
def test_a_topic_is_offered_as_its_deployment_takes_it(
    mode: str, asked: dict[str, Any], field: str, editor: APIClient
) -> None:
    body = {"deployment": builders.make_deployment(mode=mode).pk, "topic": "digits", "input_format": "RAW", **asked}
    (error,) = editor.post("/api/streams/", body).json()["errors"]
    assert error["field"] == field


def test_an_online_stream_sent_again_begins_where_it_began(logger: APIClient, editor: APIClient) -> None:
    first, second = (builders.make_deployment(mode="incremental") for _ in range(2))
    stream = announce(logger, bytes([first.pk]), ONLINE[0]).json()["id"]
    assert editor.post(f"/api/streams/{stream}/send/", {"deployment": second.pk}).status_code == 202
    message = OutboxMessage.objects.get()
    announce(logger, bytes(message.key), bytes(message.value), offset=6, timestamp_ms=1_800_000_000_000)
    plan = training_plan(second.results.select_related("deployment", "model", "stream").get())
    assert plan.since_ms == 1_700_000_000_000


def test_another_programs_records_are_not_listed(logger: APIClient, viewer: APIClient) -> None:
    for offset, value in enumerate((b"\xff\x00junk", b'{"cmd": "start"}', b"", b"[]")):
        assert announce(logger, b"\x01", value, topic="control", offset=offset).status_code == 422
    assert viewer.get("/api/streams/refused/").json()["results"] == []


def test_an_id_sent_as_text_is_reported(logger: APIClient, viewer: APIClient) -> None:
    answer = announce(logger, b"4711")
    assert "'4711' arrives as 876032305; expected deployment_id=4711" in answer.json()["note"]
    assert viewer.get("/api/streams/").json()["results"][0]["note"] == answer.json()["note"]
