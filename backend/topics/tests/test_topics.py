"""Topics through the API, over a real broker: pages, decoders, filters, the tail, and Kafka being away."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import fastavro
import numpy as np
import orjson
import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry, Role, User
from backend.accounts.services import create_token
from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.inferences.models import Inference
from backend.records import browsing
from backend.records.matching import RecordFilter
from backend.topics import selectors
from backend.topics.uses import decoder_for, topic_uses
from kafkaml.confluent import KafkaAdmin, KafkaRecordWriter
from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.records import OutgoingRecord, Record
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange
from tests.conftest import TestBroker

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

# Records that no decoder was made for.
POISON = (
    b"",
    b"\x00",
    b"\xff\xfe\xfd",
    b'{"cut',
    b"[" * 2000,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    b"NaN",
    "\u202eright to left <script>alert(1)</script>".encode(),
    bytes(100_000),
    b"\x80" * 40,
)
SCHEMA = '{"type": "record", "name": "s", "fields": [{"name": "x", "type": "float"}, {"name": "y", "type": "float"}]}'
DECODERS: tuple[dict[str, str], ...] = (
    {},
    *({"decoder": name} for name in ("text", "json", "hex", "telegraf")),
    {"decoder": "raw", "data_type": "float32", "data_reshape": "2 2"},
    {"decoder": "raw", "data_type": "uint8", "label_type": "int64"},
    {"decoder": "avro", "data_scheme": SCHEMA},
    {"decoder": "avro", "data_scheme": '{"type": "array", "items": "null"}'},
)


@pytest.fixture(autouse=True)
def _kafka(broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    # A page that is out of time holds less than there is: only a busy machine could make that happen here.
    monkeypatch.setattr(browsing, "REQUEST_SECONDS", 60.0)
    for limit in ("REQUEST_SECONDS", "_PAGE_SECONDS", "_SCAN_SECONDS"):
        monkeypatch.setattr(selectors, limit, 60.0)


def write(broker: TestBroker, topic: str, values: Sequence[bytes | None], **fields: Any) -> None:
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    for value in values:
        writer.write(OutgoingRecord(topic, value, **fields))
    writer.flush(90)
    writer.close()


def records(client: APIClient, topic: str, **query: Any) -> dict[str, Any]:
    answer = client.get(f"/api/topics/{topic}/records/", query)
    assert answer.status_code == 200, answer.content
    document: dict[str, Any] = answer.json()
    return document


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda settings: "-".join(settings.values())[:40] or "auto")
def test_whatever_is_in_a_topic_is_shown(viewer: APIClient, broker: TestBroker, decoder: dict[str, str]) -> None:
    topic = broker.topic()
    write(broker, topic, [*POISON, None], key=b"\xff\x00", headers=[("h", b"\xff"), ("none", None)])
    answer = viewer.get(f"/api/topics/{topic}/records/", decoder)
    if answer.status_code == 400:
        # A schema that models cannot take is refused as a whole.
        assert answer.json()["errors"][0]["field"] == "decoder"
        return
    found = answer.json()["records"]
    assert len(found) == len(POISON) + 1
    assert found[0]["value"] is None
    assert found[0]["decoded"]["kind"] == "empty"
    for record, value in zip(reversed(found[1:]), POISON, strict=True):
        assert record["value_size"] == len(value)
        assert base64.b64decode(record["value"]) == value[:65536]
        assert record["decoded"]["kind"] == "sample" or record["decoded"]["text"] is not None
        assert len(record["decoded"]["text"] or "") <= 70_000


def test_reading_starts_at_an_offset_or_a_time_and_goes_on_both_ways(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    write(broker, topic, [str(number).encode() for number in range(10)])

    def offsets(page: dict[str, Any]) -> list[int]:
        return [record["offset"] for record in page["records"]]

    page = records(viewer, topic, start="4", limit="3")
    assert offsets(page) == [4, 5, 6]
    assert offsets(records(viewer, topic, after=page["after"], limit="2")) == [7, 8]
    assert set(offsets(records(viewer, topic, before=page["before"], limit="2"))) == {2, 3}
    written = datetime.fromisoformat(page["records"][0]["timestamp"]).timestamp()
    assert offsets(records(viewer, topic, timestamp=str(round(written * 1000)), limit="10"))[-1] == 9


def test_a_decoder_that_fails_says_so_record_by_record(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    good = np.arange(4, dtype="<f4").tobytes()
    write(broker, topic, [good, b"bad", good])
    found = records(viewer, topic, decoder="raw", data_type="float32", data_reshape="2 2", start="oldest")["records"]
    assert found[0]["decoded"]["sample"] == {
        "shape": [2, 2],
        "dtype": "float32",
        "values": [0.0, 1.0, 2.0, 3.0],
        "truncated": False,
    }
    assert "cannot reshape 3 bytes" in found[1]["decoded"]["error"]["message"]
    assert found[1]["decoded"]["text"] == "bad"
    assert found[2]["decoded"]["error"] is None


def test_avro_records_become_samples(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(orjson.loads(SCHEMA)), {"x": 1.5, "y": 2})
    write(broker, topic, [buffer.getvalue()])
    found = records(viewer, topic, decoder="avro", data_scheme=SCHEMA)["records"][0]["decoded"]
    assert found["sample"]["values"] == [1.5, 2.0]


def test_automatic_decoding_follows_the_stream_that_was_announced(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    write(broker, topic, [bytes(range(4))], key=(7).to_bytes(8, "little"))
    message = ControlMessage(
        ranges=(StreamRange(topic, 0, 0, 1),),
        input_format=InputFormat.RAW,
        input_config={"data_type": "uint8", "data_reshape": "2 2", "label_type": "int64"},
    )
    stream = builders.make_stream(value=message.to_bytes())
    page = records(viewer, topic)
    assert page["decoder"]["origin"] == f"stream {stream.pk}"
    decoded = page["records"][0]["decoded"]
    assert (decoded["sample"]["shape"], decoded["label_sample"]["values"]) == ([2, 2], [7.0])
    preview = viewer.get(f"/api/streams/{stream.pk}/preview/").json()
    assert (preview["total"], preview["next"]) == (1, None)
    assert preview["samples"][0]["features"]["values"] == [0.0, 1.0, 2.0, 3.0]
    assert preview["doubts"] == []


def test_an_inference_that_cannot_read_a_topic_does_not_say_how_to_read_it() -> None:
    reader = builders.make_inference(input_topic="machines", input_format="RAW", input_config={"data_type": "uint8"})
    assert decoder_for("machines").origin == f"inference {reader.pk}"
    reader.failing = {"reason": "dead_letters", "message": "none fits", "hint": "", "since": "2026-01-31T12:00:00Z"}
    reader.save()
    assert decoder_for("machines").origin == ""


def test_a_stream_tells_columns_statistics_and_balance_as_data_sets_do(viewer: APIClient, broker: TestBroker) -> None:
    first, second = broker.topic(2), broker.topic()
    for place in range(6):
        value = orjson.dumps({"age": 40 + place, "weight": 70.5})
        topic, partition = (second, 0) if place > 3 else (first, place % 2)
        write(broker, topic, [value], key=b'"ill"' if place else b'"well"', partition=partition)
    message = ControlMessage(
        # Ranges of two topics, and two pieces of one partition.
        ranges=tuple(
            StreamRange(topic, partition, start, end)
            for topic, partition, start, end in (
                (first, 0, 0, 1),
                (first, 0, 1, 2),
                (first, 1, 0, 2),
                (second, 0, 0, 1),
            )
        ),
        input_format=InputFormat.JSON,
        input_config={},
    )
    stream = builders.make_stream(value=message.to_bytes())
    assert viewer.get(f"/api/streams/{stream.pk}/preview/").json()["columns"] == ["age", "weight"]
    found = viewer.get(f"/api/streams/{stream.pk}/statistics/").json()
    assert (found["records"], found["sampled"]) == (5, 5)
    age, weight, _ = found["columns"]
    assert (age["name"], age["kind"], age["numbers"]["min"], age["numbers"]["max"]) == ("age", "integer", 40, 44)
    assert (weight["kind"], weight["missing"]) == ("number", 0)
    assert found["balance"] == [{"value": "ill", "count": 4}, {"value": "well", "count": 1}]


def test_a_stream_that_a_data_set_announced_is_read_by_its_contract(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    write(broker, topic, [orjson.dumps({"load": place, "ok": place > 2}) for place in range(10)], key=b"m1")
    contract = {
        "format": "JSON",
        "key": "text",
        "fields": [{"path": ["load"], "kind": "integer"}, {"path": ["ok"], "kind": "boolean"}],
        "columns": [{"name": "double", "expression": "load * 2"}],
        "labels": [{"name": "ok", "expression": "ok", "kind": "class"}],
        # Of which no record alone is a sample.
        "window": {"length": 3, "stride": 1},
        "split": "time",
    }
    message = ControlMessage(
        ranges=(StreamRange(topic, 0, 0, 10),),
        input_format=InputFormat.COLUMNS,
        input_config={"contract": contract},
        validation_rate=0.0,
        test_rate=0.0,
    )
    stream = builders.make_stream(value=message.to_bytes())
    found = viewer.get(f"/api/streams/{stream.pk}/statistics/").json()
    assert (found["problems"], found["decodes"], found["parts"]["training"]) == ([], 1.0, 8)
    assert (found["columns"][0]["name"], found["columns"][0]["numbers"]["max"]) == ("double", 18)
    assert found["balance"] == [{"value": "true", "count": 7}, {"value": "false", "count": 3}]
    assert found["samples"][0]["inputs"][0]["shape"] == [3, 1]


def test_labels_that_look_like_ids_are_asked_about(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    for device in (1001, 1002):
        write(broker, topic, [b"[1, 2]"] * 4, key=str(device).encode())
    message = ControlMessage(ranges=(StreamRange(topic, 0, 0, 8),), input_format=InputFormat.JSON, input_config={})
    stream = builders.make_stream(value=message.to_bytes())
    (doubt,) = viewer.get(f"/api/streams/{stream.pk}/preview/").json()["doubts"]
    assert "(1001, 1002) look like ids: the label of a sample is its record's key" in doubt


def test_samples_that_retention_deleted_are_a_clear_error(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    write(broker, topic, [b"\x01"] * 10)
    broker.delete_records(topic, before=6)
    message = ControlMessage(
        ranges=(StreamRange(topic, 0, 0, 10),), input_format=InputFormat.RAW, input_config={"data_type": "uint8"}
    )
    stream = builders.make_stream(value=message.to_bytes())
    answer = viewer.get(f"/api/streams/{stream.pk}/preview/")
    assert answer.status_code == 409
    assert "holds offsets 6 to 10" in answer.json()["detail"]
    assert "retention" in answer.json()["hint"]
    rest = viewer.get(f"/api/streams/{stream.pk}/preview/", {"offset": 6}).json()
    assert [sample["offset"] for sample in rest["samples"]] == [6, 7, 8, 9]


def test_a_text_is_looked_for_in_keys_values_and_headers(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    write(broker, topic, [b"hay"] * 1200)
    write(broker, topic, [b"a NEEDLE"])
    write(broker, topic, [b"hay"], key=b"needle")
    write(broker, topic, [b"hay"] * 700, headers=[("h", b"straw")])
    page = records(viewer, topic, contains="needle", limit=10)
    assert [record["offset"] for record in page["records"]] == [1201, 1200]
    assert (page["scanned"], page["before"]) == (1902, None)
    first = records(viewer, topic, contains="needle", limit=1)
    second = records(viewer, topic, contains="needle", limit=1, before=first["before"])
    assert [read_page["records"][0]["offset"] for read_page in (first, second)] == [1201, 1200]
    assert len(records(viewer, topic, contains="straw", limit=500)["records"]) == 500


def test_an_expression_is_looked_for_in_keys_values_and_headers(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    write(broker, topic, [b'{"machine": "m%d", "failure": %d}' % (number, number == 7) for number in range(20)])
    write(broker, topic, [None], key=b"M7")
    write(broker, topic, [b"hay"], headers=[("trace", b"m7")])
    found = records(viewer, topic, matches=r"\bm(7|19)\b", start="oldest")["records"]
    assert [record["offset"] for record in found] == [7, 19, 20, 21]
    both = records(viewer, topic, matches=r"m\d+", contains='"failure": 1')["records"]
    assert [record["offset"] for record in both] == [7]
    for wrong, reason in (
        ("(a", "unclosed group"),
        ("(?=a)", "look-ahead"),
        ("((x?){100}){100}y", "more than 1000 steps"),
    ):
        answer = viewer.get(f"/api/topics/{topic}/records/", {"matches": wrong})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "matches")
        assert reason in answer.json()["detail"]


def test_a_page_ends_in_time_however_slow_the_expression_is(
    viewer: APIClient, broker: TestBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = broker.topic()
    write(broker, topic, [b"x" * 60_000] * 10)
    # The time is over as soon as the first record was looked at.
    monkeypatch.setattr(selectors, "_SCAN_SECONDS", 0.0)
    first = records(viewer, topic, matches="(x?){90}y")
    assert (first["records"], first["scanned"]) == ([], 1)
    second = records(viewer, topic, matches="(x?){90}y", before=first["before"])
    assert (second["records"], second["scanned"]) == ([], 1)


def test_few_records_are_compared_at_a_time() -> None:
    waiting = iter([Record("numbers", 0, offset, None, b"x" * 60_000) for offset in range(100)])
    assert next(RecordFilter(matches="(x?){90}y").fits(waiting)) is False
    assert len(list(waiting)) > 90


def test_the_windows_of_an_inference_are_its_own() -> None:
    column = {"name": "x", "expression": "x"}
    fields = [{"path": ["x"], "kind": "number"}]
    contract = {"format": "JSON", "fields": fields, "columns": [column], "window": {"length": 3}, "split": "time"}
    made = builders.make_inference()
    Inference.objects.filter(pk=made.pk).update(input_format="COLUMNS", input_config={"contract": contract})
    made.refresh_from_db()
    (use,) = topic_uses()[made.changelog_topic]
    assert (use["role"], use["id"]) == ("changelog", made.pk)


def test_topics_of_the_platform_itself_are_used() -> None:
    uses = topic_uses()
    for topic, role in (("KAFKA_ML_CONTROL_TOPIC", "control"), ("kafka-ml.versions", "versions")):
        assert [use["role"] for use in uses[topic]] == [role]


def test_lists_and_states_say_who_uses_a_topic(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic(2)
    inference = builders.make_inference(input_topic=topic)
    listed = viewer.get("/api/topics/", {"search": topic.upper()}).json()
    assert listed["count"] == 1
    assert listed["results"][0]["uses"][0] | {"name": "", "state": ""} == {
        "role": "input",
        "type": "inference",
        "id": inference.pk,
        "name": "",
        "state": "",
    }
    write(broker, topic, [b"1", b"2"], partition=1)
    state = viewer.get(f"/api/topics/{topic}/").json()
    assert [partition["high"] for partition in state["partitions"]] == [0, 2]
    assert (state["groups"][0]["inference"], state["groups"][0]["lag"]) == (inference.pk, 2)


def test_what_is_wrong_with_a_request_is_said_by_field(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    for name, value in {
        "start": "middle",
        "before": "x",
        "limit": "501",
        "partition": "-1",
        "decoder": "magic",
        "timestamp": "noon",
    }.items():
        answer = viewer.get(f"/api/topics/{topic}/records/", {name: value})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)
    assert viewer.get("/api/topics/never-made/").status_code == 404
    assert viewer.get("/api/topics/never-made/records/").status_code == 404
    assert viewer.get(f"/api/topics/{topic}/records/", {"partition": 7}).status_code == 404


def test_kafka_being_away_is_503_with_a_hint(viewer: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr(browsing, "REQUEST_SECONDS", 1.0)
    stream = builders.make_stream()
    for path in (
        "topics/",
        "topics/a/",
        "topics/a/records/",
        f"streams/{stream.pk}/preview/",
        f"streams/{stream.pk}/statistics/",
    ):
        answer = viewer.get(f"/api/{path}")
        assert answer.status_code == 503
        assert "KML_KAFKA_BOOTSTRAP_SERVERS" in answer.json()["hint"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_the_tail_shows_what_arrives_sampled(broker: TestBroker) -> None:
    topic = broker.topic()
    token = await sync_to_async(_token)()
    write(broker, topic, [b"before"])
    path = f"/api/topics/{topic}/tail/?contains=yes&matches=^yes"
    answer = await AsyncClient().get(path, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    arrived, shown, frames = 0, [], 0
    async with asyncio.timeout(120):
        async for chunk in answer.streaming_content:  # type: ignore[attr-defined]
            for block in chunk.decode().split("\n\n"):
                lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":")
                if lines.get("event") == "opened":
                    await asyncio.to_thread(write, broker, topic, [b"yes %d" % number for number in range(1000)])
                    await asyncio.to_thread(write, broker, topic, [b"no"] * 10)
                if lines.get("event") == "records":
                    frame = orjson.loads(lines["data"])
                    frames += 1
                    arrived += frame["arrived"]
                    shown += [record["decoded"]["text"] for record in frame["records"]]
            if arrived >= 1010:
                break
    assert "before" not in shown
    assert "no" not in shown
    assert "yes 999" in shown
    assert len(shown) <= 20 * frames
    await answer.streaming_content.aclose()  # type: ignore[attr-defined]


def _token() -> str:
    user = User.objects.create(username="watcher", role=Role.VIEWER)
    return create_token(actor=SYSTEM, user=user, name="x", role=Role.VIEWER, days=1)[1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
async def test_nobody_follows_a_topic_without_signing_in(broker: TestBroker) -> None:
    answer = await AsyncClient().get(f"/api/topics/{broker.topic()}/tail/")
    assert answer.status_code == 401


def test_records_that_models_cannot_take_are_shown_with_the_reason(viewer: APIClient, broker: TestBroker) -> None:
    fields = [{"name": "id", "type": {"type": "string", "logicalType": "uuid"}}, {"name": "x", "type": "double"}]
    schema = {"type": "record", "name": "r", "fields": fields}
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), {"id": "a", "x": 1.5})
    cases: list[tuple[InputFormat, dict[str, Any], bytes, str, str]] = [
        (InputFormat.AVRO, {"data_scheme": orjson.dumps(schema).decode()}, buffer.getvalue(), "uuid", '"x":1.5'),
        (InputFormat.AVRO, {"data_scheme": SCHEMA}, b"\x00\x00\x00\x00\x07" + bytes(8), "Schema Registry", "00 00"),
        (InputFormat.JSON, {}, b"[1, NaN]", "NaN in column 1", "[1, NaN]"),
    ]
    for input_format, config, value, reported, text in cases:
        topic = broker.topic()
        write(broker, topic, [value, None], key=b"1")
        message = ControlMessage((StreamRange(topic, 0, 0, 2),), input_format, config)
        builders.make_stream(value=message.to_bytes())
        found = [record["decoded"] for record in records(viewer, topic, start="oldest")["records"]]
        assert reported in found[0]["error"]["message"]
        assert text in found[0]["text"]
        assert (found[1]["kind"], found[1]["error"]) == ("empty", None)


def test_whole_numbers_keep_all_their_digits(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    write(broker, topic, [b"[9007199254740993, 1]", b"[16777217, 1]"])
    message = ControlMessage((StreamRange(topic, 0, 0, 2),), InputFormat.JSON, {"data_type": "int64"})
    builders.make_stream(value=message.to_bytes())
    found = [record["decoded"]["sample"] for record in records(viewer, topic, start="oldest")["records"]]
    assert [record["values"] for record in found] == [["9007199254740993", 1], [16777217.0, 1.0]]


def test_most_records_of_a_page_tell_the_keys_of_objects(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic()
    write(broker, topic, [b'{"z": 1}', b'{"a": 1, "b": 2}', b'{"b": 4, "a": 3}'])
    message = ControlMessage((StreamRange(topic, 0, 0, 3),), InputFormat.JSON)
    builders.make_stream(value=message.to_bytes())
    odd, first, second = (record["decoded"] for record in records(viewer, topic, start="oldest")["records"])
    assert "lacks a, b and has the unknown z" in odd["error"]["message"]
    assert [first["sample"]["values"], second["sample"]["values"]] == [[1.0, 2.0], [3.0, 4.0]]


def test_a_record_is_written_as_any_producer_would_and_who_did_is_kept(editor: APIClient, broker: TestBroker) -> None:
    topic = broker.topic(partitions=3)
    new = {"key": "m7", "value": '{"t": 1}', "headers": [{"name": "h", "value": "x"}], "partition": 2}
    answer = editor.post(f"/api/topics/{topic}/records/", new, format="json")
    assert answer.status_code == 201, answer.content
    assert answer.json() == {"topic": topic, "partition": 2, "offset": 0}
    tombstone = {"key": "AP8=", "key_encoding": "base64", "value": None}
    place = editor.post(f"/api/topics/{topic}/records/", tombstone, format="json").json()
    found = {(record["partition"], record["offset"]): record for record in records(editor, topic)["records"]}
    first, last = found[2, 0], found[place["partition"], place["offset"]]
    assert (first["key"]["text"], first["decoded"]["text"]) == ("m7", '{"t": 1}')
    assert [(header["name"], header["text"]) for header in first["headers"]] == [("h", "x")]
    assert (base64.b64decode(last["key"]["base64"]), last["value"]) == (b"\x00\xff", None)
    audit = AuditEntry.objects.get(action="produce", detail__contains="[2]@0")
    assert (audit.object_type, audit.object_id) == ("topic", topic[:40])


def test_rows_are_written_in_order_and_a_bad_one_keeps_no_other_out(editor: APIClient, broker: TestBroker) -> None:
    topic = broker.topic(max_message_bytes=2000)
    sent = [{"key": "m7", "value": "0"}, {"value": "?", "value_encoding": "base64"}, {"value": "2"}]
    answer = editor.post(f"/api/topics/{topic}/records/rows/", {"records": sent}, format="json")
    assert (answer.status_code, answer.json()["written"]) == (200, 2), answer.content
    (refused,) = answer.json()["refused"]
    assert refused["row"] == 1
    assert "not base64" in refused["detail"]
    kept = records(editor, topic, start="oldest")["records"]
    assert [(record["key"] and record["key"]["text"], record["decoded"]["text"]) for record in kept] == [
        ("m7", "0"),
        (None, "2"),
    ]
    large = editor.post(f"/api/topics/{topic}/records/rows/", {"records": [{"value": "x" * 9000}]}, format="json")
    assert large.json()["written"] == 0
    assert "larger than the broker takes" in large.json()["refused"][0]["detail"]
    too_many = editor.post(f"/api/topics/{topic}/records/rows/", {"records": sent[:1] * 1001}, format="json")
    assert (too_many.status_code, too_many.json()["errors"][0]["field"]) == (400, "records")
    assert editor.post("/api/topics/control/records/rows/", {"records": sent}, format="json").status_code == 409
    entry = AuditEntry.objects.filter(action="produce").earliest("id")
    assert entry.detail == f"wrote 2 records to {topic}"


def test_what_only_the_platform_writes_takes_no_record_of_others(editor: APIClient, broker: TestBroker) -> None:
    inference = builders.make_inference()
    refused = {
        "control": (409, "carries announcements"),
        "__consumer_offsets": (409, "Kafka's own"),
        f"{inference.group}-changelog": (409, "windows"),
        "no-such-topic": (404, ""),
    }
    for topic, (status, word) in refused.items():
        answer = editor.post(f"/api/topics/{topic}/records/", {"value": "x"}, format="json")
        assert answer.status_code == status, topic
        assert word in answer.json()["detail"]
    topic = broker.topic()
    for body, field in (
        ({"value": "x", "partition": 5}, "partition"),
        ({"value": "?", "value_encoding": "base64"}, "value"),
        ({"key": "k"}, "value"),
    ):
        answer = editor.post(f"/api/topics/{topic}/records/", body, format="json")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_who_else_reads_a_topic_and_what_kafka_keeps_of_it_is_shown(viewer: APIClient, broker: TestBroker) -> None:
    topic = broker.topic(partitions=2)
    write(broker, topic, [b"1", b"2", b"3"], partition=0)
    admin = KafkaAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    admin.begin_at(f"{topic}-others", topic, 1)
    found = viewer.get(f"/api/topics/{topic}/groups/").json()
    (group,) = [found_group for found_group in found["groups"] if found_group["group"] == f"{topic}-others"]
    assert (group["inference"], group["state"], group["lag"]) == (None, "empty", 2)
    settings = {"retention.ms": "60000", "retention.bytes": "-1", "cleanup.policy": "compact"}
    admin.set_topic_config(topic, settings)
    kept = viewer.get(f"/api/topics/{topic}/settings/").json()
    assert (kept["retention_ms"], kept["retention_bytes"], kept["cleanup_policy"]) == (60000, None, "compact")
    assert viewer.get("/api/topics/no-such-topic/settings/").status_code == 404


def test_a_topic_is_created_as_asked_and_who_did_is_kept(editor: APIClient, broker: TestBroker) -> None:
    name = broker.topic(name="made").replace("made", "asked")
    new = {"name": name, "partitions": 3, "replication_factor": 1, "retention_ms": 3_600_000}
    answer = editor.post("/api/topics/", new, format="json")
    assert answer.status_code == 201, answer.content
    assert [partition["partition"] for partition in answer.json()["partitions"]] == [0, 1, 2]
    assert editor.get(f"/api/topics/{name}/settings/").json()["retention_ms"] == 3_600_000
    assert AuditEntry.objects.get(action="create", object_type="topic").detail == f"{name} with 3 partitions"
    again = editor.post("/api/topics/", new, format="json")
    assert (again.status_code, again.json()["detail"]) == (409, f"there is a topic {name} already")
    assert AuditEntry.objects.filter(object_type="topic").count() == 1


def test_a_topic_that_cannot_be_is_refused_with_the_reason(
    viewer: APIClient, editor: APIClient, broker: TestBroker
) -> None:
    for wrong, field in (
        ({"name": "a b"}, "name"),
        ({"name": "__mine"}, "name"),
        ({"name": "a", "partitions": 0}, "partitions"),
        ({"name": "a", "retention_ms": -2}, "retention_ms"),
    ):
        answer = editor.post("/api/topics/", wrong, format="json")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    copies = editor.post("/api/topics/", {"name": "copied", "replication_factor": 3}, format="json")
    assert (copies.status_code, copies.json()["hint"]) == (422, "change what Kafka names, or ask those who run it")
    assert "only 1 broker" in copies.json()["detail"]
    twin = broker.topic(name="a.b").replace("a.b", "a_b")
    assert "collides" in editor.post("/api/topics/", {"name": twin}, format="json").json()["detail"]
    assert viewer.post("/api/topics/", {"name": "mine"}, format="json").status_code == 403
    assert AuditEntry.objects.filter(object_type="topic", result="ok").count() == 0
