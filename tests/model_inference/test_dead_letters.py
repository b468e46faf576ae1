from __future__ import annotations

from kafkaml.dead_letters import MAX_MESSAGE_BYTES, Stage
from kafkaml.errors import DecodeError
from kafkaml.records import Record
from model_inference.dead_letters import MAX_CUT_BYTES, dead_letter
from model_inference.provenance import Provenance

PROVENANCE = Provenance(inference=5, result=12, version=1)
RECORD = Record("in", 3, 42, b"key", b"value", [("mine", b"kept"), ("empty", None)], 1234)


def test_a_dead_letter_is_the_record_with_the_reason_in_headers() -> None:
    letter = dead_letter(
        RECORD, DecodeError("too short"), Stage.DECODE, topic="out.dlq", partition=3, provenance=PROVENANCE
    )

    assert letter.topic == "out.dlq"
    assert (letter.key, letter.value, letter.timestamp_ms, letter.partition) == (b"key", b"value", 1234, 3)
    assert list(letter.headers) == [
        ("mine", b"kept"),
        ("empty", None),
        ("kml-source", b"in/3/42"),
        ("kml-inference", b"5"),
        ("kml-result", b"12"),
        ("kml-version", b"1"),
        ("kml-error-stage", b"decode"),
        ("kml-error-class", b"DecodeError"),
        ("kml-error-message", b"too short"),
    ]


def test_a_message_is_cut_between_characters() -> None:
    letter = dead_letter(RECORD, DecodeError("é" * 2000), Stage.PREDICT, topic="t", partition=0, provenance=PROVENANCE)

    message = dict(letter.headers)["kml-error-message"] or b""
    assert len(message) <= MAX_MESSAGE_BYTES
    assert message.decode() == "é" * (MAX_MESSAGE_BYTES // 2)


def test_a_cut_dead_letter_fits_every_broker_and_says_how_long_it_was() -> None:
    record = RECORD._replace(value=b"x" * 5_000_000, headers=[("huge", b"y" * 3_000_000)])

    letter = dead_letter(
        record, DecodeError("too large"), Stage.PUBLISH, topic="t", partition=0, provenance=PROVENANCE, cut=True
    )

    headers = dict(letter.headers)
    assert len(letter.value or b"") == MAX_CUT_BYTES
    assert headers["kml-error-value-bytes"] == b"5000000"
    assert "huge" not in headers
    assert letter.timestamp_ms == 0


def test_a_tombstone_stays_one() -> None:
    letter = dead_letter(
        RECORD._replace(value=None),
        DecodeError("no value"),
        Stage.DECODE,
        topic="t",
        partition=0,
        provenance=PROVENANCE,
    )

    assert letter.value is None
