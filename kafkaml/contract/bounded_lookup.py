"""BoundedLookup: limits requests to a Schema Registry, however many ids the bytes seem to hold."""

from __future__ import annotations

from kafkaml.codecs.registry import RegisteredSchema, SchemaLookup
from kafkaml.errors import BrokerError, DecodeError, KafkaMLError

__all__ = ["BoundedLookup"]

_MAX_UNKNOWN = 10


class BoundedLookup:
    """Calls ``lookup`` once per id. Stops calling it once it has failed to answer, or has not known ten ids."""

    def __init__(self, lookup: SchemaLookup) -> None:
        self._lookup = lookup
        self._known: dict[int, RegisteredSchema | KafkaMLError] = {}
        self._away: BrokerError | None = None
        self._unknown = 0

    def __call__(self, schema_id: int) -> RegisteredSchema:
        """Same contract as ``SchemaRegistry``. An id that failed once fails again without a request."""
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
