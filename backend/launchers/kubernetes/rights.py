"""rights: the permissions that the launcher needs in the workers' namespace, one list for checks and tests. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from backend.launchers.kubernetes.manifests import (
    DISRUPTION_BUDGET,
    EVENT,
    JOB,
    POD,
    SCALED_OBJECT,
    SECRET,
    STATEFUL_SET,
    ObjectKind,
)

__all__ = ["Right", "rights"]

_VERBS: dict[ObjectKind, tuple[str, ...]] = {
    JOB: ("get", "list", "watch", "create", "delete"),
    STATEFUL_SET: ("get", "list", "watch", "create", "patch", "delete"),
    # Secrets are written but never read, so that an attacker who takes over the controller cannot read job tokens.
    SECRET: ("create", "patch"),
    DISRUPTION_BUDGET: ("create", "patch"),
    SCALED_OBJECT: ("create", "patch", "delete"),
    # The launcher removes pods of a lost node, because their StatefulSet would wait for that node.
    POD: ("list", "watch", "delete"),
    EVENT: ("list", "watch"),
}


@dataclass(frozen=True, order=True)
class Right:
    """One permission. ``group`` is empty for the core API; ``resource`` may name a subresource: ``pods/log``."""

    group: str
    resource: str
    verb: str


def rights(*, keda: bool) -> tuple[Right, ...]:
    """Return every right that the launcher needs, grouped by resource; those of scaling with ``keda`` only."""
    found = [
        Right(_group(kind), kind.plural, verb)
        for kind, verbs in _VERBS.items()
        if keda or kind != SCALED_OBJECT
        for verb in verbs
    ]
    return (*found, Right("", "pods/log", "get"))


def _group(kind: ObjectKind) -> str:
    return kind.api_version.rpartition("/")[0]
