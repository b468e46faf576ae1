"""The lifecycle of a local platform for commands: ``up``, ``down`` and the state of a running one.

Decides ports, broker and secrets, hands the plan to the supervisor, and cleans up after one that was killed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson
import psutil

import platform_local
from kafkaml.errors import BrokenError, BrokerError, DeadlineExceeded, RefusedError
from kafkaml.local.state import PlatformStatus, StateDir, ephemeral_parent
from kafkaml.settings import KafkaSettings, default_state_dir
from kafkaml.system import write_atomically
from kafkaml.wire.framework import Framework
from platform_local import components as parts
from platform_local.broker import OLD_EXAMPLES_PORT, EmbeddedBroker, remembered_ports
from platform_local.commands import python_module, suspend_workers
from platform_local.ports import LOOPBACK, choose_port, describe_holder, is_free
from platform_local.processes import end_processes, read_pid
from platform_local.strays import platform_processes
from platform_local.supervisor import Supervisor, log_tail

__all__ = ["UpOptions", "choose_state_dir", "down", "run_platform", "start_detached", "wait_until_ready"]

DEFAULT_WEB_PORT = 8000
DEFAULT_BROKER_PORT = 9092


@dataclass(frozen=True, kw_only=True)
class UpOptions:
    """The user's options. A port of None was not given, 0 means any free one."""

    state_dir: Path | None = None
    ephemeral: bool = False
    port: int | None = None
    broker_port: int | None = None
    bootstrap_servers: str = ""
    isolation: str = ""
    frameworks: Sequence[Framework] = tuple(Framework)

    def to_json(self) -> str:
        return orjson.dumps(asdict(self), default=str).decode()

    @classmethod
    def from_json(cls, text: str) -> UpOptions:
        """Parse what ``to_json`` wrote."""
        document = orjson.loads(text)
        folder = document.pop("state_dir")
        return cls(**document, state_dir=None if folder is None else Path(folder))


def choose_state_dir(options: UpOptions) -> StateDir:
    """Return the state folder for ``up``; a new one each time when ``ephemeral`` and none is given."""
    if options.state_dir is None and options.ephemeral:
        return StateDir(Path(tempfile.mkdtemp(dir=ephemeral_parent(), prefix="")))
    return StateDir(options.state_dir or default_state_dir())


def run_platform(
    options: UpOptions, state: StateDir, *, on_change: Callable[[PlatformStatus], None] | None = None
) -> PlatformStatus:
    """Run a platform in this process until it is asked to stop; the folder is removed at the end when ephemeral.

    Raises RefusedError when it runs already, a port is taken or the folder cannot be used. A status whose ``problem``
    is not empty says what ended it.
    """
    state.prepare()
    lock = state.lock()
    if lock is None:
        running = state.read_status()
        raise RefusedError(f"the platform of {state.root} runs already at {running.url if running else 'its address'}")
    try:
        end_processes(platform_processes(state.root), grace_seconds=10)
        plan = _plan(options, state)
        status = PlatformStatus(os.getpid(), plan.url, plan.kafka.bootstrap_servers, ephemeral=options.ephemeral)
        supervisor = Supervisor(
            state=state,
            components=parts.build_components(plan),
            stop_order=parts.STOP_ORDER,
            status=status,
            before_workers=parts.BEFORE_WORKERS,
            end_workers=lambda: suspend_workers(state),
            on_change=on_change,
            strays=lambda: platform_processes(state.root),
        )
        with plan.web_socket:
            return asyncio.run(supervisor.run())
    finally:
        lock.close()
        if options.ephemeral:
            shutil.rmtree(state.root, ignore_errors=True)


def _plan(options: UpOptions, state: StateDir) -> parts.PlatformPlan:
    kafka = KafkaSettings()
    broker = None
    if options.bootstrap_servers:
        kafka = _with_password_in_file(kafka, state).model_copy(update={"bootstrap_servers": options.bootstrap_servers})
        _require_broker(kafka)
    else:
        remembered, _ = remembered_ports(state.kafka)
        port = options.broker_port
        if port is None:
            port = remembered if remembered and is_free(remembered) else DEFAULT_BROKER_PORT
        broker = EmbeddedBroker(
            state.kafka,
            port=choose_port(port, explicit=options.broker_port is not None, purpose="broker"),
            log_path=state.logs / "broker.log",
            # A caller that accepts any free port, such as one of many parallel tests, does not want the fixed port in
            # addition.
            also_port=0 if options.broker_port == 0 else OLD_EXAMPLES_PORT,
        )
        kafka = KafkaSettings.model_construct(bootstrap_servers=broker.bootstrap_servers)
    return parts.PlatformPlan(
        state=state,
        web_socket=_listen(options, state),
        kafka=kafka,
        broker=broker,
        isolation=options.isolation,
        frameworks=options.frameworks,
    )


def _with_password_in_file(kafka: KafkaSettings, state: StateDir) -> KafkaSettings:
    password = kafka.sasl_password.get_secret_value()
    if not password or kafka.sasl_password_file:
        return kafka
    path = state.secrets / "kafka_password"
    write_atomically(path, password.encode())
    return kafka.model_copy(update={"sasl_password_file": str(path)})


