"""Who leads when containers restart and pods are replaced."""

from __future__ import annotations

import json
import os
import socket
from datetime import timedelta

import pytest
from django.utils import timezone

from backend.controller.leadership import Leadership
from backend.controller.models import Lease
from kafkaml.process_id import ProcessId

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _the_clock_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a test takes must not count as time in which nobody renewed the lease."""
    moment = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)


def held_by(host: str, *, pid: int = 1, started: str = "a-boot:100", seconds_ago: float = 1.0) -> None:
    holder = json.dumps({"host": host, "pid": pid, "started": started})
    renewed_at = timezone.now() - timedelta(seconds=seconds_ago)
    Lease.objects.create(name="controller", holder=holder, renewed_at=renewed_at)


def test_a_container_that_restarts_in_its_pod_leads_again_at_once() -> None:
    # A container's first process has the same number each time, but not the same start.
    held_by(socket.gethostname(), pid=os.getpid())
    assert Leadership().acquire()


def test_a_pod_that_replaces_a_lost_one_waits_until_the_lease_has_run_out() -> None:
    held_by("backend-5d4f8-x2x7q", seconds_ago=14.0)
    assert not Leadership().acquire()
    Lease.objects.update(renewed_at=timezone.now() - timedelta(seconds=16))
    assert Leadership().acquire()


def test_a_pod_that_was_deleted_leaves_the_lead_to_the_next_one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "backend-5d4f8-x2x7q")
    deleted = Leadership()
    assert deleted.acquire()
    monkeypatch.setattr(socket, "gethostname", lambda: "backend-5d4f8-k9k9k")
    replacement = Leadership()
    assert not replacement.acquire()
    deleted.release()
    assert not deleted.is_held
    assert replacement.acquire()


def test_a_process_of_another_pod_is_never_taken_for_one_of_this() -> None:
    # The same number and start time: pods of one node share its clock, and each counts its processes from 1.
    me = ProcessId.of(os.getpid())
    assert me is not None
    held_by("backend-5d4f8-x2x7q", pid=me.pid, started="a-boot:1")
    assert not Leadership().acquire()
