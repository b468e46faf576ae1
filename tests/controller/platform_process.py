"""The database side of a platform under test, in a process of its own.

It reads JSON lines ``{"do": name, ...}`` from standard input, calls the function of that name, and prints its answer.
It also forks controllers, and answers trainings that ask what to do (``workers/model_training/tiny.py``). It is forked
from the process ``python -m tests.controller.platform_process``, because an import of Django would take longer than
everything else.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import selectors
import socket
import sys
import threading
import traceback
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

_numbers = itertools.count(1)
# The verdicts on trainings, and the connections of trainings that still wait for one, both by result.
_verdicts: dict[int, str] = {}
_asking: dict[int, list[socket.socket]] = defaultdict(list)
_selector = selectors.DefaultSelector()


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
    from django.db import transaction

    from backend.api.tests import builders
    from backend.deployments.transitions import mark_finished
    from backend.inferences.models import Inference
    from kafkaml.wire.report import Finish

    # One transaction: a controller that sees the training before its end would begin an attempt at it.
    with transaction.atomic():
        result = _result(ready=True)
        # The training is finished to make a version, which the inference serves.
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
    # Only these columns are written: the controller or a worker may have changed another since the row was read.
    row.save(update_fields=list(values))


def retry_now(*, pk: int) -> None:
    from django.utils import timezone

    from backend.deployments.models import TrainingResult

    # Nothing is changed when the controller was faster: a run that has started has no next try.
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
    """Add a webhook that has an event to receive."""
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


def fork_controller(*, options: Sequence[str], env: Mapping[str, str], log: str) -> int:
    """Fork a process that runs ``manage.py controller``; returns its id."""
    from django.db import connections

    assert threading.active_count() == 1
    connections.close_all()
    pid = os.fork()
    if not pid:
        os._exit(_controller(options, env, log))
    return pid


def _controller(options: Sequence[str], env: Mapping[str, str], log: str) -> int:
    status = 1
    try:
        from django.core.management import call_command

        from backend.config.environment import environment

        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number in (1, 2):
            os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), number)
        # The controller does not inherit the connections of trainings.
        os.closerange(3, 256)
        os.environ.clear()
        os.environ.update(env)
        environment.cache_clear()
        call_command("controller", *options)
        status = 0
    except BaseException:  # noqa: BLE001  a forked process must not return into the loop of the other
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def status_of(*, pid: int) -> int | None:
    """Return the exit status of a forked controller, as ``subprocess`` has it; None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def decide(*, pk: int, verdict: str) -> None:
    """Decide what the attempts at a training do, including those that ask later."""
    _verdicts[pk] = verdict
    for connection in _asking.pop(pk, []):
        connection.send(verdict.encode())


def _answer(connection: socket.socket) -> None:
    """Handle a message of a training: its first one says which training it is, later ones are reports."""
    received = connection.recv(1000)
    if not received:
        _selector.unregister(connection)
        connection.close()
        return
    said = orjson.loads(received)
    if "report" in said:
        _report(said["report"], said["result"], said["attempt"])
        connection.send(b"reported")
    elif said["result"] in _verdicts:
        connection.send(_verdicts[said["result"]].encode())
    else:
        _asking[said["result"]].append(connection)


def _report(verdict: str, result_id: int, attempt: int) -> None:
    """Report through the services that the job API uses."""
    from backend.api.tests import builders
    from backend.deployments import transitions
    from kafkaml.wire.failure import Failure, FailureCategory
    from kafkaml.wire.report import Finish

    if verdict == "finish":
        transitions.mark_finished(result_id, Finish(attempt=attempt, outcome=builders.outcome()))
    else:
        failure = Failure(category=FailureCategory.USER_CODE, cause="their bug")
        transitions.report_failure(result_id, attempt, failure, outcome=None)


def lease() -> str:
    from backend.controller.models import Lease

    found = Lease.objects.first()
    return found.holder if found else ""


def heartbeats() -> list[str]:
    from backend.system.models import ComponentHeartbeat

    return list(ComponentHeartbeat.objects.values_list("name", flat=True))


def verdicts_address(state: str) -> str:
    """The address at which trainings ask. It is abstract, because folders of tests have long names."""
    return f"\0kml-verdicts-{hashlib.sha256(state.encode()).hexdigest()}"


def _become_platform(env: Mapping[str, str], descriptor: int) -> None:
    """Use the environment's state folder, a copy of ours, and take commands through ``descriptor``."""
    from django.db import connections

    from backend.config.environment import environment

    for number in (0, 1):
        os.dup2(descriptor, number)
    os.close(descriptor)
    os.environ.clear()
    os.environ.update(env)
    environment.cache_clear()
    connections["default"].settings_dict["NAME"] = f"{env['KML_STATE_DIR']}/db.sqlite3"


def _serve() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(verdicts_address(os.environ["KML_STATE_DIR"]))
        listener.listen(64)
        _selector.register(listener, selectors.EVENT_READ)
        _selector.register(sys.stdin.buffer, selectors.EVENT_READ)
        while True:
            for key, _ in _selector.select():
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    _selector.register(connection, selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket):
                    _answer(key.fileobj)
                # Commands are handled one at a time, because each caller waits for the answer.
                elif line := sys.stdin.buffer.readline():
                    command = orjson.loads(line)
                    answer = globals()[command.pop("do")](**command)
                    sys.stdout.write(orjson.dumps(answer).decode() + "\n")
                    sys.stdout.flush()
                else:
                    return


def _main() -> None:
    """Import everything, then fork a platform for each requested environment."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "backend.config.settings"
    import django

    django.setup()
    import backend.api.tests.builders
    import backend.controller.management.commands.controller  # noqa: F401
    from backend.launchers.worker_server import receive_request, warm_up

    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    connection.sendall(orjson.dumps(warm_up([])) + b"\n")
    while True:
        line, descriptors = receive_request(connection)
        if not line:
            os._exit(0)
        if not (pid := os.fork()):
            connection.close()
            _become_platform(orjson.loads(line), descriptors[0])
            break
        os.close(descriptors[0])
        connection.sendall(orjson.dumps(pid) + b"\n")
    _serve()
    # The process exits at once: it holds nothing, and a tidy end of all imported packages would take a while.
    os._exit(0)


if __name__ == "__main__":
    _main()
