"""The state of the whole platform, requested from its parts in parallel, each with a short time limit."""

from __future__ import annotations

import importlib.metadata
import platform
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import UTC, datetime

import django
import psutil

from backend.config.environment import environment
from backend.deployments.object_store import object_store
from backend.launchers.factory import LauncherSettings, autoscaling_obstacle, workers_namespace
from backend.ml_models import executor
from backend.records.browsing import broker_answers
from backend.system.documents import Broker, Component, Executor, Gpu, Isolation, Launcher, Machine, System
from backend.system.gpus import gpus
from backend.system.models import ComponentHeartbeat
from kafkaml.errors import BrokenError
from kafkaml.local.state import ComponentState, StateDir
from kafkaml.wire.framework import Framework

__all__ = ["system_state"]

# Heartbeats come every ten seconds.
_SILENT_SECONDS = 35.0
# A GPU driver that hangs must not hold up the page.
_GPU_SECONDS = 3.0
_GPU_POOL = ThreadPoolExecutor(1, thread_name_prefix="gpus")
# An object store that does not answer must not hold up the page, although boto3 tries several times.
_STORE_SECONDS = 3.0
_STORE_POOL = ThreadPoolExecutor(1, thread_name_prefix="object-store")
_PACKAGES = ("django", "djangorestframework", "confluent-kafka", "gunicorn", "numpy")


def system_state() -> System:
    """Return versions, isolation level, broker and components as the system page shows them."""
    settings = environment()
    launcher = _launcher()
    graphics = _GPU_POOL.submit(gpus) if launcher.kind == "process" else None
    store = object_store(settings)
    checked = _STORE_POOL.submit(store.check) if store is not None else None
    with ThreadPoolExecutor(len(Framework) + 1) as pool:
        executors = {framework: pool.submit(_executor, framework) for framework in Framework}
        broker = pool.submit(broker_answers, settings.kafka.bootstrap_servers)
        answers = {str(framework): future.result() for framework, future in executors.items()}
        reachable = broker.result()
    found, note = _found(graphics)
    levels = sorted({answer.isolation for answer in answers.values() if answer.isolation})
    return System(
        version=importlib.metadata.version("kafka-ml"),
        versions=_versions(),
        isolation=Isolation(setting=settings.isolation, levels=levels, off="off" in levels),
        broker=Broker(
            bootstrap_servers=settings.kafka.bootstrap_servers,
            sink_bootstrap_servers=settings.sink_bootstrap_servers or settings.kafka.bootstrap_servers,
            reachable=reachable,
        ),
        control_topic=settings.control_topics[0],
        control_topics=settings.control_topics,
        launcher=launcher,
        machine=_machine(),
        executors=answers,
        gpus=found,
        gpu_note=note,
        components=[*_components(), *([] if checked is None else [_object_store(checked)])],
    )


def _object_store(checked: Future[None]) -> Component:
    settings = environment()
    state, detail = "ready", f"bucket {settings.s3_bucket}"
    try:
        checked.result(timeout=_STORE_SECONDS)
    except FutureTimeoutError:
        state, detail = "silent", f"no answer in {_STORE_SECONDS:g} s"
    except BrokenError as error:
        state, detail = "failed", error.message
    return Component(name="object-store", state=state, detail=detail, address=settings.s3_endpoint_url)


def _launcher() -> Launcher:
    settings = LauncherSettings()
    obstacle = autoscaling_obstacle(settings)
    return Launcher(
        kind=settings.launcher,
        warm_workers=settings.launcher == "process" and settings.warm_workers,
        namespace=workers_namespace(settings),
        autoscaling=not obstacle,
        autoscaling_obstacle=obstacle,
    )


def _machine() -> Machine:
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(environment().state_dir))
    return Machine(
        processors=psutil.cpu_count() or 1,
        load=psutil.getloadavg()[0],
        memory_total=memory.total,
        memory_available=memory.available,
        disk_total=disk.total,
        disk_free=disk.free,
    )


def _found(graphics: Future[tuple[list[Gpu], str]] | None) -> tuple[list[Gpu], str]:
    """Return the GPUs of the machine that runs workers, and why there are none to show."""
    if graphics is None:
        return [], "workers run in a cluster, and GPUs belong to its nodes: see `kubectl describe nodes`"
    try:
        return graphics.result(timeout=_GPU_SECONDS)
    except FutureTimeoutError:
        return [], "the GPUs' driver did not answer in time"


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "django": django.get_version(), "system": platform.platform()}
    for name in _PACKAGES:
        try:
            versions.setdefault(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _executor(framework: Framework) -> Executor:
    try:
        answer = executor.health(framework)
    except BrokenError as error:
        return Executor(detail=error.message)
    isolation = str(answer.get("isolation_level") or answer.get("isolation") or "")
    return Executor(reachable=True, isolation=isolation, versions=answer.get("versions") or {})


def _components() -> list[Component]:
    now = datetime.now(tz=UTC)
    state_dir = StateDir(environment().state_dir)
    signs = {heartbeat.name: (_doing(heartbeat), heartbeat.at) for heartbeat in ComponentHeartbeat.objects.all()}
    components = {
        name: Component(
            name=name,
            state="ready" if (now - at).total_seconds() < _SILENT_SECONDS else "silent",
            detail=detail,
            at=at,
        )
        for name, (detail, at) in signs.items()
    }
    # On one machine the supervisor knows more than the heartbeats: what is starting, what crashed and how often.
    status = state_dir.read_status() if state_dir.is_running() else None
    for component in status.components if status is not None else ():
        known = components.get(component.name)
        # A process that exists but gives no sign of life is not ready.
        silent = known is not None and known.state == "silent" and component.state == ComponentState.READY
        components[component.name] = Component(
            name=component.name,
            state="silent" if silent else str(component.state),
            detail=component.detail or (known.detail if known else ""),
            at=known.at if known else None,
            address=component.address,
            restarts=component.restarts,
        )
    return sorted(components.values(), key=lambda component: component.name)


def _doing(sign: ComponentHeartbeat) -> str:
    return str(sign.details.get("doing") or sign.version)
