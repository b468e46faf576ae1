"""Checkpoint: a place in a training from which another attempt continues. WindowEnd: where its first window ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from kafkaml.wire.message import Count, Message, Name, Sha256

__all__ = ["Checkpoint", "Positions", "WindowEnd", "by_partition", "by_topic"]

# The next offset by topic and partition. Partitions are texts here, because JSON's keys are.
Positions = Annotated[Mapping[Name, Mapping[Name, Count]], Field(max_length=1000)]


class Checkpoint(Message):
    """One file with everything that a training needs to continue as if nothing had happened.

    ``step`` counts what the file holds: epochs of a classic training, windows of an incremental one. ``records`` were
    read for it, up to ``positions``. The file is the artifact ``name`` of ``attempt``, with this hash.
    """

    attempt: Count
    name: Name
    sha256: Sha256
    size: Count
    step: Count
    records: Count = 0
    positions: Positions = {}


class WindowEnd(Message):
    """Where window ``step`` of a training that follows its stream ends: the next offset of each partition.

    The end of a window depends on what arrived first. It is reported before the window is learnt, so that another
    attempt learns the same records.
    """

    step: Count
    positions: Positions


def by_topic(offsets: Mapping[tuple[str, int], int]) -> Positions:
    """Return offsets by topic and partition in wire form."""
    positions: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in offsets.items():
        positions.setdefault(topic, {})[str(partition)] = offset
    return positions


def by_partition(positions: Positions) -> dict[tuple[str, int], int]:
    """Return the inverse of ``by_topic``."""
    return {(topic, int(value)): offset for topic, offsets in positions.items() for value, offset in offsets.items()}
