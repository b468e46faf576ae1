"""Many writers at once: no client gets "database is locked", and nothing is counted twice or lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry, Role
from backend.accounts.services import create_token
from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.configurations.models import Configuration
from backend.deployments.models import TrainingResult
from backend.events.models import Event
from backend.runs import transitions as runs
from backend.streams.models import Announcement
from kafkaml.control import deployment_id_to_key
from tests.soak_record import SoakRecord
from tests.support import soaking

# Real transactions of several connections on a file.
pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 8
CLIENTS, WRITES_OF_A_CLIENT = (50, 1000) if soaking() else (WRITERS, 12)


def in_threads(work: Callable[[int], object], *, writers: int = WRITERS, timeout_seconds: float = 120) -> list[object]:
    """Run ``work(n)`` in ``writers`` threads that begin together; returns their results."""
    together = threading.Barrier(writers)

    def run(number: int) -> object:
        together.wait(timeout=30)
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(writers) as pool:
        running = [pool.submit(run, number) for number in range(writers)]
        return [future.result(timeout=timeout_seconds) for future in running]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the settings of SQLite")
def test_the_database_is_set_up_for_many_writers() -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert cursor.execute("PRAGMA busy_timeout").fetchone()[0] == 20_000
        assert cursor.execute("PRAGMA foreign_keys").fetchone()[0] == 1


@pytest.mark.soak
@pytest.mark.timeout(7200 if soaking() else 600)
def test_many_clients_write_at_once_and_none_is_refused(soak: SoakRecord) -> None:
    soak.begin("R10" if connection.vendor == "sqlite" else "R10 PostgreSQL")
    model = builders.make_model()
    user = builders.make_user(Role.EDITOR)
    _, token = create_token(actor=SYSTEM, user=user, name="x", role=Role.EDITOR, days=1)

    def write(number: int) -> Counter[int]:
        client = APIClient(headers={"host": "localhost", "authorization": f"Bearer {token}"})
        return Counter(
            client.post("/api/configurations/", {"name": f"{number}.{i}", "models": [model.pk]}).status_code
            for i in range(WRITES_OF_A_CLIENT)
        )

    answers = in_threads(write, writers=CLIENTS, timeout_seconds=7000 if soaking() else 120)
    writes = CLIENTS * WRITES_OF_A_CLIENT
    statuses = sum(answers, Counter())  # type: ignore[type-var]
    soak.did(f"{CLIENTS} clients, {writes:,} writes")
    assert statuses == {201: writes}
    assert Configuration.objects.count() == writes
    assert AuditEntry.objects.filter(object_type="configuration").count() == writes
    assert Event.objects.filter(topic="configurations").count() == writes


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases queue writers themselves")
def test_writers_wait_in_a_queue_and_not_in_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    # Who would have to wait in SQLite is refused at once.
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0)

    def write(number: int) -> None:
        for i in range(20):
            with transaction.atomic():
                Configuration.objects.create(name=f"{number}.{i}")

    in_threads(write)
    assert Configuration.objects.count() == WRITERS * 20


def test_a_name_is_given_once_however_many_ask() -> None:
    model = builders.make_model()
    user = builders.make_user(Role.EDITOR)
    _, token = create_token(actor=SYSTEM, user=user, name="x", role=Role.EDITOR, days=1)

    def write(_number: int) -> int:
        client = APIClient(headers={"host": "localhost", "authorization": f"Bearer {token}"})
        return int(client.post("/api/configurations/", {"name": "one", "models": [model.pk]}).status_code)

    statuses = sorted(str(status) for status in in_threads(write))
    assert statuses.count("201") == 1
    assert set(statuses) <= {"201", "400", "409"}


def test_an_announcement_is_registered_once_however_often_it_comes() -> None:
    deployment = builders.make_deployment()
    key = deployment_id_to_key(deployment.pk)
    results = in_threads(lambda _number: builders.make_stream(key=key, offset=77).pk)
    assert len(set(results)) == 1
    assert Announcement.objects.count() == 1
    assert Event.objects.filter(topic="streams").count() == 1


def test_two_controllers_cannot_count_the_same_attempt() -> None:
    deployment = builders.make_deployment()
    builders.make_stream(deployment.pk)
    pk = deployment.results.get().pk
    attempts = in_threads(lambda _number: runs.register_attempt(TrainingResult, pk).attempt)
    assert sorted(attempts) == list(range(1, WRITERS + 1))  # type: ignore[type-var]


def test_the_same_events_from_many_requests_count_once() -> None:
    result = builders.make_launched()
    header = builders.job_header("training", result.pk)["authorization"]
    events = [
        {"seq": n, "type": "epoch", "data": {"epoch": n + 1, "seconds": 1, "training": {"loss": 1.0}}} for n in range(5)
    ]

    def report(_number: int) -> int:
        client = APIClient(headers={"host": "localhost", "authorization": header})
        return int(client.post(f"/api/jobs/training/{result.pk}/events/", {"attempt": 1, "events": events}).status_code)

    assert set(in_threads(report)) == {200}
    assert TrainingResult.objects.get().epochs.count() == 5
    assert sum(len(event.payload.get("epochs", [])) for event in Event.objects.filter(topic="results")) == 5


def test_a_login_link_signs_one_in_however_many_try() -> None:
    from backend.accounts.services import create_login_link, redeem_login_link

    text = create_login_link(builders.make_user())
    users = in_threads(lambda _number: redeem_login_link(text, address="127.0.0.1"))
    assert len([user for user in users if user is not None]) == 1
