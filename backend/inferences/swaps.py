"""Which version an inference serves: swap, roll back, follow the current one; and what replicas say of it.

Each change increments the revision, which replicas learn when they report their statistics.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from backend.accounts.audit import record, state_hash
from backend.api.actors import SYSTEM, Actor
from backend.api.errors import Conflict, InvalidField
from backend.deployments.models import ResultVersion
from backend.inferences.compatibility import obstacle
from backend.inferences.models import Inference, SwapRecord
from backend.inferences.selectors import live_comparison
from backend.runs.services import stop
from backend.runs.transitions import publish_run
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.inference import ChallengeEnd
from kafkaml.wire.replica import ReplicaStats, SwapFailure

__all__ = [
    "INSTEAD",
    "change",
    "end_challenge",
    "follow",
    "follow_current",
    "kept_version",
    "locked_inference",
    "roll_back",
    "save",
    "store_swaps",
    "swap",
]

# The newest swaps that are kept, per inference.
_KEPT_SWAPS = 1000


def swap(inference: Inference, *, actor: Actor, version: int) -> None:
    """Serve a version from now on, whichever is current; the replicas go over to it without losing a record."""
    with transaction.atomic():
        locked = locked_inference(inference)
        target = kept_version(locked, version)
        change(locked, actor, "swap", serve=target, pinned=target, follows=False)


def roll_back(inference: Inference, *, actor: Actor) -> None:
    """Serve the version that was served before the last change; raises Conflict where there is no such version."""
    with transaction.atomic():
        locked = locked_inference(inference)
        if locked.previous is None:
            raise Conflict(
                f"inference {locked.pk} has served version {locked.served.number} only: nothing to go back to",
                hint="swap it to the version that you want",
            )
        change(locked, actor, "roll back", serve=locked.previous, pinned=locked.previous, follows=False)


def follow(inference: Inference, *, actor: Actor) -> None:
    """Serve the current version of the result from now on, whenever another one becomes it."""
    with transaction.atomic():
        locked = locked_inference(inference)
        current = locked.result.current_version
        assert current is not None, "an inference is made of a result with a version, and one of them is current"
        change(locked, actor, "follow", serve=current, pinned=None, follows=True)


def follow_current(version: ResultVersion, before: ResultVersion | None, **_: Any) -> None:
    """Let the inferences that follow a result change over to its new current version; called in the same transaction.

    An inference that cannot serve the new version keeps its version, shows the reason, and continues to follow.
    """
    if before is None or before.pk == version.pk:
        return
    rows = Inference.objects.select_for_update(of=("self",)).select_related("pinned", "previous", "challenger")
    for row in rows.filter(result=version.result_id, follows=True):
        row.result = version.result
        served = row.pinned or before
        if problem := obstacle(served, version):
            failure = Failure(category=FailureCategory.DATA, cause=f"{version}: {problem}", hint=INSTEAD)
            refused = SwapFailure(revision=row.revision, version=version.number, failure=failure)
            row.pinned, row.swap_failure = served, refused.to_json()
            save(row, SYSTEM, "follow", f"stays at version {served.number}: {problem}")
        else:
            end_challenge(row, SYSTEM, why=f"version {version.number} became the current one")
            row.pinned, row.previous, row.swap_failure = None, served, None
            row.revision += 1
            save(row, SYSTEM, "follow", f"version {version.number}")


def store_swaps(inference: Inference, said: ReplicaStats) -> None:
    """Take a replica's report of its swaps, with the row locked. A version that the replica could not change to is
    withdrawn.
    """
    for done in said.swaps:
        SwapRecord.objects.get_or_create(
            inference=inference,
            replica=said.replica,
            revision=done.revision,
            at=done.at,
            defaults={name: getattr(done, name) for name in _KEPT_FIELDS} | {"positions": dict(done.positions)},
        )
    failure = said.swap_failure
    known = inference.swap_failure or {}
    is_new = failure is not None and (known.get("revision"), known.get("version")) != (
        failure.revision,
        failure.version,
    )
    if failure is not None and is_new and failure.revision == inference.revision:
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
    """Return a version of the inference's result; raises InvalidField naming the existing ones."""
    versions = {
        version.number: version
        for version in inference.result.versions.defer("code", "imports", "confusion_matrix", "evaluation")
    }
    if number not in versions:
        kept = ", ".join(map(str, sorted(versions)))
        raise InvalidField(
            "version", f"result {inference.result_id} has no version {number} (any more): expected one of {kept}"
        )
    return versions[number]