def _require_broker(kafka: KafkaSettings) -> None:
    """Refuse to start with a broker that does not answer, because everything would wait for it and only logs would show
    that.
    """
    from kafkaml.confluent import KafkaAdmin

    try:
        KafkaAdmin(kafka, timeout_seconds=10).cluster_id()
    except BrokerError as error:
        raise BrokerError(
            f"the broker at {kafka.bootstrap_servers} does not answer: {error.message}",
            hint="check the address, and user, password and certificates in KML_KAFKA_*",
        ) from error


def _listen(options: UpOptions, state: StateDir) -> socket.socket:
    """Take the web port. Links that people keep stay good when the port of the last start is free again."""
    last = state.read_status()
    remembered = int(last.url.rpartition(":")[2]) if last is not None and last.url else 0
    wanted = options.port
    if wanted is None:
        wanted = remembered if remembered and is_free(remembered) else DEFAULT_WEB_PORT
    port = choose_port(wanted, explicit=options.port is not None, purpose="web server")
    try:
        return socket.create_server((LOOPBACK, port), backlog=512)
    except OSError as error:
        raise RefusedError(
            f"port {port} for the web server is taken by {describe_holder(port)}",
            hint="start again: another one is chosen, unless you insist with --port",
        ) from error


def start_detached(options: UpOptions, state: StateDir) -> int:
    """Start the supervisor of ``state`` in the background and return its process id."""
    state.prepare()
    command = [*python_module(platform_local), replace(options, state_dir=state.root).to_json()]
    with (state.logs / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return process.pid


def wait_until_ready(
    state: StateDir,
    supervisor_pid: int,
    *,
    timeout_seconds: float,
    on_change: Callable[[PlatformStatus], None],
    api_only: bool = False,
) -> PlatformStatus:
    """Wait until the platform that ``supervisor_pid`` starts is ready, calling ``on_change`` with each new status.

    Raises BrokenError with the supervisor's words when that ends instead, DeadlineExceeded when it takes too long.
    """
    deadline = time.monotonic() + timeout_seconds
    seen: PlatformStatus | None = None
    while True:
        status = state.read_status()
        if status is not None and status.supervisor_pid == supervisor_pid and status != seen:
            seen = status
            on_change(status)
        if seen is not None and not seen.stopping and (seen.ready or (api_only and seen.api_ready)):
            return seen
        if not _lives(supervisor_pid):
            words = (seen.problem if seen is not None else "") or log_tail(state.logs / "supervisor.log")
            raise BrokenError(f"the platform ended while it started: {words}", hint=f"its logs are in {state.logs}")
        if time.monotonic() > deadline:
            waiting = [component.name for component in (seen.components if seen else ()) if component.state != "ready"]
            raise DeadlineExceeded(
                f"the platform was not ready within {timeout_seconds:g} s; not ready: {', '.join(waiting) or 'all'}",
                hint=f"kafka-ml status shows it; its logs are in {state.logs}",
            )
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def down(state: StateDir, *, timeout_seconds: float = 60) -> bool:
    """Stop the platform of ``state`` and everything of it that is left; tell whether there was anything.

    Works for a running platform and for what a killed supervisor left behind. Raises BrokenError where the platform
    still runs afterwards.
    """
    found = False
    supervisor = _supervisor(state)
    if supervisor is not None:
        found = True
        supervisor.send_signal(signal.SIGTERM)
        psutil.wait_procs([supervisor], timeout=timeout_seconds)
        if supervisor.is_running() and supervisor.status() != psutil.STATUS_ZOMBIE:
            end_processes([supervisor], grace_seconds=5)
    ephemeral = (status := state.read_status()) is not None and status.ephemeral
    left = platform_processes(state.root)
    if left:
        found = True
        if state.jobs.is_dir():
            suspend_workers(state)
        end_processes(platform_processes(state.root), grace_seconds=10)
    if state.is_running():
        raise BrokenError(
            f"the platform of {state.root} still runs: a process holds {state.run / 'supervisor.lock'}",
            hint="end the process that `ps -ef | grep platform_local` names, and try again",
        )
    if ephemeral:
        shutil.rmtree(state.root, ignore_errors=True)
    return found


def _supervisor(state: StateDir) -> psutil.Process | None:
    """Return the process that holds the platform's lock, None where no one does."""
    if not state.is_running():
        return None
    if (noted := read_pid(state.supervisor_pid)) is not None:
        return noted
    # The lock is held nevertheless, because the pid file was removed, or written by another version.
    status = state.read_status()
    try:
        return psutil.Process(status.supervisor_pid) if status is not None else None
    except psutil.NoSuchProcess:
        return None


def ephemeral_state_dirs() -> Sequence[StateDir]:
    """Return the state folders of ephemeral platforms that exist, running or left behind."""
    return [StateDir(path) for path in sorted(ephemeral_parent().glob("*/"))]
