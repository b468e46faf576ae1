"""OfferedExample: an example that a platform runs by a click. Published by ``kafka-ml up``, returned by the API."""

from __future__ import annotations

from pydantic import Field

from kafkaml.wire.message import Message

__all__ = ["OfferedExample"]


class OfferedExample(Message):
    """What users read before they run an example."""

    name: str
    about: str
    minutes: float = Field(description="about how long a run takes on two cores")
    data: str = Field(description="which data it learns, where there is no internet")
