"""Fixtures that the backend's tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from pytest_django import Settings
from rest_framework.test import APIClient

from backend.accounts.models import Role, User
from backend.api.tests.fake_executor import FakeExecutor
from backend.config.environment import environment
from kafkaml.wire.framework import Framework
from tests.conftest import broker, soak

# The real broker, one for all tests of the backend that run in a process.
__all__ = ["broker", "soak"]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change settings for one test: ``configure(https=True)``."""

    def change(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setitem(environment().__dict__, name, value)

    return change


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Each test has its own state folder and fresh throttles."""
    # Every client creates the middleware again, which otherwise scans all files of the web UI, 40 ms per request.
    settings.WHITENOISE_AUTOREFRESH = True
    # A hash that costs as much as it should takes a third of a second.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setitem(environment().__dict__, "state_dir", tmp_path / "state")
    (tmp_path / "state").mkdir()
    cache.clear()


@pytest.fixture
def executor(configure: Callable[..., None]) -> Iterator[FakeExecutor]:
    """Both frameworks' executors, behind real HTTP."""
    with FakeExecutor() as fake:
        configure(executor_urls=dict.fromkeys(Framework, fake.url))
        yield fake


def _client(role: Role) -> APIClient:
    user, _ = User.objects.get_or_create(username=f"a-{role.value}", defaults={"role": role})
    client = APIClient(headers={"host": "localhost"})
    client.force_login(user)
    return client


@pytest.fixture
def viewer(db: None) -> APIClient:  # noqa: ARG001 - a fixture
    return _client(Role.VIEWER)


@pytest.fixture
def editor(db: None) -> APIClient:  # noqa: ARG001 - a fixture
    return _client(Role.EDITOR)


@pytest.fixture
def admin(db: None) -> APIClient:  # noqa: ARG001 - a fixture
    return _client(Role.ADMIN)


@pytest.fixture
def anonymous(db: None) -> APIClient:  # noqa: ARG001 - a fixture
    return APIClient(headers={"host": "localhost"})
