"""Headers that say where an answer comes from. Pure; on every output and every dead letter.

- ``kml-source``: topic/partition/offset of the input record
- ``kml-inference``: number of the inference
- ``kml-result``: number of the training result whose model answered
- ``kml-version``: version of that model
- ``kml-tier``: name of the sub-model, where it is one of a distributed model

They follow the record's own headers, which stay. In a chain of inferences the last ``kml-source`` is the newest.
"""

from __future__ import annotations

from kafkaml.records import SOURCE_HEADER, TIER_HEADER, Record, format_source
from kafkaml.wire.inference import ServedModel

__all__ = ["Provenance"]


class Provenance:
    """The headers of one model in one inference."""

    def __init__(self, *, inference: int, result: int, version: int, tier: str = "") -> None:
        self._constant: list[tuple[str, bytes | None]] = [
            ("kml-inference", b"%d" % inference),
            ("kml-result", b"%d" % result),
            ("kml-version", b"%d" % version),
        ]
        if tier:
            self._constant.append((TIER_HEADER, tier.encode()))

    @classmethod
    def of(cls, inference: int, model: ServedModel, *, tier: str = "") -> Provenance:
        """Return the headers of the model's answers."""
        return cls(inference=inference, result=model.result_id, version=model.version, tier=tier)

    @property
    def constant(self) -> list[tuple[str, bytes | None]]:
        """The headers that all answers share."""
        return self._constant

    def headers(self, record: Record) -> list[tuple[str, bytes | None]]:
        """Return the headers of the answer to ``record``."""
        source = format_source(record.topic, record.partition, record.offset)
        return [*record.headers, (SOURCE_HEADER, source), *self._constant]
