"""Health, the state of the whole, the page at /, and the settings that keep it safe."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient

from backend.api.tests.fake_executor import FakeExecutor
from backend.config.environment import BackendSettings, environment
from backend.ml_models import executor as model_executor
from backend.system import selectors
from backend.system.models import ComponentHeartbeat
from backend.system.services import heartbeat
from kafkaml.errors import SettingsError
from kafkaml.wire.framework import Framework

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_is_given_up_for_being_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows who does not answer within seconds as away, which a busy machine must not make of anybody here."""
    monkeypatch.setattr(model_executor, "_HEALTH_SECONDS", 60.0)
    monkeypatch.setattr(selectors, "_GPU_SECONDS", 60.0)


def test_health_tells_strangers_nothing(anonymous: APIClient) -> None:
    for name in ("live", "ready"):
        answer = anonymous.get(f"/api/health/{name}/")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_the_state_of_the_whole(viewer: APIClient, executor: FakeExecutor) -> None:
    heartbeat("controller", version="0.1.0")
    state = viewer.get("/api/system/").json()
    assert state["executors"]["tensorflow"] == {
        "reachable": True,
        "detail": "",
        "isolation": "namespaces",
        "versions": {"keras": "3"},
    }
    assert state["isolation"] == {"setting": "auto", "levels": ["namespaces"], "off": False}
    assert [(component["name"], component["state"]) for component in state["components"]] == [("controller", "ready")]


def test_the_machine_says_what_is_left_of_it(viewer: APIClient, executor: FakeExecutor) -> None:
    machine = viewer.get("/api/system/").json()["machine"]
    assert machine["processors"] == os.cpu_count()
    assert machine["load"] >= 0
    assert 0 < machine["memory_available"] < machine["memory_total"]
    usage = shutil.disk_usage(environment().state_dir)
    assert machine["disk_total"] == usage.total
    assert 0 < machine["disk_free"] < usage.total


def test_programs_elsewhere_get_their_own_address(
    viewer: APIClient, executor: FakeExecutor, configure: Callable[..., None]
) -> None:
    own = viewer.get("/api/system/").json()["broker"]
    assert own["sink_bootstrap_servers"] == own["bootstrap_servers"]
    configure(sink_bootstrap_servers="localhost:9094")
    assert viewer.get("/api/system/").json()["broker"]["sink_bootstrap_servers"] == "localhost:9094"


