"""``client.datasets``: slices of topics with the contract by which their records become samples."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from kafkaml.sdk import types
from kafkaml.sdk.collection import Collection, given
from kafkaml.sdk.sample_files import download_samples
from kafkaml.wire.contract import Contract
from kafkaml.wire.preview import Preview

__all__ = ["Datasets"]


class Datasets(Collection[types.Dataset]):
    """Slices of topics with the contract by which their records become samples."""

    path = "/datasets/"
    kind = types.Dataset

    def catalog(self, *, search: str = "", kind: str | None = None) -> builtins.list[types.CatalogRow]:
        """Return all data sets, the last changed first: those of ``list``, and the streams that sinks announced.

        ``kind`` is ``dataset`` or ``stream``. A stream stays as it was sent: ``client.streams`` looks into it, sends
        it to other deployments and exports it.
        """
        pages = self._connection.pages(f"{self.path}catalog/", given({"search": search or None, "kind": kind}))
        return [types.CatalogRow.model_validate(page) for page in pages]

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
        online: bool = False,
        fit_records: int | None = None,
        validation_rate: float = 0.1,
        test_rate: float | None = None,
    ) -> types.Dataset:
        """Create a data set with its first version: all that ``topic`` holds now, unless a part of it is named.

        ``partition``, ``start`` and ``end`` are offsets; ``since`` and ``until`` are times of the records. With
        ``online`` the data set has no end and serves incremental training: it holds what the topic received since
        ``since``, and everything that will come. Vocabularies, scales and classes are then those of the first window,
        of at least ``fit_records`` (1000) records, and the samples that validate also test. Without ``online``,
        ``test_rate`` is 0.1 unless it is given. ApiError says what does not fit.
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
        online: bool = False,
        fit_records: int | None = None,
        validation_rate: float = 0.1,
        test_rate: float | None = None,
    ) -> types.DatasetVersion:
        """Add a version to a data set; earlier versions stay as they are. The arguments are those of ``create``."""
        return types.DatasetVersion.model_validate(self._act(identifier, "versions", _version(locals())))

    def update(self, identifier: int, **changes: object) -> types.Dataset:
        """Change ``name`` or ``description``."""
        return self._patch(identifier, changes)

    def preview(
        self,
        *,
        topic: str,
        contract: Contract | Mapping[str, object],
        partition: int | None = None,
        start: int | None = None,
        end: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        online: bool = False,
        fit_records: int | None = None,
        validation_rate: float = 0.1,
        test_rate: float | None = None,
        samples: int = 12,
    ) -> Preview:
        """Return what ``contract`` makes of a sample of ``topic``: columns, samples as a model gets them, problems.

        The other arguments are those of ``create``. A wrong contract is not an error: ``problems`` list its mistakes.
        """
        body = {**_version(locals()), "samples": samples}
        return Preview.model_validate(self._connection.request("POST", f"{self.path}preview/", body=body))

    def preview_version(self, identifier: int, *, version: int | None = None, samples: int = 12) -> Preview:
        """Return the preview of a version of a data set, the newest unless one is named."""
        answer = self._connection.request(
            "GET", f"{self.path}{identifier}/preview/", params={"version": version, "samples": samples}
        )
        return Preview.model_validate(answer)

    def export(
        self,
        identifier: int,
        path: Path,
        *,
        version: int | None = None,
        until: datetime | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> int:
        """Write the samples of a version, the newest unless one is named, to ``path``; return the bytes of the file.

        ``path`` ends with ``.parquet`` (a row for each sample) or ``.npz`` (arrays for ``numpy.load``). Samples are as
        a model gets them, with labels and the part that each is in. The server may read for minutes before the first
        byte comes; ``on_progress`` gets the number received. A version without end needs ``until``, the time before
        which records are exported.
        """
        return download_samples(
            self._connection,
            f"{self.path}{identifier}/export/",
            path,
            version=version,
            until=until,
            on_progress=on_progress,
        )

    def train(self, identifier: int, *, deployment: int, version: int | None = None) -> dict[str, Any]:
        """Let a waiting deployment train on a version, by default the newest."""
        answer: dict[str, Any] = self._act(identifier, "train", {"deployment": deployment, "version": version})
        return answer


def _version(fields: Mapping[str, Any]) -> dict[str, object]:
    """Return the body of a version from the ``locals()`` of a method that makes one."""
    contract = fields["contract"]
    times = {name: None if fields[name] is None else fields[name].isoformat() for name in ("since", "until")}
    places = {name: fields[name] for name in ("topic", "partition", "start", "end", "fit_records")}
    places["online"] = fields["online"] or None
    return {
        "slice": given({**places, **times}),
        "contract": contract.to_json() if isinstance(contract, Contract) else contract,
        "validation_rate": fields["validation_rate"],
        "test_rate": fields["test_rate"],
    }
