"""The state of the whole platform, asked of its parts at once, each with a short time limit."""

from __future__ import annotations

import importlib.metadata
import platform
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import django

from backend.config.environment import environment
from backend.ml_models import executor
from backend.system.models import ComponentHeartbeat
from kafkaml.errors import BrokenError
from kafkaml.jobs import Framework
from kafkaml.local.state import StateDir

__all__ = ["broker_answers", "system_state"]

_BROKER_SECONDS = 1.5
# Heartbeats come every ten seconds.
_SILENT_SECONDS = 35.0


def system_state() -> dict[str, Any]:
    """Return versions, isolation level, broker and components as the system page shows them."""
    settings = environment()
    with ThreadPoolExecutor(len(Framework) + 1) as pool:
        executors = {framework: pool.submit(_executor, framework) for framework in Framework}
        broker = pool.submit(broker_answers, settings.kafka.bootstrap_servers)
        answers = {str(framework): each.result() for framework, each in executors.items()}
        reachable = broker.result()
    levels = sorted({str(each["isolation"]) for each in answers.values() if each.get("isolation")})
    return {
        "version": importlib.metadata.version("kafka-ml"),
        "versions": {"python": platform.python_version(), "django": django.get_version()},
        "isolation": {"setting": settings.isolation, "levels": levels, "off": "off" in levels},
        "broker": {"bootstrap_servers": settings.kafka.bootstrap_servers, "reachable": reachable},
        "control_topic": settings.control_topic,
        "executors": answers,
        "components": _components(),
    }


def broker_answers(bootstrap_servers: str) -> bool:
    """Whether any of the servers takes a connection; says nothing of what it does then."""
    for address in bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=_BROKER_SECONDS):
                return True
        except (OSError, ValueError):
            continue
    return False


def _executor(framework: Framework) -> dict[str, Any]:
    try:
        answer = executor.health(framework)
    except BrokenError as error:
        return {"reachable": False, "detail": error.message}
    isolation = answer.get("isolation_level") or answer.get("isolation") or ""
    return {"reachable": True, "isolation": isolation, "versions": answer.get("versions") or {}}


def _components() -> list[dict[str, Any]]:
    now = datetime.now(tz=UTC)
    components: dict[str, dict[str, Any]] = {
        each.name: {
            "name": each.name,
            "state": "ready" if (now - each.at).total_seconds() < _SILENT_SECONDS else "silent",
            "detail": each.version,
            "at": each.at,
        }
        for each in ComponentHeartbeat.objects.all()
    }
    # On a laptop the supervisor knows more: what is starting, what crashed and how often.
    status = StateDir(environment().state_dir).read_status()
    for each in status.components if status is not None else ():
        known = components.get(each.name, {})
        components[each.name] = {
            "name": each.name,
            "state": str(each.state),
            "detail": each.detail,
            "at": known.get("at"),
        }
    return sorted(components.values(), key=lambda each: str(each["name"]))
