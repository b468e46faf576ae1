"""Dead letters by their reason."""

from __future__ import annotations

import pytest

from backend.inferences.letter_groups import _share, group_letters
from kafkaml.dead_letters import reason_headers
from kafkaml.errors import DecodeError, KafkaMLError, RefusedError
from kafkaml.records import Record


def letter(number: int, error: KafkaMLError, stage: str = "decode", timestamp_ms: int | None = None) -> Record:
    moment = 1000 + number if timestamp_ms is None else timestamp_ms
    return Record("out.dlq", 0, number, None, b"", tuple(reason_headers(stage, error)), moment)


def test_five_thousand_of_one_reason_are_one_row() -> None:
    letters = [
        letter(number, DecodeError(f"features are [{number}, 'm{number}', {number / 7}], not numbers of one shape"))
        for number in range(5000)
    ]
    (found,) = group_letters(letters)
    assert (found.count, found.first_ms, found.last_ms, found.newest.offset) == (5000, 1000, 5999, 4999)
    assert found.reason.message == f"features are [4999, 'm4999', {4999 / 7}], not numbers of one shape"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("in[0]@5: 783 bytes: expected 784", "in[3]@7,001: 12 bytes: expected 784", True),
        ("cannot be (28, 28)", "cannot be (3,)", True),
        ("the model predicts [[nan, 0], [1, 2]]", "the model predicts [[1e-5, inf]]", True),
        ("no field 'a' in \"x\"", "no field 'b' in \"y z\"", True),
        ("the record isn't JSON", "the record isn't Avro", False),
        ("5 bytes", "5 numbers", False),
    ],
)
def test_what_reasons_quote_tells_them_not_apart(one: str, other: str, same: bool) -> None:
    found = group_letters([letter(0, DecodeError(one)), letter(1, DecodeError(other))])
    assert len(found) == (1 if same else 2)


def test_stage_and_error_tell_them_apart_and_the_most_frequent_comes_first() -> None:
    letters = [
        letter(0, DecodeError("x")),
        letter(1, RefusedError("x")),
        letter(2, RefusedError("x"), "publish"),
        letter(3, RefusedError("x"), "publish", timestamp_ms=-1),
    ]
    found = group_letters(letters)
    assert [(group.reason.stage, group.reason.error, group.count) for group in found] == [
        ("publish", "RefusedError", 2),
        ("decode", "RefusedError", 1),
        ("decode", "DecodeError", 1),
    ]
    # A record without a time changes none.
    assert (found[0].first_ms, found[0].last_ms) == (1002, 1002)


@pytest.mark.parametrize(
    ("sizes", "share"), [([], 0), ([5, 3], 5), ([100], 10), ([100, 100], 5), ([1, 100], 9), ([0, 2, 100, 100], 4)]
)
def test_partitions_share_what_is_read(sizes: list[int], share: int) -> None:
    assert _share(sizes, 10) == share
    assert sum(min(size, share) for size in sizes) <= 10
