"""Message: what everything on the wire shares, and the bounds of what it holds.

Workers run next to user code, so nothing from them is trusted, and anything beyond these bounds is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from kafkaml.text import storable

__all__ = ["Count", "Message", "Metric", "Metrics", "Name", "Sha256", "Text"]


class Message(BaseModel):
    """Base of all messages: never changed once made. Additional fields, such as those of a newer sender,
    are ignored.
    """

    model_config = ConfigDict(frozen=True)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object; ``model_validate`` is its inverse."""
        return self.model_dump(mode="json")


def _from_json(value: object) -> object:
    return math.nan if value is None else value


def _to_json(value: float) -> float | None:
    return value if math.isfinite(value) else None


# JSON has no NaN and no infinity. A number that is not finite, as of a training that diverged, therefore travels as
# null and arrives as NaN.
Metric = Annotated[
    float,
    BeforeValidator(_from_json),
    PlainSerializer(_to_json, when_used="json"),
    WithJsonSchema({"type": ["number", "null"], "format": "double"}),
]

Count = Annotated[int, Field(ge=0, le=2**53)]
# User code may use names and raise errors with characters that cannot be encoded.
Name = Annotated[str, Field(max_length=200), BeforeValidator(storable)]
Text = Annotated[str, Field(max_length=100_000), BeforeValidator(storable)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Metrics = Annotated[Mapping[Name, Metric], Field(max_length=1000)]
