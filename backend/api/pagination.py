"""Pages of lists: ``?limit=50&offset=0``, at most 500 rows."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request

__all__ = ["PAGE", "LimitOffset"]

# A page further out than this has no reader, and the number must fit the database's integers.
_MAX_OFFSET = 10_000_000


class LimitOffset(LimitOffsetPagination):
    """Answers ``{count, next, previous, results}``."""

    default_limit = 50
    max_limit = 500
    limit_query_description = (
        f"Largest number of objects in the answer: {default_limit} by default, at most {max_limit}."
    )
    offset_query_description = f"Number of objects to skip, at most {_MAX_OFFSET:,}."

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        # The library marks what may be null as OpenAPI 3.0 does, which is lost in OpenAPI 3.1.
        for name in ("next", "previous"):
            described["properties"][name] = {"type": ["string", "null"], "format": "uri"}
        return described

    def get_offset(self, request: Request) -> int:
        return min(super().get_offset(request), _MAX_OFFSET)


# Parameters of lists outside viewsets, for the schema.
PAGE = [
    OpenApiParameter("limit", int, description=LimitOffset.limit_query_description),
    OpenApiParameter("offset", int, description=LimitOffset.offset_query_description),
]
