"""Job tokens: what a worker may do, signed, for one run and one attempt of it, for a short time.

Minted by the controller when it launches, renewed by the worker, checked by ``backend.jobs``. Nothing is stored: a
token dies with its attempt, because every use is checked against the run's present attempt and state.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.core import signing

from backend.config.environment import environment
from backend.launchers.names import RunKind

__all__ = ["InvalidToken", "JobToken", "mint", "read"]

_SALT = "kafka-ml.job-token.v1"


class InvalidToken(Exception):
    """The token is not ours, was changed, or has expired."""


@dataclass(frozen=True)
class JobToken:
    """What a valid token says. ``expires_at`` is in seconds since 1970.

    ``worker`` is the id of the worker elsewhere that it was given to, 0 for what a launcher started, and ``session``
    the process of that worker.
    """

    kind: RunKind
    id: int
    attempt: int
    expires_at: int
    worker: int = 0
    session: str = ""

    @property
    def actor(self) -> str:
        """The name under which the job's writes stand in the audit trail."""
        return f"job:{self.kind}:{self.id}:{self.attempt}"


def mint(
    kind: RunKind,
    id: int,  # noqa: A002 - the domain's word
    attempt: int,
    ttl: float | None = None,
    *,
    worker: int = 0,
    session: str = "",
) -> str:
    """Return a token for one attempt of one run; ``ttl`` in seconds, by default the setting's."""
    lifetime = environment().job_token_seconds if ttl is None else ttl
    said: list[str | int] = [kind.value, id, attempt, int(time.time() + lifetime)]
    return signing.dumps(said + ([worker, session] if worker else []), salt=_SALT)


def read(token: str, *, grace_seconds: float = 0) -> JobToken:
    """Return what ``token`` says; raises InvalidToken when it is not ours or expired more than the grace ago."""
    try:
        kind, number, attempt, expires_at, *elsewhere = signing.loads(token, salt=_SALT)
        worker, session = elsewhere or (0, "")
        parsed = JobToken(RunKind(kind), int(number), int(attempt), int(expires_at), int(worker), str(session))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise InvalidToken("the token is not a job's") from error
    if parsed.expires_at + grace_seconds <= time.time():
        raise InvalidToken("the token has expired")
    return parsed
