"""Every route, every method, everyone: who gets in. A new route without a row fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import IntEnum

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts.models import AccessToken, Role, User
from backend.accounts.services import create_token
from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.config.environment import environment
from backend.inferences import workers
from backend.inferences.models import Inference
from backend.runs import transitions as runs
from kafkaml.wire.worker import Join

pytestmark = pytest.mark.django_db

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Needs(IntEnum):
    """Who gets in: everyone; people from a role on; the run's own worker; the platform's own components; a machine
    elsewhere with a worker token.
    """

    PUBLIC = 0
    VIEWER = 1
    EDITOR = 2
    ADMIN = 3
    TRAINING_JOB = 4
    INFERENCE_JOB = 5
    ANY_JOB = 6
    SERVICE = 7
    WORKER = 8


V, E, A = Needs.VIEWER, Needs.EDITOR, Needs.ADMIN
READ = {"GET": V, "HEAD": V}
READ_ADMIN = {"GET": A, "HEAD": A}

# Every other address is a page, which reads its address itself.
PAGES = "^(?!api/|login/|static/)"
DOCUMENTATION = "^docs(?:/(?P<path>.*))?$"
# What is not in a row's dictionary must be refused with 405, 404 or before.
MATRIX: dict[str, dict[str, Needs]] = {
    PAGES: {"GET": Needs.PUBLIC, "HEAD": Needs.PUBLIC},
    "login/<str:secret>": {"GET": Needs.PUBLIC},
    DOCUMENTATION: {"GET": Needs.PUBLIC, "HEAD": Needs.PUBLIC},
    "metrics": {"GET": V},
    "api/session/": {"GET": Needs.PUBLIC, "HEAD": Needs.PUBLIC},
    "api/session/password/": {"POST": V},
    "api/login/": {"POST": Needs.PUBLIC},
    "api/logout/": {"POST": V},
    "api/health/live/": {"GET": Needs.PUBLIC, "HEAD": Needs.PUBLIC},
    "api/health/ready/": {"GET": Needs.PUBLIC, "HEAD": Needs.PUBLIC},
    "api/schema/": READ,
    "api/system/": READ,
    "api/examples/": READ | {"POST": E, "DELETE": E},
    "api/pipeline/": READ,
    "api/events/": {"GET": V},
    "api/frameworks/": READ,
    "api/models/": READ | {"POST": E},
    "api/models/validate/": {"POST": E},
    "api/models/validate/cancel/": {"POST": E},
    "api/models/deletion/": READ,
    "api/models/<id:pk>/": READ | {"PUT": E, "PATCH": E, "DELETE": E},
    "api/configurations/": READ | {"POST": E},
    "api/configurations/deletion/": READ,
    "api/configurations/of_model/": {"POST": E},
    "api/configurations/<id:pk>/": READ | {"PUT": E, "PATCH": E, "DELETE": E},
    "api/deployments/": READ | {"POST": E},
    "api/deployments/check/": {"POST": E},
    "api/deployments/options/": READ,
    "api/deployments/datasets/": READ,
    "api/deployments/deletion/": READ,
    "api/deployments/<id:pk>/": READ | {"DELETE": E},
    "api/deployments/<id:pk>/stop/": {"POST": E},
    "api/deployments/<id:pk>/streams/": READ,
    "api/results/": READ,
    "api/results/deletion/": READ,
    "api/results/<id:pk>/": READ | {"PATCH": E, "DELETE": E},
    "api/results/<id:pk>/epochs/": READ,
    "api/results/<id:pk>/exits/": READ,
    "api/results/<id:pk>/stop/": {"POST": E},
    "api/results/<id:pk>/restart/": {"POST": E},
    "api/results/<id:pk>/logs/": READ,
    "api/results/<id:pk>/confusion_matrix.png": READ,
    "api/results/<id:pk>/confusion_samples/": READ,
    "api/results/<id:pk>/artifacts/<artifact_name:name>/": READ,
    "api/results/<id:pk>/versions/": READ,
    "api/results/<id:pk>/versions/<id:number>/": READ | {"PATCH": E, "DELETE": E},
    "api/results/<id:pk>/versions/<id:number>/card/": READ,
    "api/results/<id:pk>/versions/<id:number>/archive/": READ,
    "api/results/<id:pk>/versions/<id:number>/promote/": {"POST": E},
    "api/results/<id:pk>/versions/<id:number>/artifacts/<artifact_name:name>/": READ,
    "api/chains/": READ | {"POST": E},
    "api/inferences/": READ | {"POST": E},
    "api/inferences/check/": {"POST": E},
    "api/inferences/deletion/": READ,
    "api/inferences/<id:pk>/": READ | {"PATCH": E, "DELETE": E},
    "api/inferences/<id:pk>/stop/": {"POST": E},
    "api/inferences/<id:pk>/restart/": {"POST": E},
    "api/inferences/<id:pk>/swap/": {"POST": E},
    "api/inferences/<id:pk>/rollback/": {"POST": E},
    "api/inferences/<id:pk>/follow/": {"POST": E},
    "api/inferences/<id:pk>/swaps/": READ,
    "api/inferences/<id:pk>/canary/": {"POST": E},
    "api/inferences/<id:pk>/shadow/": {"POST": E},
    "api/inferences/<id:pk>/promote/": {"POST": E},
    "api/inferences/<id:pk>/drop/": {"POST": E},
    "api/inferences/<id:pk>/logs/": READ,
    "api/inferences/<id:pk>/try/": {"POST": E},
    "api/inferences/<id:pk>/dead_letters/": READ,
    "api/inferences/<id:pk>/dead_letters/groups/": READ,
    "api/inferences/<id:pk>/history/": READ,
    "api/inferences/<id:pk>/dead_letters/replay/": {"POST": E},
    "api/inferences/<id:pk>/predictions/": {"GET": V},
    "api/inferences/<id:pk>/worker_tokens/": READ | {"POST": E},
    "api/inferences/<id:pk>/worker_tokens/<id:number>/": {"DELETE": E},
    "api/clusters/": READ_ADMIN | {"POST": A},
    "api/clusters/names/": READ,
    "api/clusters/<id:pk>/": READ_ADMIN | {"PATCH": A, "DELETE": A},
    "api/clusters/<id:pk>/check/": {"POST": A},
    "api/webhooks/": READ_ADMIN | {"POST": A},
    "api/webhooks/<id:pk>/": READ_ADMIN | {"PATCH": A, "DELETE": A},
    "api/webhooks/<id:pk>/new_secret/": {"POST": A},
    "api/webhooks/<id:pk>/ping/": {"POST": A},
    "api/datasets/": READ | {"POST": E},
    "api/datasets/deletion/": READ,
    "api/datasets/<id:pk>/": READ | {"PATCH": E, "DELETE": E},
    "api/datasets/catalog/": READ,
    "api/datasets/preview/": {"POST": V},
    "api/datasets/<id:pk>/preview/": READ,
    "api/datasets/<id:pk>/export/": {"GET": V},
    "api/datasets/<id:pk>/versions/": {"POST": E},
    "api/datasets/<id:pk>/train/": {"POST": E},
    "api/streams/": READ | {"POST": E},
    "api/streams/formats/": READ,
    "api/streams/refused/": READ,
    "api/streams/deletion/": READ,
    "api/streams/<id:pk>/": READ | {"DELETE": E},
    "api/streams/<id:pk>/preview/": READ,
    "api/streams/<id:pk>/statistics/": READ,
    "api/streams/<id:pk>/send/": {"POST": E},
    "api/streams/<id:pk>/export/": {"GET": V},
    "api/topics/": READ | {"POST": E},
    "api/topics/<topic:name>/": READ,
    "api/topics/<topic:name>/records/": READ | {"POST": E},
    "api/topics/<topic:name>/records/rows/": {"POST": E},
    "api/topics/<topic:name>/groups/": READ,
    "api/topics/<topic:name>/settings/": READ,
    "api/topics/<topic:name>/proposal/": {"POST": V},
    "api/topics/<topic:name>/tail/": {"GET": V},
    "api/users/": READ_ADMIN | {"POST": A},
    "api/users/<id:pk>/": READ_ADMIN | {"PATCH": A, "DELETE": A},
    "api/tokens/": READ | {"POST": V},
    # Of others, tokens do not exist; the one used here is the admin's.
    "api/tokens/<id:pk>/": READ_ADMIN | {"DELETE": A},
    "api/audit/": READ_ADMIN,
    "api/audit/<id:pk>/": READ_ADMIN,
    "api/announcements/": {"POST": Needs.SERVICE},
    "api/heartbeats/": {"POST": Needs.SERVICE},
    "api/jobs/token/": {"POST": Needs.ANY_JOB},
    "api/jobs/training/<id:pk>/": {"GET": Needs.TRAINING_JOB, "HEAD": Needs.TRAINING_JOB},
    "api/jobs/training/<id:pk>/events/": {"POST": Needs.TRAINING_JOB},
    "api/jobs/training/<id:pk>/checkpoint/": {"POST": Needs.TRAINING_JOB},
    "api/jobs/training/<id:pk>/finish/": {"POST": Needs.TRAINING_JOB},
    "api/jobs/training/<id:pk>/fail/": {"POST": Needs.TRAINING_JOB},
    "api/jobs/training/<id:pk>/versions/": {"POST": Needs.TRAINING_JOB},
    "api/jobs/training/<id:pk>/artifacts/<artifact_name:name>/": {
        "GET": Needs.TRAINING_JOB,
        "HEAD": Needs.TRAINING_JOB,
        "PUT": Needs.TRAINING_JOB,
    },
    "api/jobs/inference/<id:pk>/": {"GET": Needs.INFERENCE_JOB, "HEAD": Needs.INFERENCE_JOB},
    "api/jobs/inference/<id:pk>/artifacts/<artifact_name:name>/": {
        "GET": Needs.INFERENCE_JOB,
        "HEAD": Needs.INFERENCE_JOB,
    },
    "api/jobs/inference/<id:pk>/stats/": {"POST": Needs.INFERENCE_JOB},
    "api/jobs/workers/": {"POST": Needs.WORKER},
}

ACTORS = (
    "anonymous",
    "viewer",
    "editor",
    "admin",
    "viewer's token of an admin",
    "expired access token",
    "disabled user",
    "training job",
    "other training job",
    "inference job",
    "expired training job",
    "older training attempt",
    "service",
    "worker",
    "expired worker",
    "job of a worker",
)
PERSONS = {"viewer": V, "editor": E, "admin": A, "viewer's token of an admin": V}
# The strongest of each kind: a method that a route does not have is refused to all others if it is to them.
STRONGEST = {"anonymous", "admin", "training job", "inference job", "service", "worker"}
JOBS = {
    "training job": Needs.TRAINING_JOB,
    "inference job": Needs.INFERENCE_JOB,
    "job of a worker": Needs.INFERENCE_JOB,
}


def routes() -> Iterator[str]:
    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            here = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, here)
            else:
                yield here

    return walk(get_resolver().url_patterns, "")


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert set(routes()) == set(MATRIX)


@pytest.fixture
def world(configure: object) -> dict[str, str]:
    """One object of each kind, and everyone's credentials; returns headers by actor, ``ids`` under route prefixes."""
    result = builders.make_launched()
    older = builders.make_launched()
    inference = builders.make_inference()
    runs.register_attempt(Inference, inference.pk)
    runs.mark_launched(Inference, inference.pk, 1)
    machine, worker_token = workers.create_token(inference, actor=SYSTEM, name="edge", days=1)
    _, expired_machine = workers.create_token(inference, actor=SYSTEM, name="old", days=-1)
    _, worker = workers.join(machine, Join(inference=inference.pk, name="edge", session="0" * 32))
    of_worker = {"worker": worker.pk, "session": worker.session}
    admin = builders.make_user(Role.ADMIN)
    _, weak = create_token(actor=SYSTEM, user=admin, name="weak", role=Role.VIEWER, days=1)
    expired_token, expired = create_token(actor=SYSTEM, user=admin, name="old", role=Role.ADMIN, days=1)
    AccessToken.objects.filter(pk=expired_token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    gone = builders.make_user(Role.ADMIN)
    _, disabled = create_token(actor=SYSTEM, user=gone, name="gone", role=Role.ADMIN, days=1)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    secrets = environment().state_dir / "secrets"
    secrets.mkdir()
    (secrets / "service_token").write_text("the service token of this test")
    tokens = {
        role: create_token(actor=SYSTEM, user=builders.make_user(Role(role)), name=role, role=role, days=1)[1]
        for role in ("viewer", "editor", "admin")
    }
    headers = {
        **{role: f"Bearer {token}" for role, token in tokens.items()},
        "viewer's token of an admin": f"Bearer {weak}",
        "expired access token": f"Bearer {expired}",
        "disabled user": f"Bearer {disabled}",
        "training job": builders.job_header("training", result.pk)["authorization"],
        "other training job": builders.job_header("training", older.pk)["authorization"],
        "inference job": builders.job_header("inference", inference.pk)["authorization"],
        "expired training job": builders.job_header("training", result.pk, ttl=-1)["authorization"],
        "older training attempt": builders.job_header("training", result.pk, attempt=7)["authorization"],
        "worker": f"Bearer {worker_token}",
        "expired worker": f"Bearer {expired_machine}",
        "job of a worker": builders.job_header("inference", inference.pk, **of_worker)["authorization"],
        "service": "Bearer the service token of this test",
        "anonymous": "",
    }
    own_token = AccessToken.objects.filter(user__role=Role.ADMIN, name="admin").get()
    ids = {
        "api/models": result.model_id,
        "api/configurations": result.deployment.configuration_id,
        "api/deployments": result.deployment_id,
        "api/results": result.pk,
        "api/inferences": inference.pk,
        "api/streams": result.stream_id,
        "api/users": builders.make_user().pk,
        "api/tokens": own_token.pk,
        "api/audit": own_token.pk,
        "api/jobs/training": result.pk,
        "api/jobs/inference": inference.pk,
    }
    return headers | {f"id:{prefix}": str(number) for prefix, number in ids.items()}


def address(route: str, world: dict[str, str]) -> str:
    if route in (PAGES, DOCUMENTATION):
        return "/" if route == PAGES else "/docs/"
    numbers = [number for prefix, number in world.items() if route.startswith(prefix.removeprefix("id:") + "/")]
    number = numbers[0] if numbers else "1"
    filled = (
        route.replace("<id:pk>", number)
        .replace("<id:number>", "1")
        .replace("<artifact_name:name>", "model.keras")
        .replace("<topic:name>", "values")
    )
    return "/" + filled.replace("<str:secret>", "not-a-link")


def expected(needs: Needs | None, actor: str) -> set[int] | None:
    """The refusing status codes that fit, or None when the actor gets past the door."""
    if needs is None:
        return None
    if needs is Needs.PUBLIC:
        return None
    if needs <= Needs.ADMIN:
        if actor in PERSONS:
            return None if PERSONS[actor] >= needs else {403}
        return {401}
    if needs is Needs.SERVICE:
        return None if actor == "service" else {401}
    if needs is Needs.WORKER:
        return None if actor == "worker" else {401}
    if actor in JOBS:
        return None if needs in (JOBS[actor], Needs.ANY_JOB) else {403}
    if actor == "other training job":
        return None if needs is Needs.ANY_JOB else {403}
    if actor == "older training attempt":
        return {409} if needs is Needs.ANY_JOB else {403, 409}
    if actor == "expired training job" and needs is Needs.ANY_JOB:
        # Renewal takes it for a while.
        return None
    return {401}


@pytest.mark.parametrize("actor", ACTORS)
def test_everyone_gets_in_where_the_matrix_says_and_nowhere_else(actor: str, world: dict[str, str]) -> None:
    wrong = []
    for route, row in MATRIX.items():
        if route == "api/events/":
            continue  # An asynchronous view: backend/events/tests/test_event_stream.py has its row.
        for method in METHODS if actor in STRONGEST else row:
            status = _status(actor, method, address(route, world), world)
            needs = row.get(method)
            refusals = expected(needs, actor)
            if needs is None:
                fits = status in (401, 403, 404, 405)
            elif refusals is None:
                fits = status not in (403, 405) and (status != 401 or _answers_401_itself(route, actor))
            else:
                # What does not exist for someone is 404: others' tokens.
                fits = status in refusals or (route == "api/tokens/<id:pk>/" and status == 404)
            if not fits or (status >= 500 and status != 503):
                wrong.append(f"{method} {route}: {status}, expected {refusals or 'to get in'}")
    assert not wrong


def _answers_401_itself(route: str, actor: str) -> bool:
    """These are open to all, and say that the link, the password or the credential that was sent is wrong."""
    return route in ("login/<str:secret>", "api/login/") or (route == "api/session/" and actor not in PERSONS)


def _status(actor: str, method: str, path: str, world: dict[str, str]) -> int:
    """Make the request and undo what it did."""
    from django.db import transaction

    client = APIClient(headers={"host": "localhost"}, raise_request_exception=False)
    if world[actor]:
        client.credentials(HTTP_AUTHORIZATION=world[actor])
    body = b"{}" if method in ("POST", "PUT", "PATCH") else b""
    if path.startswith("/api/jobs/training/") and method == "POST":
        # Attempt 1 is the present one; a token of another is refused for that.
        body = b'{"attempt": 1, "events": [], "failure": {"category": "data", "cause": "x"}}'
    if path.endswith("/stats/"):
        body = b'{"attempt": 1, "replica": %d, "state": "running"}' % (1000 if actor == "job of a worker" else 0)
    if path.endswith("/jobs/workers/"):
        body = b'{"inference": %s, "name": "edge", "session": "%s"}' % (
            world["id:api/jobs/inference"].encode(),
            b"0" * 32,
        )
    if path.endswith("/checkpoint/"):
        body = b'{"attempt": 1, "checkpoint": {"attempt": 1, "name": "x", "sha256": "%s", "size": 1, "step": 1}}' % (
            b"0" * 64
        )
    if path.startswith("/api/jobs/training/") and path.endswith(("/finish/", "/versions/")):
        body = (
            b'{"attempt": 1, "step": 1, "outcome": {"seconds": 1, "samples": {}, "test_metrics": {}, "artifacts": {},'
            b'"versions": {}, "code_sha256": "%s", "slice_sha256": "%s"}}' % ((b"0" * 64,) * 2)
        )
    if path.startswith("/api/jobs/") and method in ("GET", "HEAD", "PUT"):
        path += "?attempt=1"
    with transaction.atomic():
        response = client.generic(method, path, body, content_type="application/json")
        transaction.set_rollback(True)
    return response.status_code