# The hint for a version that does not fit the inference.
INSTEAD = "serve it by an inference of its own, with an output topic of its own"
_KEPT_FIELDS = ("from_version", "version", "challenger", "limit", "gap_seconds", "loading_seconds")


def locked_inference(inference: Inference) -> Inference:
    """Return the inference, its row locked."""
    rows = Inference.objects.select_for_update(of=("self",))
    related = ("result__current_version", "pinned", "previous", "challenger", "shadow_of")
    return rows.select_related(*related).get(pk=inference.pk)


def change(
    inference: Inference,
    actor: Actor,
    action: str,
    *,
    serve: ResultVersion,
    pinned: ResultVersion | None,
    follows: bool,
    why: str = "",
) -> None:
    """Serve a version, with the row locked. This ends a challenge of the version that was served before. Raises
    InvalidField, Conflict.
    """
    if inference.shadow_of_id is not None:
        raise Conflict(f"inference {inference.pk} is a shadow, which compares two versions", hint="promote or drop it")
    before = inference.served
    if serve.pk != before.pk:
        if problem := obstacle(before, serve):
            raise InvalidField(
                "version", f"version {serve.number} cannot take the place of {before.number}: {problem}", hint=INSTEAD
            )
        inference.previous = before
    if serve.pk != before.pk or inference.challenger_id is not None:
        inference.revision += 1
    promoted = inference.challenger_id == serve.pk
    end_challenge(
        inference, actor, promoted=promoted, why=why or ("" if promoted else f"version {serve.number} was chosen")
    )
    inference.pinned, inference.follows, inference.swap_failure = pinned, follows, None
    detail = f"version {before.number} -> {serve.number}, revision {inference.revision}"
    save(inference, actor, action, f"{detail}: {why}" if why else detail)


def save(inference: Inference, actor: Actor, action: str, detail: str) -> None:
    """Save what is served, and publish the change."""
    before = state_hash(Inference.objects.get(pk=inference.pk))
    inference.save()
    record(actor, action, inference, before=before, after=state_hash(inference), detail=detail)
    publish_run(inference)


def end_challenge(inference: Inference, actor: Actor, *, promoted: bool = False, why: str = "") -> None:
    """Record the outcome of the challenger, if any, with the row locked; the caller saves the row."""
    kind = inference.challenge_kind
    if inference.challenger is None or kind is None:
        return
    inference.last_challenge = ChallengeEnd(
        version=inference.challenger.number,
        champion=inference.served.number,
        kind=kind,
        promoted=promoted,
        why=why,
        by=actor.name,
        at=timezone.now(),
        found=live_comparison(inference),
    ).to_json()
    if inference.shadow_of_id is None:
        inference.challenger = inference.challenger_rule = None


def _give_up(inference: Inference, failure: SwapFailure, replica: int) -> None:
    """Go back to a version that all replicas can serve, so that they agree and a restarted replica does not fail."""
    failed, previous, challenger = inference.served, inference.previous, inference.challenger
    cause = f"replica {replica} cannot serve version {failure.version}: {failure.failure.cause}"
    if challenger is not None and challenger.number == failure.version:
        inference.swap_failure = failure.to_json()
        end_challenge(inference, SYSTEM, why=cause)
        if inference.shadow_of_id is None:
            inference.revision += 1
        save(inference, SYSTEM, "give up challenger", cause)
        if inference.shadow_of_id is not None:
            stop(inference, actor=SYSTEM)
    elif previous is not None and failed.number == failure.version:
        # The inference goes on following the current version if it did before, because the next version may work.
        inference.pinned, inference.previous = previous, None
        inference.swap_failure = failure.to_json()
        inference.revision += 1
        save(inference, SYSTEM, "give up swap", cause)


def _prune(inference: Inference) -> None:
    rows = SwapRecord.objects.filter(inference=inference)
    oldest = rows.values_list("at", flat=True)[_KEPT_SWAPS : _KEPT_SWAPS + 1]
    if oldest:
        rows.filter(at__lte=oldest[0]).delete()
