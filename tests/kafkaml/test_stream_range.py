"""Ranges on the wire: those that old sinks write, and those that no sink may write."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkaml.errors import StreamRangeError
from kafkaml.stream_range import StreamRange, check_topic_name, format_ranges, parse_ranges

topics = st.from_regex(r"[a-zA-Z0-9._-]{1,60}", fullmatch=True).filter(lambda name: name not in (".", ".."))
bounded = st.builds(
    lambda topic, partition, start, length: StreamRange(topic, partition, start, start + length),
    topics,
    st.integers(0, 1000),
    st.integers(0, 2**53),
    st.integers(0, 2**40),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mnist:0:0:1000", StreamRange("mnist", 0, 0, 1000)),
        (" mnist:3:17:17 ", StreamRange("mnist", 3, 17, 17)),
        # An old sink leaves out the fourth part for a partition that received nothing.
        ("mnist:2:40", StreamRange("mnist", 2, 40, 40)),
        ("mnist:2:40:", StreamRange("mnist", 2, 40, 40)),
        ("mnist:2:40:None", StreamRange("mnist", 2, 40, 40)),
        ("mnist", StreamRange("mnist")),
        ("mnist:1", StreamRange("mnist", 1)),
    ],
)
def test_wire_forms(text: str, expected: StreamRange) -> None:
    assert StreamRange.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":0:0:1",
        "a b:0:0:1",
        "mnist:x:0:1",
        "mnist:0:5:4",
        "mnist:-1:0:4",
        "mnist:0:0:1:2",
        "..",
        "a/b:0:0:1",
        "m:0:-2:1",
    ],
)
def test_what_is_not_a_range_is_refused(text: str) -> None:
    with pytest.raises(StreamRangeError):
        StreamRange.parse(text)


def test_an_overlap_is_refused() -> None:
    with pytest.raises(StreamRangeError, match="overlap"):
        parse_ranges("mnist:0:0:10,mnist:0:9:20")


def test_touching_ranges_and_other_partitions_do_not_overlap() -> None:
    assert len(parse_ranges("mnist:0:0:10,mnist:0:10:20,mnist:1:0:10,other:0:0:10")) == 4


def test_a_range_bounds_the_number_of_records() -> None:
    assert StreamRange("mnist", 0, 5, 12).max_records == 7
    assert StreamRange("mnist").max_records is None


@pytest.mark.parametrize("name", ["a" * 249, "a.b_c-D9"])
def test_names_that_kafka_accepts(name: str) -> None:
    assert check_topic_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a" * 250, "ü", "a:b"])
def test_names_that_kafka_refuses(name: str) -> None:
    with pytest.raises(StreamRangeError):
        check_topic_name(name)


@given(bounded)
def test_text_is_the_inverse_of_parsing(stream_range: StreamRange) -> None:
    assert StreamRange.parse(str(stream_range)) == stream_range


@given(
    st.lists(
        bounded, min_size=1, max_size=8, unique_by=lambda stream_range: (stream_range.topic, stream_range.partition)
    )
)
def test_lists_survive_the_wire(ranges: list[StreamRange]) -> None:
    assert parse_ranges(format_ranges(ranges)) == tuple(ranges)


@given(st.text(max_size=60))
def test_any_text_is_a_range_or_an_error(text: str) -> None:
    with contextlib.suppress(StreamRangeError):
        parse_ranges(text)
