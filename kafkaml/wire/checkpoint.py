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
    """A file from which a training continues after an interruption, with the same outcome as without it.

    ``step`` is the number of epochs that the file contains. For incremental training, it is the number of windows.
    ``records`` were read for it, up to ``positions``, which are the next offset by topic and partition. The file is the
    artifact ``name`` of ``attempt``, and has ``size`` bytes.
    """

    attempt: Count
    name: Name
    sha256: Sha256
    size: Count
    step: Count
    records: Count = 0
    positions: Positions = {}


class WindowEnd(Message):
    """Where window ``step`` of an incremental training ends: the next offset by topic and partition.

    The end of a window depends on which records arrived first. It is reported before the window is learnt, so that
    another attempt learns the same records.
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
