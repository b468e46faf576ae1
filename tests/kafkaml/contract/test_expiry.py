"""Records that Kafka is about to delete are reported before a model learns from them."""

from __future__ import annotations

import pytest

from kafkaml.contract.expiry import expiry_remark
from kafkaml.records import Record

NOW = 1_800_000_000_000
WEEK = {"retention.ms": "604800000", "cleanup.policy": "delete"}


def records(*ages_ms: int) -> list[Record]:
    return [Record("t", 0, place, None, b"{}", (), NOW - age) for place, age in enumerate(ages_ms)]


def test_old_records_are_reported_with_what_to_set() -> None:
    remark = expiry_remark(records(0, 604_800_001, 900_000_000, 1000), WEEK, NOW)
    assert remark is not None
    assert remark.message.startswith("50% of the records are older than the 7 days that the topic keeps them")
    assert "retention.ms" in remark.hint
    short = expiry_remark(records(10_000_000), {"retention.ms": "5400000"}, NOW)
    assert short is not None
    assert "1.5 hours" in short.message


@pytest.mark.parametrize(
    ("ages", "config"),
    [
        ([604_799_999], WEEK),
        ([10**12], {"retention.ms": "-1"}),
        ([10**12], {}),
        ([10**12], WEEK | {"cleanup.policy": "compact"}),
        # Kafka gives -1 for a record without a time.
        ([NOW + 1], WEEK),
        ([], WEEK),
    ],
)
def test_what_stays_is_not_reported(ages: list[int], config: dict[str, str]) -> None:
    assert expiry_remark(records(*ages), config, NOW) is None
