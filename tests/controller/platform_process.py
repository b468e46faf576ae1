"""The database side of a platform under test, in a process of its own: ``python -m tests.controller.platform_process``.

Reads JSON lines ``{"do": name, ...}`` from standard input, calls the function of that name, prints its answer.
"""

from __future__ import annotations

import itertools
import os
import sys
from typing import Any

import orjson

_numbers = itertools.count(1)


def _result(*, ready: bool) -> Any:
    from backend.configurations.models import Configuration
    from backend.deployments.models import Deployment, TrainingResult
    from backend.ml_models.models import MLModel
    from backend.streams.models import Announcement

    number = next(_numbers)
    model = MLModel.objects.create(name=f"model {os.getpid()} {number}", framework="pytorch", code="x")
    configuration = Configuration.objects.create(name=f"configuration {os.getpid()} {number}")
    deployment = Deployment.objects.create(configuration=configuration)
    stream = None
    if ready:
        stream = Announcement.objects.create(
            cluster="c", topic="t", partition=0, offset=os.getpid() * 10_000 + number, message={}
        )
    return TrainingResult.objects.create(deployment=deployment, model=model, code="x", state="waiting", stream=stream)


def add_training(*, ready: bool = True) -> int:
    return int(_result(ready=ready).pk)


def add_inference(*, replicas: int = 1, input_topic: str = "in", output_topic: str = "out") -> int:
    from backend.api.tests import builders
    from backend.deployments.transitions import mark_finished
    from backend.inferences.models import Inference
    from kafkaml.wire.report import Finish

    result = _result(ready=True)
    # A version of it, which is what an inference serves.
    assert mark_finished(result.pk, Finish(attempt=result.attempt, outcome=builders.outcome()))
    inference = Inference.objects.create(
        result=result,
        input_topic=input_topic,
        output_topic=output_topic,
        input_format="RAW",
        guarantee="exactly_once",
        replicas=replicas,
    )
    return int(inference.pk)


def _find(kind: str, pk: int) -> Any:
    from backend.deployments.models import TrainingResult
    from backend.inferences.models import Inference

    return (TrainingResult if kind == "training" else Inference).objects.get(pk=pk)


def get(*, kind: str, pk: int) -> dict[str, Any]:
    row = _find(kind, pk)
    names = ("state", "desired", "attempt", "tries", "failure", "log_tail", "next_retry_at", "launched_at")
    return {name: getattr(row, name) for name in names} | {"ready_replicas": getattr(row, "ready_replicas", None)}


def change(*, kind: str, pk: int, **values: Any) -> None:
    row = _find(kind, pk)
    for name, value in values.items():
        setattr(row, name, value)
    # These alone: the controller or a worker may have changed another column since the row was read.
    row.save(update_fields=list(values))


def retry_now(*, pk: int) -> None:
    from django.utils import timezone

    from backend.deployments.models import TrainingResult

    # Unless the controller was faster: what runs already has no next try.
    TrainingResult.objects.filter(pk=pk, next_retry_at__isnull=False).update(next_retry_at=timezone.now())


def restart(*, kind: str, pk: int) -> None:
    row = _find(kind, pk)
    assert row.ended
    change(
        kind=kind,
        pk=pk,
        desired="run",
        state="waiting",
        attempt=row.attempt + 1,
        tries=0,
        failure=None,
        launched_at=None,
        next_retry_at=None,
    )


def delete(*, kind: str, pk: int) -> None:
    _find(kind, pk).delete()


def add_outbox(*, topic: str, count: int) -> None:
    from backend.streams.models import OutboxMessage

    for number in range(count):
        OutboxMessage.objects.create(topic=topic, key=b"\x01", value=str(number).encode())


def add_webhook(*, url: str) -> None:
    """A webhook that something is to be told to."""
    from backend.api.actors import SYSTEM
    from backend.webhooks.services import create_webhook, ping_webhook
    from backend.webhooks.signing import new_secret

    ping_webhook(create_webhook(actor=SYSTEM, secret=new_secret(), url=url), actor=SYSTEM)


def pending_webhooks() -> int:
    from backend.webhooks.models import Delivery

    return Delivery.objects.filter(due_at__isnull=False).count()


def pending_outbox() -> int:
    from backend.streams.models import OutboxMessage

    return OutboxMessage.objects.filter(published_at=None).count()


def deployment_of(*, pk: int) -> int:
    return int(_find("training", pk).deployment_id)


def announcements() -> int:
    from backend.streams.models import Announcement

    return Announcement.objects.count()


def lease() -> str:
    from backend.controller.models import Lease

    found = Lease.objects.first()
    return found.holder if found else ""


def heartbeats() -> list[str]:
    from backend.system.models import ComponentHeartbeat

    return list(ComponentHeartbeat.objects.values_list("name", flat=True))


def _main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "backend.config.settings"
    import django

    django.setup()
    for line in sys.stdin:
        command = orjson.loads(line)
        answer = globals()[command.pop("do")](**command)
        sys.stdout.write(orjson.dumps(answer).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
