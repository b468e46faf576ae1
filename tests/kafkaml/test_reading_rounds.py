"""Many ranges of one partition, as two concurrent sinks leave them, are read in one sweep."""

from __future__ import annotations

import pytest

from kafkaml.confluent.reader import _rounds
from kafkaml.errors import StreamUnavailable
from kafkaml.stream_range import StreamRange


def test_ranges_with_small_gaps_are_one_sweep() -> None:
    (spans,) = _rounds([StreamRange("t", 0, start, start + 1) for start in range(0, 2000, 2)])
    span = spans["t", 0]
    assert (span.start, span.end) == (0, 1999)
    assert [offset for offset in range(8) if span.holds(offset)] == [0, 2, 4, 6]
    assert not span.holds(1999)


def test_ranges_far_apart_are_rounds() -> None:
    near, far, other = StreamRange("t", 0, 0, 10), StreamRange("t", 0, 10**6, 10**6 + 10), StreamRange("t", 1, 0, 5)
    first, second = _rounds([far, other, near])
    assert {key: (span.start, span.end) for key, span in first.items()} == {("t", 0): (0, 10), ("t", 1): (0, 5)}
    assert {key: (span.start, span.end) for key, span in second.items()} == {("t", 0): (10**6, 10**6 + 10)}


def test_empty_ranges_are_not_read() -> None:
    assert _rounds([StreamRange("t", 0, 7, 7)]) == []


def test_a_range_without_end_is_refused() -> None:
    with pytest.raises(StreamUnavailable, match="no end"):
        _rounds([StreamRange("t")])
