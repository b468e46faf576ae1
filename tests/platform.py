"""Platform: a test's own complete platform, used through the command line and the SDK as by any user."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self

import orjson
import psutil

from kafkaml.local.state import PlatformStatus, StateDir
from kafkaml.sdk import Client
from kafkaml.sdk.types import Inference

__all__ = ["ENTERABLE_CLUSTER", "AnyPlatform", "Platform", "frozen", "stopping_inferences"]

# The address of another cluster that platforms of tests are allowed to enter. Nothing listens there.
ENTERABLE_CLUSTER = "127.0.0.1:1"


class HasUrl(Protocol):
    """The part of a platform's status that tests of any platform read."""

    @property
    def url(self) -> str: ...


class AnyPlatform(Protocol):
    """A platform on this machine or in a cluster. The tutorial's tests run on both, and use nothing else of it."""

    @property
    def status(self) -> HasUrl: ...

    @property
    def client(self) -> Client: ...

    @property
    def bootstrap_servers(self) -> str: ...

    @property
    def env(self) -> Mapping[str, str]: ...

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]: ...


@contextmanager
def stopping_inferences(platform: AnyPlatform) -> Iterator[None]:
    """Stop at the end all inferences started in the block, because their replicas load the machine."""
    before = {inference.id for inference in _served(platform)}
    yield
    for inference in _served(platform):
        if inference.id not in before:
            platform.client.inferences.stop(inference.id)


@contextmanager
def frozen(*processes: psutil.Process) -> Iterator[None]:
    """Stop processes without ending them; those that live at the end go on."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def _served(platform: AnyPlatform) -> list[Inference]:
    return [inference for inference in platform.client.inferences.list() if not inference.state.ended]


class Platform:
    """A platform started by ``kafka-ml up --detach`` on free ports, ended by ``down``. A context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        frameworks: Sequence[str] = ("tensorflow", "pytorch"),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.state = StateDir(folder / "state")
        self._frameworks = frameworks
        # Further settings for the platform and for the command line.
        self._env = dict(env or {})

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            # Components may still be starting, and nothing else would end them.
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._forget_client()
        self.cli("down", "--state-dir", str(self.state.root))

    @property
    def status(self) -> PlatformStatus:
        """The present status from the supervisor."""
        status = self.state.read_status()
        assert status is not None
        return status

    @property
    def bootstrap_servers(self) -> str:
        """Address of the platform's broker."""
        return self.status.bootstrap_servers

    @cached_property
    def client(self) -> Client:
        """A client with the rights of the platform's owner."""
        return Client(self.status.url, self.state.cli_token.read_text().strip())

    @property
    def env(self) -> Mapping[str, str]:
        """The environment that makes programs use this platform."""
        return {**os.environ, **self._env, "KML_STATE_DIR": str(self.state.root), "COLUMNS": "160", "NO_COLOR": "1"}

    def pid_of(self, component: str) -> int:
        """The process id of a running component."""
        pid = next(
            component_status.pid for component_status in self.status.components if component_status.name == component
        )
        assert pid is not None
        return pid

    def up(self, *arguments: str) -> None:
        """Start the platform, and return when all components are ready."""
        frameworks = ["--frameworks", ",".join(self._frameworks)]
        ports = [] if {"--port", "--bootstrap-servers"} & set(arguments) else ["--port", "0", "--broker-port", "0"]
        where = ("--state-dir", str(self.state.root))
        allowed = {"KML_ALLOWED_CLUSTERS": ENTERABLE_CLUSTER}
        # The output is JSON, because the login link for people costs another import of Django.
        done = self.cli("up", "--detach", "--json", *where, *ports, *frameworks, *arguments, env=allowed)
        assert done.returncode == 0, done.stdout + done.stderr
        # A client from an earlier start may have another port.
        self._forget_client()

    def restart(self) -> None:
        """Stop the platform in order, and start it again on other ports."""
        done = self.cli("down")
        assert done.returncode == 0, done.stdout + done.stderr
        self.up()

    def _forget_client(self) -> None:
        if client := self.__dict__.pop("client", None):
            client.close()

    def cli(
        self, *arguments: str, env: Mapping[str, str] | None = None, timeout_seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line against this platform."""
        return subprocess.run(
            [sys.executable, "-m", "kafka_ml_cli.main", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
            env={**self.env, **(env or {})},
        )

    def json(self, *arguments: str) -> object:
        """Run a command with ``--json`` that must succeed, and return its parsed output."""
        done = self.cli(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return orjson.loads(done.stdout)
