"""``client.datasets``: slices of topics with the contract by which their records become samples."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kafkaml.sdk import types
from kafkaml.sdk.collection import Collection, given
from kafkaml.wire.contract import Contract

__all__ = ["Datasets"]


class Datasets(Collection[types.Dataset]):
    """Slices of topics with the contract by which their records become samples."""

    path = "/datasets/"
    kind = types.Dataset

    def create(
        self,
        *,
        name: str,
        topic: str,
        contract: Contract | Mapping[str, object],
        description: str = "",
        partition: int | None = None,
        start: int | None = None,
        end: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        validation_rate: float = 0.1,
        test_rate: float = 0.1,
    ) -> types.Dataset:
        """Make a data set with its first version: all that ``topic`` holds now, unless a part of it is named.

        ``partition``, ``start`` and ``end`` are offsets; ``since`` and ``until`` are times of the records.
        ApiError says what does not fit.
        """
        version = _version(locals())
        return self._create({"name": name, "description": description, **version})

    def add_version(
        self,
        identifier: int,
        *,
        topic: str,
        contract: Contract | Mapping[str, object],
        partition: int | None = None,
        start: int | None = None,
        end: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        validation_rate: float = 0.1,
        test_rate: float = 0.1,
    ) -> types.DatasetVersion:
        """Add a version to a data set; those before it stay as they are. Arguments as of ``create``."""
        return types.DatasetVersion.model_validate(self._act(identifier, "versions", _version(locals())))

    def update(self, identifier: int, **changes: object) -> types.Dataset:
        """Change ``name`` or ``description``."""
        return self._patch(identifier, changes)

    def train(self, identifier: int, *, deployment: int, version: int | None = None) -> dict[str, Any]:
        """Let a deployment that waits train on a version, the newest unless one is named."""
        answer: dict[str, Any] = self._act(identifier, "train", {"deployment": deployment, "version": version})
        return answer


def _version(fields: Mapping[str, Any]) -> dict[str, object]:
    """Return the body of a version of the ``locals()`` of a method that makes one."""
    contract = fields["contract"]
    times = {name: None if fields[name] is None else fields[name].isoformat() for name in ("since", "until")}
    places = {name: fields[name] for name in ("topic", "partition", "start", "end")}
    return {
        "slice": given({**places, **times}),
        "contract": contract.to_json() if isinstance(contract, Contract) else contract,
        "validation_rate": fields["validation_rate"],
        "test_rate": fields["test_rate"],
    }
