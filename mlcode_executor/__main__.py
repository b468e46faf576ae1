"""``python -m mlcode_executor --framework tensorflow``: the executor's service and its warm fork server.

Serves only when the fork server is ready, and ends with a status other than zero when no isolation works here.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafkaml.errors import KafkaMLError, SettingsError
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.frameworks.installed import installed_version
from kafkaml.logs import configure_logs, get_logger, register_secret
from kafkaml.prometheus import MetricsServer, ProcessMetrics
from kafkaml.settings import Isolation, default_state_dir
from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.checks import Checker
from mlcode_executor.process import ModelProcess
from mlcode_executor.prometheus import ExecutorMetrics
from mlcode_executor.server_child import ForkServerChild
from mlcode_executor.service import ExecutorService

_logger = get_logger(__name__)


class CheckSettings(BaseSettings):
    """``KML_CHECK_*``: limits of one check and how many run at the same time."""

    model_config = SettingsConfigDict(env_prefix="KML_CHECK_", extra="ignore", frozen=True)

    timeout_seconds: float = Field(60, gt=0)
    cpu_seconds: int = Field(120, ge=1)
    memory_bytes: int = Field(4 << 30, ge=256 << 20)
    file_bytes: int = Field(64 << 20, ge=0, description="largest file that the code may write in its scratch folder")
    workers: int = Field(2, ge=1)
    queue: int = Field(16, ge=0)
    spares: int = Field(1, ge=0, description="model processes kept ready; 0 saves memory and costs a start per check")


class PlatformSettings(BaseSettings):
    """``KML_*``: what the executor shares with other services."""

    model_config = SettingsConfigDict(env_prefix="KML_", extra="ignore", frozen=True)

    service_token_file: str = ""
    state_dir: Path = Field(default_factory=default_state_dir)
    isolation: Isolation = "auto"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service until SIGTERM or SIGINT; returns the exit status."""
    options = _parse(arguments)
    configure_logs(f"executor-{options.framework}")
    # SIGTERM raises an exception, so that children are ended wherever the signal arrives. uvicorn raises the signal
    # again after its own shutdown.
    signal.signal(signal.SIGTERM, _stop)
    try:
        return _serve(options, CheckSettings(), PlatformSettings())
    except KafkaMLError as error:
        _logger.error("executor cannot start", error=error.message, hint=error.hint)
        return 1


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mlcode_executor", description=__doc__)
    parser.add_argument("--framework", type=Framework, choices=list(Framework), required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one, which is logged")
    parser.add_argument("--token-file", default="", help="file with the token of services (KML_SERVICE_TOKEN_FILE)")
    parser.add_argument(
        "--fork-server",
        "--fork-server-socket",
        type=Path,
        default=None,
        help="socket of the warm fork server, which is started there unless one listens already",
    )
    return parser.parse_args(arguments)


def _serve(options: argparse.Namespace, checks: CheckSettings, platform: PlatformSettings) -> int:
    token = _read_token(options.token_file or platform.service_token_file)
    with ForkServerChild(options.framework, options.fork_server, isolation=platform.isolation) as fork_server:
        limits = ResourceLimits(
            memory_bytes=checks.memory_bytes, cpu_seconds=checks.cpu_seconds, file_bytes=checks.file_bytes
        )

        def start() -> ModelProcess:
            return ModelProcess.start(
                options.framework, limits, fork_server=fork_server.path, isolation=platform.isolation
            )

        checker = Checker(start, timeout_seconds=checks.timeout_seconds, spares=checks.spares)
        about = {"framework": str(options.framework), "versions": _versions(options.framework)}
        metrics = ExecutorMetrics(str(options.framework))
        service = ExecutorService(
            checker,
            token=token,
            health=lambda: {**about, "isolation": fork_server.level},
            workers=checks.workers,
            queue=checks.queue,
            metrics=metrics,
        )
        metrics.pending, metrics.spares = lambda: service.pending, lambda: checker.ready
        process_metrics = ProcessMetrics(f"executor-{options.framework}", [metrics])
        try:
            with MetricsServer(process_metrics, state_dir=platform.state_dir):
                return _run(service, options, fork_server)
        finally:
            service.close()
            checker.close()


def _run(service: ExecutorService, options: argparse.Namespace, fork_server: ForkServerChild) -> int:
    listener = _listen(options.host, options.port)
    server = uvicorn.Server(
        uvicorn.Config(
            service,
            log_config=None,
            access_log=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
            lifespan="off",
            ws="none",
        )
    )

    def stop_when_it_ends() -> None:
        if fork_server.wait() is not None:
            server.should_exit = True

    threading.Thread(target=stop_when_it_ends, name="fork-server-watch", daemon=True).start()
    host, port = listener.getsockname()[:2]
    _logger.info(
        "executor is ready",
        framework=str(options.framework),
        address=f"http://{host}:{port}",
        isolation=fork_server.level,
    )
    with listener:
        server.run(sockets=[listener])
    if fork_server.ended:
        _logger.error("the fork server ended", status=fork_server.ended)
        return 1
    return 0


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio turns Nagle's algorithm off only for a socket with its protocol named. Otherwise it costs 40 ms per
        # answer.
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {error}", hint="choose another port, or 0") from error
    return listener


def _read_token(path: str) -> str:
    if not path:
        raise SettingsError(
            "no token file was given: expected --token-file or KML_SERVICE_TOKEN_FILE",
            hint="any file that holds one long random word; the backend reads the same",
        )
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"cannot read the token file {path}: {error}") from error
    if len(token) < 16:
        raise SettingsError(f"the token in {path} has {len(token)} characters: expected at least 16")
    register_secret(token)
    return token


def _versions(framework: Framework) -> Mapping[str, Any]:
    return {package: _version(package) for package in FRAMEWORKS[framework].packages}


def _version(package: str) -> str:
    if version := installed_version(package):
        return version
    raise SettingsError(f"{package} is not installed", hint="install it where this executor runs: make install")


if __name__ == "__main__":
    sys.exit(main())