def test_what_is_unreachable_is_reported(viewer: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9,[::1]:9")
    state = viewer.get("/api/system/").json()
    assert state["broker"]["reachable"] is False
    assert state["executors"]["pytorch"]["reachable"] is False


@pytest.fixture
def service(anonymous: APIClient) -> APIClient:
    """One of the platform's own components."""
    secrets = environment().state_dir / "secrets"
    secrets.mkdir()
    (secrets / "service_token").write_text("the service token of this test")
    anonymous.credentials(HTTP_AUTHORIZATION="Bearer the service token of this test")
    return anonymous


def test_a_component_elsewhere_says_what_it_does_until_it_falls_silent(viewer: APIClient, service: APIClient) -> None:
    said = {"component": "control-logger", "version": "0.1.0", "doing": "reading"}
    assert service.post("/api/heartbeats/", said).status_code == 204
    (shown,) = viewer.get("/api/system/").json()["components"]
    assert (shown["name"], shown["state"], shown["detail"]) == ("control-logger", "ready", "reading")
    service.post("/api/heartbeats/", {**said, "doing": "waiting: the backend is unavailable"})
    (shown,) = viewer.get("/api/system/").json()["components"]
    assert shown["detail"] == "waiting: the backend is unavailable"
    ComponentHeartbeat.objects.update(at=timezone.now() - timedelta(seconds=60))
    (shown,) = viewer.get("/api/system/").json()["components"]
    assert shown["state"] == "silent"


def test_only_components_that_are_known_are_heard(service: APIClient) -> None:
    for wrong in ({}, {"component": "somebody"}, {"component": "control-logger", "doing": "x" * 201}):
        assert service.post("/api/heartbeats/", wrong).status_code == 400
    assert not ComponentHeartbeat.objects.exists()


def test_the_launcher_says_where_workers_run_and_whether_they_scale(
    viewer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = viewer.get("/api/system/").json()["launcher"]
    assert (shown["kind"], shown["namespace"], shown["autoscaling"]) == ("process", "", False)
    monkeypatch.setenv("KML_LAUNCHER", "kubernetes")
    monkeypatch.setenv("POD_NAMESPACE", "ours")
    monkeypatch.setenv("KML_KUBERNETES_KEDA", "true")
    state = viewer.get("/api/system/").json()
    assert "kubectl describe nodes" in state["gpu_note"]
    assert state["launcher"] == {
        "kind": "kubernetes",
        "warm_workers": False,
        "namespace": "ours-jobs",
        "autoscaling": True,
        "autoscaling_obstacle": "",
    }


def test_a_machine_without_gpus_says_so(viewer: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    state = viewer.get("/api/system/").json()
    assert (state["gpus"], state["gpu_note"]) == ([], "no GPU found: the package nvidia-ml-py is not installed")
    assert state["launcher"]["kind"] == "process"


def test_defaults_are_safe() -> None:
    assert settings.DEBUG is False
    assert "*" not in settings.ALLOWED_HOSTS
    assert settings.SESSION_COOKIE_HTTPONLY
    assert settings.SECURE_CONTENT_TYPE_NOSNIFF


def test_the_secret_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = BackendSettings(state_dir=tmp_path).secret_key()
    assert len(first) >= 32
    assert BackendSettings(state_dir=tmp_path).secret_key() == first
    path = tmp_path / "secrets" / "django_secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.write_text("short")
    with pytest.raises(SettingsError):
        BackendSettings(state_dir=tmp_path).secret_key()


def test_https_makes_cookies_stricter(tmp_path: Path) -> None:
    program = (
        "from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS,"
        "s.SECURE_SSL_REDIRECT, s.DATABASES['default']['ENGINE'], s.ALLOWED_HOSTS)"
    )
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "backend.config.settings",
        "KML_STATE_DIR": str(tmp_path),
        "KML_HTTPS": "true",
        "KML_BACKEND_URL": "https://kafka-ml.example",
        "DATABASE_URL": "postgres://u:p@db/kml",
    }
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("__Host-kml-session-"), done.stderr
    assert "True True 31536000 True django.db.backends.postgresql" in done.stdout
    assert "kafka-ml.example" in done.stdout


def test_workers_within_a_cluster_have_an_address_of_their_own(tmp_path: Path) -> None:
    program = "from django.conf import settings as s; print(s.ALLOWED_HOSTS, s.SECURE_REDIRECT_EXEMPT)"
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "backend.config.settings",
        "KML_STATE_DIR": str(tmp_path),
        "KML_HTTPS": "true",
        "KML_BACKEND_URL": "https://kafka-ml.example",
        "KML_WORKER_BACKEND_URL": "http://backend.kafka-ml.svc:8000",
    }
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60)
    assert "'kafka-ml.example', 'backend.kafka-ml.svc'" in done.stdout, done.stderr
    assert "^api/jobs/" in done.stdout
    assert BackendSettings(state_dir=tmp_path).url_for_workers == "http://127.0.0.1:8000"


def test_a_start_imports_nothing_that_only_others_use_django_rest_framework_with(tmp_path: Path) -> None:
    program = (
        "import sys, django; django.setup(); print({'psycopg', 'requests', 'yaml'} & set(sys.modules));"
        "import requests, yaml, django.contrib.postgres.fields as fields; print(fields.ArrayField.__name__)"
    )
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "backend.config.settings", "KML_STATE_DIR": str(tmp_path)}
    env.pop("DATABASE_URL", None)
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\nArrayField\n", done.stderr


def test_each_framework_has_its_executor(configure: Callable[..., None]) -> None:
    given = BackendSettings(executor_urls={Framework.TENSORFLOW: "http://a/"})
    assert given.executor_url(Framework.TENSORFLOW) == "http://a"
    assert given.executor_url(Framework.PYTORCH) == ""
