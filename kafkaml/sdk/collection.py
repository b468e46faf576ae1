"""Collection: the base class of all nouns of the SDK."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from kafkaml.sdk import types
from kafkaml.sdk.connection import Connection

__all__ = ["Collection", "given"]

T = TypeVar("T", bound=BaseModel)


class Collection(Generic[T]):
    """The methods that all nouns share."""

    path: str
    kind: type[T]

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, **filters: object) -> list[T]:
        """Return all that match, following pages; filters are those of the API (``search``, ``ordering``, ...)."""
        return [self.kind.model_validate(page) for page in self._connection.pages(self.path, filters)]

    def get(self, identifier: int | str) -> T:
        """Return the object with this id; raises ApiError with status 404 when there is none."""
        return self.kind.model_validate(self._connection.request("GET", f"{self.path}{identifier}/"))

    def delete(self, identifier: int | str) -> None:
        """Delete an object. ApiError with status 409 names what still uses it, or says that it runs."""
        self._connection.request("DELETE", f"{self.path}{identifier}/")

    def deletion(self, *identifiers: int) -> builtins.list[types.Deletion]:
        """Return what deleting these objects would do, without doing it. Objects that are already deleted are left out.

        The method is for models, configurations, data sets, deployments, results, inferences and streams; at most 100
        at once.
        """
        answer = self._connection.request(
            "GET", f"{self.path}deletion/", params={"ids": ",".join(map(str, identifiers))}
        )
        return [types.Deletion.model_validate(deletion) for deletion in answer]

    def _create(self, fields: Mapping[str, object]) -> T:
        """Create an object. ``fields`` may be the ``locals()`` of a method whose parameters are the API's fields."""
        body = given({name: value for name, value in fields.items() if name != "self"})
        return self.kind.model_validate(self._connection.request("POST", self.path, body=body))

    def _patch(self, identifier: int | str, body: Mapping[str, object]) -> T:
        answer = self._connection.request("PATCH", f"{self.path}{identifier}/", body=given(body))
        return self.kind.model_validate(answer)

    def _replace(self, identifier: int | str, body: Mapping[str, object]) -> T:
        """Change fields; None clears a field."""
        return self.kind.model_validate(self._connection.request("PATCH", f"{self.path}{identifier}/", body=body))

    def _act(self, identifier: int | str, action: str, body: Mapping[str, object] | None = None) -> Any:
        return self._connection.request(
            "POST", f"{self.path}{identifier}/{action}/", body={} if body is None else given(body)
        )


def given(body: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if value is not None}
