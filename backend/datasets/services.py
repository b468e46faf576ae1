"""Users' actions on data sets: make, version, rename, delete, train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.deletion import Deletion
from backend.api.errors import InvalidField
from backend.api.uses import related, users
from backend.datasets.fitting import check_models, seen_classes
from backend.datasets.models import Dataset, DatasetVersion
from backend.datasets.slices import Slice
from backend.events.services import publish
from backend.records.browsing import open_browser
from backend.streams.addressees import addressees, unfit_reason
from backend.streams.offering import Offer, check_decodes, offer
from kafkaml.stream_range import format_ranges
from kafkaml.text import counted
from kafkaml.wire.choices import Targets
from kafkaml.wire.contract import DEFAULT_FIT_RECORDS

__all__ = [
    "Slice",
    "add_version",
    "announce_dataset",
    "create_dataset",
    "delete_dataset",
    "deletion_of",
    "update_dataset",
]

_MOST_NAMED = 5


def create_dataset(*, actor: Actor, name: str, description: str, **version: Any) -> Dataset:
    """Make a data set with its first version."""
    dataset = Dataset(name=name, description=description, created_by_id=actor.user_id)
    first = _checked(dataset, actor=actor, **version)
    with transaction.atomic():
        dataset.save()
        _number(dataset, first)
        record(actor, "create", dataset, after=state_hash(dataset), detail=name)
        publish("datasets", {"id": dataset.pk, "change": "created"})
    return dataset


def add_version(dataset: Dataset, *, actor: Actor, **version: Any) -> DatasetVersion:
    """Add a version; those before it stay as they are."""
    made = _checked(dataset, actor=actor, **version)
    with transaction.atomic():
        # The lock makes version numbers consecutive.
        locked = Dataset.objects.select_for_update().get(pk=dataset.pk)
        _number(locked, made)
        locked.save(update_fields=["updated_at"])
        record(actor, "create", made, after=state_hash(made), detail=str(made))
        publish("datasets", {"id": dataset.pk, "change": "version"})
    return made


def _checked(
    dataset: Dataset,
    *,
    actor: Actor,
    slice: Slice,  # noqa: A002  # as the API calls it
    contract: Mapping[str, Any],
    validation_rate: float,
    test_rate: float,
) -> DatasetVersion:
    """Return an unsaved version with offsets from Kafka. Called outside of a transaction, which must not wait for
    Kafka.
    """
    browser = open_browser()
    version = DatasetVersion(
        dataset=dataset,
        ranges=format_ranges(slice.resolved(browser)),
        since_ms=(slice.since_ms or 0) if slice.online else None,
        fit_records=(slice.fit_records or DEFAULT_FIT_RECORDS) if slice.online else None,
        validation_rate=validation_rate,
        test_rate=test_rate,
        contract=contract,
        created_by_id=actor.user_id,
    )
    check_decodes(browser, version.control_message(), field="contract")
    return version


def _number(dataset: Dataset, version: DatasetVersion) -> None:
    version.dataset = dataset
    version.number = (dataset.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    version.save()


def update_dataset(dataset: Dataset, *, actor: Actor, **values: Any) -> Dataset:
    """Change the name or the description."""
    with transaction.atomic():
        before = state_hash(dataset)
        for name, value in values.items():
            setattr(dataset, name, value)
        dataset.save()
        record(actor, "change", dataset, before=before, after=state_hash(dataset), detail=dataset.name)
        publish("datasets", {"id": dataset.pk, "change": "changed"})
    return dataset


def deletion_of(dataset: Dataset) -> Deletion:
    """Return what deleting a data set would do. Nothing keeps it, because trained results hold the contract
    themselves.
    """
    versions = counted(dataset.versions.count(), "version")
    losses = [f"{versions}: which records, and the contract; the records themselves stay"]
    if trained := users("deployment", related(DatasetVersion, "deployments").filter(dataset__dataset=dataset)):
        named = ", ".join(str(result["id"]) for result in trained[:_MOST_NAMED])
        more = f" and {len(trained) - _MOST_NAMED} more" if len(trained) > _MOST_NAMED else ""
        whose = "deployment" if len(trained) == 1 else "deployments"
        losses.append(f"the link to it from {whose} {named}{more}; their results stay")
    return Deletion(losses=losses)


def delete_dataset(dataset: Dataset, *, actor: Actor) -> None:
    """Delete a data set with its versions; streams that were announced from it, and what they trained, stay."""
    with transaction.atomic():
        record(actor, "delete", dataset, before=state_hash(dataset), detail=dataset.name)
        publish("datasets", {"id": dataset.pk, "change": "deleted"})
        dataset.delete()


def announce_dataset(
    version: DatasetVersion,
    *,
    actor: Actor,
    deployment: int,
    field: str = "deployment",
    classes: Sequence[str] | None = None,
) -> Offer:
    """Let a deployment train on a version. ``classes`` are some of its label's classes; None: they are looked up.

    Raises InvalidField where it trains on streams of the other kind, or one of its models cannot learn by the contract.
    """
    addressee = addressees().get(pk=deployment)
    reason = unfit_reason(
        deployment,
        addressee.mode,
        semi_supervised=bool(addressee.semi_supervised),
        online=version.online,
        unlabelled=False,
    )
    if reason:
        raise InvalidField(field, reason, hint="choose a data set or a deployment of the other kind, or make one")
    # Code that was changed since is checked when it trains. Only the lowest model of a chain takes samples.
    models = [
        result.model
        for result in addressee.results.select_related("model")
        if (result.code, result.imports) == (result.model.code, result.model.imports) and not result.tier
    ]
    check_models(
        version,
        models,
        targets=Targets(addressee.targets),
        field=field,
        classes=(seen_classes(version, models) if classes is None else classes) or None,
    )
    return offer(version.control_message(), actor=actor, deployment=deployment)
