"""Checkpoint: a place in a training from which another attempt goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from kafkaml.wire.message import Count, Message, Name, Sha256

__all__ = ["Checkpoint", "Positions"]

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
