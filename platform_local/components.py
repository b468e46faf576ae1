"""What a local platform consists of: the commands, environments, probes and order of its components.

No other module knows the components; ``supervisor`` runs them without knowing what they are.
"""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import kafka_control_logger
import mlcode_executor
from backend import config, manage
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.local.state import StateDir
from kafkaml.settings import KafkaSettings
from kafkaml.wire.framework import Framework
from platform_local import examples, setup
from platform_local.broker import EmbeddedBroker, broker_answers, java_environment
from platform_local.commands import RUN_MODULE, python_module
from platform_local.ports import LOOPBACK, free_port
from platform_local.strays import MARK
from platform_local.supervisor import Component

__all__ = ["BEFORE_WORKERS", "STOP_ORDER", "PlatformPlan", "build_components"]

# The controller ends first, because it would restart what is being ended; the broker last, because all others use it.
STOP_ORDER: Sequence[Sequence[str]] = (
    ("controller", "control-logger"),
    (*(framework.executor for framework in FRAMEWORKS.values()), "fork-onnx"),
    ("web", "set-up"),
    ("broker",),
)
BEFORE_WORKERS = ("controller", "control-logger")


@dataclass(frozen=True, kw_only=True)
class PlatformPlan:
    """One platform, decided: where it keeps things, what it listens on, which broker it uses.

    ``broker`` is None when someone else's broker is used; ``kafka`` says how all components reach it either way.
    ``web_socket`` listens already, so no other program can take its port between now and the start of the server.
    """

    state: StateDir
    web_socket: socket.socket
    kafka: KafkaSettings
    broker: EmbeddedBroker | None
    isolation: str = ""
    frameworks: Sequence[Framework]

    @property
    def url(self) -> str:
        """The platform's address for browsers, the command line and workers."""
        return f"http://{LOOPBACK}:{self.web_socket.getsockname()[1]}"


def platform_environment(plan: PlatformPlan, executor_ports: Mapping[Framework, int]) -> dict[str, str]:
    """Return the environment that all components share."""
    env = dict(os.environ)
    env |= plan.kafka.to_env()
    env |= {
        MARK: str(plan.state.root),
        "KML_STATE_DIR": str(plan.state.root),
        "KML_BACKEND_URL": plan.url,
        "KML_SERVICE_TOKEN_FILE": str(plan.state.service_token),
        "PYTHONUNBUFFERED": "1",
    }
    # The settings name a file that holds the secret, because an environment is easier to read than a file of mode 0600.
    env.pop("KML_KAFKA_SASL_PASSWORD", None)
    if plan.isolation:
        env["KML_ISOLATION"] = plan.isolation
    for framework, port in executor_ports.items():
        env[FRAMEWORKS[framework].executor_setting] = f"http://{LOOPBACK}:{port}"
    return env


def build_components(plan: PlatformPlan) -> list[Component]:
    """Return the components of ``plan`` in the order in which they are shown."""
    ports = {framework: free_port() for framework in plan.frameworks}
    env = platform_environment(plan, ports)
    components: list[Component] = []
    broker_first: tuple[str, ...] = ()
    if plan.broker is not None:
        components.append(_broker(plan.broker))
        broker_first = ("broker",)
    set_up = setup.is_needed(plan.state)
    if set_up:
        components.append(_set_up(env))
    components.append(_web(plan, env | {"KML_EXAMPLES": examples.offered()}, after=("set-up",) if set_up else ()))
    # Start after the API, because importing a framework takes seconds of both cores.
    components += [_executor(plan, env, framework, port) for framework, port in ports.items()]
    components.append(_onnx(plan, env))
    components.append(
        Component(
            name="controller",
            prepare=lambda: [*python_module(manage), "controller"],
            env=env,
            after=("web", *broker_first),
            grace_seconds=15,
        )
    )
    components.append(
        Component(
            name="control-logger",
            prepare=lambda: python_module(kafka_control_logger),
            env=env,
            after=("web", *broker_first),
        )
    )
    return components


def _broker(broker: EmbeddedBroker) -> Component:
    return Component(
        name="broker",
        prepare=broker.prepare,
        env=java_environment(),
        probe=lambda: broker_answers(broker.bootstrap_servers),
        required=True,
        address=broker.bootstrap_servers,
        grace_seconds=20,
    )


def _set_up(env: Mapping[str, str]) -> Component:
    return Component(name="set-up", prepare=lambda: python_module(setup), env=env, once=True, required=True)


def _web(plan: PlatformPlan, env: Mapping[str, str], *, after: Sequence[str]) -> Component:
    descriptor = plan.web_socket.fileno()
    command = [*RUN_MODULE, "gunicorn", "-c", f"python:{config.__name__}.gunicorn", "--bind", f"fd://{descriptor}"]
    command += [f"{config.__name__}.asgi:application"]
    return Component(
        name="web",
        prepare=lambda: command,
        env=env,
        after=after,
        probe=lambda: _answers(f"{plan.url}/api/health/live/"),
        required=True,
        address=plan.url,
        descriptors=[descriptor],
    )


def _executor(plan: PlatformPlan, env: Mapping[str, str], framework: Framework, port: int) -> Component:
    socket_path = plan.state.run / f"fork-{framework}.sock"
    command = [*python_module(mlcode_executor), "--framework", framework, "--port", str(port)]
    command += ["--fork-server", str(socket_path)]
    return Component(
        name=FRAMEWORKS[framework].executor,
        prepare=lambda: command,
        env=env,
        after=("web",),
        probe=lambda: _answers(f"http://{LOOPBACK}:{port}/health"),
        address=f"http://{LOOPBACK}:{port}",
        ready_timeout_seconds=180,
    )


def _onnx(plan: PlatformPlan, env: Mapping[str, str]) -> Component:
    """Return the component that serves converted models with ONNX Runtime. It never checks user code."""
    path = plan.state.run / "fork-onnx.sock"

    def prepare() -> list[str]:
        # The fork server is imported when its turn comes, because its own imports would delay the first components.
        from mlcode_executor import fork_server

        isolation = ["--isolation", plan.isolation] if plan.isolation else []
        return [*python_module(fork_server), "--runtime", "onnx", "--socket", str(path), *isolation]

    return Component(
        name="fork-onnx",
        prepare=prepare,
        env=env,
        after=("web",),
        probe=lambda: _listens(str(path)),
    )


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        return connection.connect_ex(path) == 0


def _answers(url: str) -> bool:
    """Whether a server answers in time. A refusal is an answer too."""
    parts = urlsplit(url)
    # This probe does not use ``httpx``: it runs twenty times a second while frameworks are imported, and a client of
    # ``httpx`` takes 30 ms of a core each time.
    connection = http.client.HTTPConnection(parts.netloc, timeout=2)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
