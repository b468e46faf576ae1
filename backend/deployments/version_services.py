"""Users' actions on versions: promote, pin and delete; and deleting the oldest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import transaction
from django.db.models import ProtectedError

from backend.accounts.audit import record
from backend.api.actors import Actor
from backend.api.errors import Conflict, InUse, NotFound
from backend.config.environment import environment
from backend.deployments import storage
from backend.deployments.models import ResultVersion, TrainingResult
from backend.deployments.parts import locked_part
from backend.deployments.versions import make_current, version_of
from backend.runs.transitions import publish_row

__all__ = ["delete_version", "pin_version", "promote_version", "prune_versions"]


def promote_version(result_id: int, number: int, *, actor: Actor, why: str) -> ResultVersion:
    """Make a version the current one, newer or older than the present one; inferences that follow change over to it.

    All sub-models of a chain change over, because they were trained together. Idempotent. Raises NotFound, and Conflict
    where another sub-model's version of that number is not kept.
    """
    with _locked(result_id) as (run, asked):
        version = version_of(asked, number)
        if version == asked.current_version:
            return version
        for part, chosen in [(part, _version_beside(part, asked, number)) for part in run.parts()]:
            before = part.current_version
            make_current(part, chosen, by=actor.name, why=why)
            part.save(update_fields=["current_version", "updated_at"])
            said = f"version {number} in place of {before.number if before else 'none'}"
            record(actor, "promote", part, detail=f"{said}: {why}" if why else said)
            publish_row(part, version=number)
    return version


def pin_version(result_id: int, number: int, *, actor: Actor, pinned: bool) -> ResultVersion:
    """Pin a version so that it stays when the oldest are deleted, or unpin it. Raises NotFound."""
    with _locked(result_id) as (_, result):
        version = version_of(result, number)
        if version.pinned != pinned:
            version.pinned = pinned
            version.save(update_fields=["pinned"])
            record(actor, "pin" if pinned else "unpin", result, detail=f"version {number}")
            publish_row(result, version=number)
    return version


def delete_version(result_id: int, number: int, *, actor: Actor) -> None:
    """Delete a version and its files. Raises NotFound, Conflict for a current or pinned one, InUse for a served one."""
    with _locked(result_id) as (_, result):
        version = version_of(result, number)
        if version == result.current_version:
            raise Conflict(f"{version} is the current one", hint="promote another one first")
        if version.pinned:
            raise Conflict(f"{version} is pinned", hint="unpin it first")
        try:
            _remove(result, version)
        except ProtectedError as error:
            users = [
                {"type": str(user._meta.model_name), "id": user.pk, "name": str(user)}
                for user in error.protected_objects
            ]
            raise InUse(
                f"{version} is in use by {len(users)} others", users=users, hint="let them serve another one first"
            ) from error
        record(actor, "delete", result, detail=f"version {number}")
        publish_row(result, version=number)


def prune_versions(result: TrainingResult) -> None:
    """Delete the oldest versions beyond those that the settings keep; the row is locked.

    Current, pinned and served versions stay, and do not count towards the number that is kept.
    """
    loose = [
        candidate for candidate in result.versions.filter(pinned=False) if candidate.pk != result.current_version_id
    ]
    for version in loose[environment().kept_versions :]:
        with suppress(ProtectedError):
            _remove(result, version)


def _remove(result: TrainingResult, version: ResultVersion) -> None:
    with transaction.atomic():
        storage.remove(result, version=version)
        version.delete()


@contextmanager
def _locked(result_id: int) -> Iterator[tuple[TrainingResult, TrainingResult]]:
    with locked_part(result_id) as found:
        if found is None:
            raise NotFound(f"there is no result {result_id}")
        yield found


def _version_beside(part: TrainingResult, asked: TrainingResult, number: int) -> ResultVersion:
    """Return the version of another sub-model of the chain that was trained together with the requested one."""
    version = part.versions.filter(number=number).first()
    if version is None:
        raise Conflict(
            f"version {number} of result {part.pk} ({part.model.name}) is not kept: expected it as well as that of "
            f"result {asked.pk}, with which it was trained",
            hint="promote a version that all sub-models of the chain have",
        )
    return version
