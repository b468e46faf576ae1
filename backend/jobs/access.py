"""Which run a request of a worker is about, and whether its token opens it.

In this order: another run's token is 403, a run that is gone 404, an attempt that is over 409.
"""

from __future__ import annotations

from rest_framework.request import Request

from backend.api.errors import NotFound, WrongJob
from backend.api.job_tokens import JobToken
from backend.api.views import integer_parameter
from backend.deployments.models import TrainingResult
from backend.deployments.services import require_result
from backend.inferences.models import Inference, Worker
from backend.inferences.workers import check_worker
from backend.launchers.names import RunKind
from backend.runs.models import model_of
from backend.runs.transitions import check_attempt

__all__ = [
    "current_inference",
    "current_part",
    "current_result",
    "current_run",
    "current_worker",
    "query_attempt",
    "token_for",
]


def token_for(request: Request, kind: RunKind, number: int, attempt: int) -> JobToken:
    """Return the request's token when it is for this attempt of this run; raises WrongJob."""
    token = request.auth
    if not isinstance(token, JobToken) or (token.kind, token.id, token.attempt) != (kind, number, attempt):
        raise WrongJob(f"this token is not for attempt {attempt} of {kind} {number}")
    return token


def query_attempt(request: Request) -> int:
    """Return ``?attempt=``; by default the token's own."""
    token = request.auth
    return integer_parameter(request, "attempt", default=token.attempt if isinstance(token, JobToken) else 0)


def current_result(request: Request, pk: int, attempt: int, *, ended: bool = False) -> TrainingResult:
    """Return the result whose present attempt asks; with ``ended`` also after its end."""
    token_for(request, RunKind.TRAINING, pk, attempt)
    return _current(pk, attempt, ended=ended)


def current_part(request: Request, pk: int, attempt: int, *, ended: bool = False) -> TrainingResult:
    """Return the result of a request by the present attempt of its run, which another result may lead."""
    token = request.auth
    leader = token.id if isinstance(token, JobToken) else 0
    is_led = leader != pk and TrainingResult.objects.filter(pk=pk, leader=leader).exists()
    token_for(request, RunKind.TRAINING, leader if is_led else pk, attempt)
    return _current(pk, attempt, ended=ended)


def _current(pk: int, attempt: int, *, ended: bool) -> TrainingResult:
    result = require_result(pk)
    check_attempt(result, attempt, ended=ended)
    return result


def current_inference(request: Request, pk: int, attempt: int) -> Inference:
    """Return the inference whose present attempt asks."""
    current_worker(request, pk, attempt)
    inference = (
        Inference.objects.select_related("result__model", "result__current_version", "pinned", "challenger")
        .filter(pk=pk)
        .first()
    )
    if inference is None:
        raise NotFound(f"there is no inference {pk}")
    check_attempt(inference, attempt)
    return inference


def current_worker(request: Request, pk: int, attempt: int) -> Worker | None:
    """Return which worker elsewhere asks for this attempt of an inference; None where a launched replica does."""
    token = token_for(request, RunKind.INFERENCE, pk, attempt)
    return check_worker(token) if token.worker else None


def current_run(token: JobToken) -> None:
    """Raise unless the token's attempt is its run's present one and has not ended."""
    if token.worker:
        check_worker(token)
    run = model_of(token.kind)._default_manager.only("pk", "attempt", "state").filter(pk=token.id).first()
    if run is None:
        raise NotFound(f"there is no {token.kind} {token.id}")
    check_attempt(run, token.attempt)
