"""Workers elsewhere: users' own machines that serve an inference in addition to its replicas, or alone.

A *worker token* lets them in, for one inference. People make and revoke it; a machine exchanges it for job tokens of
the present attempt (``join``), and every use of those is checked here (``check_worker``). No launcher knows them;
everything known about a worker is its own report.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from backend.accounts.audit import record, state_hash
from backend.accounts.authentication import token_digest
from backend.api.actors import Actor
from backend.api.errors import Conflict, NotFound, NotYet, WrongJob
from backend.api.job_tokens import JobToken
from backend.inferences.models import Inference, Worker, WorkerToken
from backend.runs.models import DesiredState
from backend.runs.transitions import MAX_LOG_TAIL, publish_run
from kafkaml.wire.worker import FIRST_WORKER, MAX_WORKERS, Join, LogPiece

__all__ = [
    "InferenceEnded",
    "WorkerReplaced",
    "check_worker",
    "create_token",
    "delete_token",
    "join",
    "read_log",
    "store_log",
]

# After this long without a report a worker's name and number are free again.
_FORGOTTEN_AFTER = timedelta(days=7)


class InferenceEnded(Conflict):
    """The inference does not run, so there is nothing to serve."""


class WorkerReplaced(Conflict):
    """Another process joined under the worker's name since; the sender must end."""


def create_token(inference: Inference, *, actor: Actor, name: str, days: float) -> tuple[WorkerToken, str]:
    """Create a worker token; the text is returned this once and not stored."""
    text = secrets.token_urlsafe(32)
    with transaction.atomic():
        token = WorkerToken.objects.create(
            inference=inference,
            name=name,
            digest=token_digest(text),
            created_by_id=actor.user_id,
            expires_at=timezone.now() + timedelta(days=days),
        )
        detail = f"{name}, inference {inference.pk}, {days:g} days"
        record(actor, "create", token, after=state_hash(token), detail=detail)
    return token, text


def delete_token(token: WorkerToken, *, actor: Actor) -> None:
    """Revoke a worker token: those that it let in end with their next report."""
    with transaction.atomic():
        record(actor, "delete", token, before=state_hash(token), detail=f"{token.name}, inference {token.inference_id}")
        token.delete()


def join(token: WorkerToken, said: Join, *, address: str = "") -> tuple[Inference, Worker]:
    """Let a machine serve, or go on serving, the inference of its token; returns the inference and the worker.

    Raises WrongJob, InferenceEnded, WorkerReplaced; NotYet while the inference is still being started.
    """
    with transaction.atomic():
        inference = (
            Inference.objects.select_for_update(of=("self",)).select_related("result__model").get(pk=token.inference_id)
        )
        if said.inference != inference.pk:
            raise WrongJob(
                f"this token is for inference {inference.pk}, not for inference {said.inference}",
                hint=f"run it with --inference {inference.pk}, or make a token for the other one",
            )
        if inference.ended or inference.desired != DesiredState.RUN:
            why = f": {inference.failure['cause']}" if inference.failure and inference.state == "failed" else ""
            state = inference.state if inference.ended else "being stopped"
            raise InferenceEnded(f"inference {inference.pk} is {state}{why}", hint="start it again, then its workers")
        if not inference.attempt or inference.launched_at is None or inference.next_retry_at is not None:
            raise NotYet(f"inference {inference.pk} is being started")
        worker = _worker(inference, token, said)
        if worker.session_log == 0 and not said.again:
            actor = Actor(f"worker:{inference.pk}:{worker.name}", address)
            record(actor, "join", worker, detail=f"inference {inference.pk} on {said.host}, by token {token.name}")
            publish_run(inference)
    return inference, worker


def _worker(inference: Inference, token: WorkerToken, said: Join) -> Worker:
    """Return the worker of that name, of this session from now on; the inference is locked."""
    now = timezone.now()
    known = {worker.name: worker for worker in inference.workers.defer("log_tail")}
    worker = known.get(said.name)
    if worker is None:
        inference.workers.filter(heard_at__lt=now - _FORGOTTEN_AFTER).delete()
        taken = set(inference.workers.values_list("number", flat=True))
        number = next((n for n in range(FIRST_WORKER, FIRST_WORKER + MAX_WORKERS) if n not in taken), None)
        if number is None:
            raise Conflict(
                f"inference {inference.pk} has {MAX_WORKERS} workers elsewhere, which is as many as it can have",
                hint=f"those that are silent for {_FORGOTTEN_AFTER.days} days are forgotten",
            )
        return Worker.objects.create(
            inference=inference,
            name=said.name,
            number=number,
            session=said.session,
            token=token,
            host=said.host,
            joined_at=now,
            heard_at=now,
        )
    if worker.session != said.session:
        if said.again:
            raise _replaced(worker)
        worker.session, worker.joined_at, worker.session_log = said.session, now, 0
    worker.token, worker.host, worker.heard_at = token, said.host, now
    worker.save(update_fields=["session", "joined_at", "session_log", "token", "host", "heard_at"])
    return worker


def check_worker(token: JobToken) -> Worker:
    """Return the worker that a job token was given to, while it is valid; otherwise raise WrongJob or
    WorkerReplaced.
    """
    found = Worker.objects.select_related("token").defer("log_tail")
    worker = found.filter(pk=token.worker, inference=token.id).first()
    if worker is None:
        raise WrongJob("this worker is not known any more")
    if worker.session != token.session:
        raise _replaced(worker)
    if worker.token is None:
        raise WrongJob("the token that let this worker in was revoked")
    if worker.token.expired:
        raise WrongJob("the token that let this worker in has expired")
    return worker


def _replaced(worker: Worker) -> WorkerReplaced:
    return WorkerReplaced(
        f"another process serves inference {worker.inference_id} as {worker.name!r} since "
        f"{worker.joined_at:%Y-%m-%d %H:%M:%S} UTC, on {worker.host or 'a machine that did not say its name'}",
        hint="give each machine, and each process of one machine, a --name of its own",
    )


def store_log(worker: Worker, piece: LogPiece | None) -> None:
    """Note a worker's report, and append what is new in its log; a piece may be repeated."""
    now = timezone.now()
    with transaction.atomic():
        locked = Worker.objects.select_for_update().filter(pk=worker.pk).first()
        if locked is None or locked.session != worker.session:
            return
        locked.heard_at = now
        new = "" if piece is None else piece.text[max(0, locked.session_log - piece.offset) :]
        if piece is None or not new:
            locked.save(update_fields=["heard_at"])
            return
        locked.session_log = piece.offset + len(piece.text)
        locked.log_tail = (locked.log_tail + new)[-MAX_LOG_TAIL:]
        locked.log_end += len(new)
        locked.save(update_fields=["heard_at", "session_log", "log_tail", "log_end"])


def read_log(inference: Inference, number: int, offset: int) -> dict[str, object]:
    """Return the kept end of a worker's log from ``offset`` characters on (negative: from the end)."""
    worker = inference.workers.filter(number=number).first()
    if worker is None:
        raise NotFound(f"inference {inference.pk} has no worker {number}")
    first = worker.log_end - len(worker.log_tail)
    start = worker.log_end + offset if offset < 0 else offset
    start = min(max(start, first), worker.log_end)
    text = worker.log_tail[start - first :]
    return {"text": text, "offset": start, "next_offset": worker.log_end, "stored": False}
