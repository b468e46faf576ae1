"""BoundedLookup: a Schema Registry that is asked a few times only, however many ids bytes seem to hold."""

from __future__ import annotations

from kafkaml.codecs.registry import RegisteredSchema, SchemaLookup
from kafkaml.errors import BrokerError, DecodeError, KafkaMLError

__all__ = ["BoundedLookup"]

_MAX_UNKNOWN = 10


class BoundedLookup:
    """Asks ``lookup`` once for each id; no more once it did not answer, or did not know ten of them."""

    def __init__(self, lookup: SchemaLookup) -> None:
        self._lookup = lookup
        self._known: dict[int, RegisteredSchema | KafkaMLError] = {}
        self._away: BrokerError | None = None
        self._unknown = 0

    def __call__(self, schema_id: int) -> RegisteredSchema:
        """As ``SchemaRegistry``; what failed once fails again without being asked."""
        if schema_id not in self._known:
            self._known[schema_id] = self._asked(schema_id)
        found = self._known[schema_id]
        if isinstance(found, RegisteredSchema):
            return found
        raise found

    def _asked(self, schema_id: int) -> RegisteredSchema | KafkaMLError:
        if self._away is not None:
            return self._away
        if self._unknown >= _MAX_UNKNOWN:
            return DecodeError(f"schema {schema_id} was not asked for: too many before it are unknown")
        try:
            return self._lookup(schema_id)
        except BrokerError as error:
            self._away = error
            return error
        except DecodeError as error:
            self._unknown += 1
            return error
