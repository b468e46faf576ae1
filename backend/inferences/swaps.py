"""Which version an inference serves: swap, roll back, follow the current one; and what replicas say of it.

Each change counts the revision up, of which replicas hear when they tell their statistics.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from backend.accounts.audit import record, state_hash
from backend.api.actors import SYSTEM, Actor
from backend.api.errors import Conflict, InvalidField
from backend.deployments.models import ResultVersion
from backend.inferences.compatibility import difference
from backend.inferences.models import Inference, SwapRecord
from backend.runs.transitions import publish_run
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.replica import ReplicaStats, SwapFailure

__all__ = ["follow", "follow_current", "kept_version", "roll_back", "store_swaps", "swap"]

# Of each inference so many swaps of replicas are kept, the newest.
_KEPT_SWAPS = 1000


def swap(inference: Inference, *, actor: Actor, version: int) -> None:
    """Serve a version from now on, whichever is current; the replicas go over to it without losing a record."""
    with transaction.atomic():
        locked = _locked(inference)
        target = kept_version(locked, version)
        _change(locked, actor, "swap", serve=target, pinned=target)


def roll_back(inference: Inference, *, actor: Actor) -> None:
    """Serve what was served before the last change; raises Conflict where there is no such version."""
    with transaction.atomic():
        locked = _locked(inference)
        if locked.previous is None:
            raise Conflict(
                f"inference {locked.pk} has served version {locked.served.number} only: nothing to go back to",
                hint="swap it to the version that you want",
            )
        _change(locked, actor, "roll back", serve=locked.previous, pinned=locked.previous)


def follow(inference: Inference, *, actor: Actor) -> None:
    """Serve the current version of the result from now on, whenever another one becomes it."""
    with transaction.atomic():
        locked = _locked(inference)
        current = locked.result.current_version
        assert current is not None, "an inference is made of a result with a version, and one of them is current"
        _change(locked, actor, "follow", serve=current, pinned=None)


def follow_current(version: ResultVersion, before: ResultVersion | None, **_: Any) -> None:
    """Let the inferences that follow a result go over to its new current version; called in its transaction.

    One that cannot serve it stays with the version before, and says why.
    """
    if before is None or before.pk == version.pk:
        return
    followers = Inference.objects.select_for_update().filter(result=version.result_id, pinned=None)
    problem = difference(before.outcome, version.outcome)
    for each in followers:
        each.result = version.result
        if problem:
            failure = Failure(category=FailureCategory.DATA, cause=f"{version}: {problem}", hint=_INSTEAD)
            each.pinned = before
            each.swap_failure = SwapFailure(revision=each.revision, version=version.number, failure=failure).to_json()
            _save(each, SYSTEM, "follow", f"stays at version {before.number}: {problem}")
        else:
            each.previous, each.swap_failure = before, None
            each.revision += 1
            _save(each, SYSTEM, "follow", f"version {version.number}")


def store_swaps(inference: Inference, said: ReplicaStats) -> None:
    """Take what a replica says of its swaps, the row locked. A version that it could not go over to is given up."""
    for each in said.swaps:
        SwapRecord.objects.get_or_create(
            inference=inference,
            replica=said.replica,
            revision=each.revision,
            at=each.at,
            defaults={name: getattr(each, name) for name in _KEPT_FIELDS} | {"positions": dict(each.positions)},
        )
    failure = said.swap_failure
    if failure is not None and failure.revision == inference.revision:
        SwapRecord.objects.create(
            inference=inference,
            replica=said.replica,
            revision=failure.revision,
            from_version=None if said.serving is None else said.serving.version,
            version=failure.version,
            at=timezone.now(),
            failure=failure.failure.to_json(),
        )
        _give_up(inference, failure, said.replica)
    if said.swaps or failure is not None:
        _prune(inference)


def kept_version(inference: Inference, number: int) -> ResultVersion:
    """Return a version of the inference's result; raises InvalidField naming those that there are."""
    versions = {each.number: each for each in inference.result.versions.defer("code", "imports", "confusion_matrix")}
    if number not in versions:
        kept = ", ".join(map(str, sorted(versions)))
        raise InvalidField(
            "version", f"result {inference.result_id} has no version {number} (any more): expected one of {kept}"
        )
    return versions[number]


_INSTEAD = "serve it by an inference of its own, with an output topic of its own"
_KEPT_FIELDS = ("from_version", "version", "gap_seconds", "loading_seconds")


def _locked(inference: Inference) -> Inference:
    return (
        Inference.objects.select_for_update(of=("self",))
        .select_related("result__current_version", "pinned", "previous")
        .get(pk=inference.pk)
    )


def _change(
    inference: Inference, actor: Actor, action: str, *, serve: ResultVersion, pinned: ResultVersion | None
) -> None:
    before = inference.served
    if serve.pk != before.pk:
        if problem := difference(before.outcome, serve.outcome):
            raise InvalidField(
                "version", f"version {serve.number} cannot take the place of {before.number}: {problem}", hint=_INSTEAD
            )
        inference.previous = before
        inference.revision += 1
    inference.pinned, inference.swap_failure = pinned, None
    _save(inference, actor, action, f"version {before.number} -> {serve.number}, revision {inference.revision}")


def _give_up(inference: Inference, failure: SwapFailure, replica: int) -> None:
    """Go back to what all replicas can serve, so that they do not differ, nor one that starts anew fails."""
    failed, previous = inference.served, inference.previous
    if previous is None:
        return
    inference.pinned, inference.previous = previous, None
    inference.swap_failure = failure.to_json()
    inference.revision += 1
    cause = f"replica {replica} cannot serve version {failed.number}: {failure.failure.cause}"
    _save(inference, SYSTEM, "give up swap", cause)


def _save(inference: Inference, actor: Actor, action: str, detail: str) -> None:
    before = state_hash(Inference.objects.get(pk=inference.pk))
    inference.save(update_fields=["pinned", "previous", "revision", "swap_failure", "updated_at"])
    record(actor, action, inference, before=before, after=state_hash(inference), detail=detail)
    publish_run(inference)


def _prune(inference: Inference) -> None:
    rows = SwapRecord.objects.filter(inference=inference)
    oldest = rows.values_list("at", flat=True)[_KEPT_SWAPS : _KEPT_SWAPS + 1]
    if oldest:
        rows.filter(at__lte=oldest[0]).delete()
