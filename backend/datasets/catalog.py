"""All data sets in one list: those that users made, and the streams that sinks announced, which have the simplest
contract and never change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import CharField, F, Model, Q, QuerySet, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from backend.datasets import selectors
from backend.datasets.models import Dataset
from backend.streams.models import Announcement
from backend.streams.selectors import repeats
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import parse_ranges
from kafkaml.wire.contract import Contract, SplitBy

__all__ = ["CatalogRow", "CatalogSearch", "DatasetKind", "catalog", "catalog_rows"]


class DatasetKind(StrEnum):
    """Where a data set comes from.

    * ``dataset``: A user made it. It has a contract and versions.
    * ``stream``: A sink announced it. It cannot be changed.
    """

    DATASET = "dataset"
    STREAM = "stream"


@dataclass(frozen=True, kw_only=True)
class CatalogSearch:
    """The filter for rows, and their order: ``id``, ``name`` or ``changed_at``, from the last on with ``-``."""

    kind: DatasetKind | None = None
    text: str = ""
    ordering: str = "-changed_at"


@dataclass(frozen=True, kw_only=True)
class CatalogRow:
    """A data set as lists show it, of its newest version; ``id`` is unique among those of its kind.

    ``columns`` and ``labels`` are names, of a stream the type and shape of its arrays as far as it says them.
    ``records`` is the upper bound, None: without end.
    """

    kind: DatasetKind
    id: int
    name: str
    description: str
    ranges: str
    records: int | None
    format: str
    columns: Sequence[str]
    labels: Sequence[str]
    split: SplitBy
    validation_rate: float
    test_rate: float
    versions: int
    changed_at: datetime


def catalog(search: CatalogSearch) -> QuerySet[Any, dict[str, Any]]:
    """Return kind and id of all that are found, to be counted and cut into pages; see ``catalog_rows``."""
    # Exclude streams of data sets, which their trainings announced, and records that were announced again.
    announced = Announcement.objects.exclude(message__input_format=InputFormat.COLUMNS).exclude(repeats())
    datasets = _places(
        Dataset.objects.filter(_holds(search.text, "name", "description")),
        DatasetKind.DATASET,
        {"title": Cast("name", TextField()), "at": F("updated_at")},
    )
    streams = _places(
        announced.filter(_holds(search.text, "message__description", "message__topic")),
        DatasetKind.STREAM,
        {"title": Cast(KT("message__description"), TextField()), "at": F("registered_at")},
    )
    found = {DatasetKind.DATASET.value: datasets, DatasetKind.STREAM.value: streams}.get(search.kind or "")
    if found is None:
        found = datasets.union(streams, all=True)
    descends = "-" if search.ordering.startswith("-") else ""
    column = {"name": "title", "changed_at": "at"}.get(search.ordering.removeprefix("-"), "id")
    # Kind and id order equal rows, so that the order is the same on every page.
    return found.order_by(f"{descends}{column}", "source", f"{descends}id")


def _places(queryset: QuerySet[Any], kind: DatasetKind, columns: Mapping[str, Any]) -> QuerySet[Any, dict[str, Any]]:
    source = Value(kind.value, output_field=CharField())
    found: QuerySet[Any, dict[str, Any]] = queryset.order_by().annotate(source=source, **columns)
    return found.values("source", "id", "title", "at")


def _holds(text: str, *fields: str) -> Q:
    """Return the condition that each word is in one of ``fields``."""
    found = Q()
    for word in text.split():
        any_of = Q()
        for field in fields:
            any_of |= Q(**{f"{field}__icontains": word})
        found &= any_of
    return found


def catalog_rows(places: Sequence[Mapping[str, Any]]) -> list[CatalogRow]:
    """Return a row for each of some entries of ``catalog``, in the same order: three queries."""
    wanted: dict[str, list[int]] = {kind: [] for kind in DatasetKind}
    for place in places:
        wanted[place["source"]].append(place["id"])
    models: dict[DatasetKind, QuerySet[Any]] = {
        DatasetKind.DATASET: selectors.datasets(),
        DatasetKind.STREAM: Announcement.objects.all(),
    }
    found: dict[tuple[str, int], Model] = {
        (kind, row.pk): row for kind, rows in models.items() for row in rows.filter(pk__in=wanted[kind])
    }
    # A row may have been deleted meanwhile.
    rows = [found.get((place["source"], place["id"])) for place in places]
    return [_of_dataset(row) if isinstance(row, Dataset) else _of_stream(row) for row in rows if row is not None]


def _of_dataset(dataset: Dataset) -> CatalogRow:
    versions = list(dataset.versions.all())
    newest = versions[0]
    contract = Contract.model_validate(newest.contract)
    return CatalogRow(
        kind=DatasetKind.DATASET,
        id=dataset.pk,
        name=dataset.name,
        description=dataset.description,
        ranges=newest.ranges,
        records=_records(newest.ranges),
        format=contract.format,
        columns=[column.name for column in contract.columns],
        labels=[label.name for label in contract.labels],
        split=contract.split,
        validation_rate=newest.validation_rate,
        test_rate=newest.test_rate,
        versions=len(versions),
        changed_at=dataset.updated_at,
    )


def _of_stream(stream: Any) -> CatalogRow:
    message = stream.control_message()
    config = message.input_config
    fields = config.get("fields")
    return CatalogRow(
        kind=DatasetKind.STREAM,
        id=stream.pk,
        name=message.description or f"stream {stream.pk}",
        description="",
        ranges=stream.message["topic"],
        records=_records(stream.message["topic"]),
        format=str(message.input_format),
        columns=list(fields) if isinstance(fields, list) else _array(config, "data"),
        labels=_array(config, "label"),
        # The split is the default for streams; a deployment may override it.
        split=SplitBy.CONTENT,
        validation_rate=message.validation_rate,
        test_rate=message.test_rate,
        versions=1,
        changed_at=stream.registered_at,
    )


def _records(ranges: str) -> int | None:
    sizes = [stream_range.max_records for stream_range in parse_ranges(ranges)]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _array(config: Mapping[str, Any], side: str) -> list[str]:
    """Return the type and the shape of one side of a stream, as far as its announcement says them."""
    if config.get(f"{side}_scheme"):
        return ["by its schema"]
    sizes = str(config.get(f"{side}_reshape") or "").split()
    # A single number has no shape worth showing.
    shape = " \u00d7 ".join(sizes) if sizes != ["1"] else ""
    shown = f"{config.get(f'{side}_type') or ''} {shape}".strip()
    return [shown] if shown else []
