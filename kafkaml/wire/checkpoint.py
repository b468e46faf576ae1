"""Checkpoint: a place in a training from which another attempt goes on. WindowEnd: how far it learns at once then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from kafkaml.wire.message import Count, Message, Name, Sha256

__all__ = ["Checkpoint", "Positions", "WindowEnd", "by_partition", "by_topic"]

# Of each topic the next offset of each partition, whose number is text because JSON's keys are.
Positions = Annotated[Mapping[Name, Mapping[Name, Count]], Field(max_length=1000)]


class Checkpoint(Message):
    """One file with all that a training needs to go on as if nothing had happened.

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

    Where a window ends is a matter of what came first. It is told before the window is, so that whoever learns it again
    learns the same records.
    """

    step: Count
    positions: Positions


def by_topic(offsets: Mapping[tuple[str, int], int]) -> Positions:
    """Return offsets by topic and partition as they are told."""
    told: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in offsets.items():
        told.setdefault(topic, {})[str(partition)] = offset
    return told


def by_partition(positions: Positions) -> dict[tuple[str, int], int]:
    """Return what ``by_topic`` was given."""
    return {(topic, int(each)): offset for topic, offsets in positions.items() for each, offset in offsets.items()}
