"""OfferedExample: an example that a platform runs by a click. Published by ``kafka-ml up``, returned by the API."""

from __future__ import annotations

from pydantic import Field

from kafkaml.wire.message import Message

__all__ = ["OfferedExample"]


class OfferedExample(Message):
    """An example that can be run. ``about`` says what it shows."""

    name: str
    about: str
    minutes: float = Field(description="Minutes that a run takes on two cores, roughly.")
    data: str = Field(description="The data that it learns if there is no internet access.")
