"""A platform in a real cluster, used as by its users: kubectl, port-forwarding, the command line, the SDK."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import orjson

from kafkaml.sdk import Client
from tests.support import eventually

__all__ = ["JOBS", "NAMESPACE", "ClusterPlatform", "Forward", "Kubectl", "Status"]

NAMESPACE = "kafka-ml"
JOBS = "kafka-ml-jobs"
# The port that `Build_Kafka_ML.sh` gives its user, and the port that the broker announces for a forward to it.
WEB_PORT, BROKER_PORT = 8080, 9094


class Kubectl:
    """kubectl as the cluster's administrator."""

    def __call__(
        self, *arguments: str, namespace: str = NAMESPACE, stdin: str = "", timeout_seconds: float = 90
    ) -> str:
        """Run one command that must succeed, and return what it printed."""
        done = subprocess.run(
            ["kubectl", "--namespace", namespace, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}"
        return done.stdout

    def get(self, *arguments: str, namespace: str = NAMESPACE) -> Any:
        """Return an object, or the list of objects, as the API has it."""
        return orjson.loads(self("get", *arguments, "--output", "json", namespace=namespace))

    def pods(self, selector: str, *, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        """Return the pods of a label selector that are not being deleted."""
        found: list[dict[str, Any]] = self.get("pods", "--selector", selector, namespace=namespace)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


class Forward:
    """A ``kubectl port-forward`` that is restarted when its pod goes away. A context manager."""

    def __init__(self, service: str, local_port: int, remote_port: int) -> None:
        self._command = [
            *("kubectl", "--namespace", NAMESPACE, "port-forward", f"service/{service}"),
            f"{local_port}:{remote_port}",
        ]
        self._stop = threading.Event()
        self._works = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name=f"forward-{service}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._works.wait(60), f"{' '.join(self._command)} does not come up"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.is_set():
            with subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as self._process:
                assert self._process.stdout is not None
                for line in self._process.stdout:
                    if line.startswith("Forwarding from"):
                        self._works.set()
            # The pause avoids a tight loop, because the command ends at once while no pod is ready.
            self._stop.wait(0.5)


@dataclass(frozen=True)
class Status:
    """The part of a supervisor's status that tests of a local platform ask for."""

    url: str


class ClusterPlatform:
    """The installed platform; a ``tests.platform.AnyPlatform``."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl
        self.status = Status(f"http://localhost:{WEB_PORT}")
        self.bootstrap_servers = f"localhost:{BROKER_PORT}"

    @cached_property
    def token(self) -> str:
        """A token of an administrator, made as README describes."""
        return self.manage("access_token", "--days", "1").strip()

    @cached_property
    def client(self) -> Client:
        """A client with the administrator's rights."""
        return Client(self.status.url, self.token)

    @property
    def env(self) -> Mapping[str, str]:
        """The environment that makes programs use this platform."""
        return {
            **os.environ,
            "KML_URL": self.status.url,
            "KML_TOKEN": self.token,
            "KML_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "COLUMNS": "160",
            "NO_COLOR": "1",
        }

    def manage(self, *arguments: str) -> str:
        """Run a management command in the backend's pod."""
        return self.kubectl("exec", "deployment/backend", "--container", "web", "--", "python", "-m", "backend.manage",
                            *arguments)  # fmt: skip

    def cli(self, *arguments: str, timeout_seconds: float = 150) -> subprocess.CompletedProcess[str]:
        """Run the command line against this platform; ``login`` prints a link through the backend's pod."""
        if arguments == ("login",):
            return subprocess.CompletedProcess(arguments, 0, stdout=self.manage("login_link"))
        return self.run([sys.executable, "-m", "kafka_ml_cli.main", *arguments], timeout_seconds=timeout_seconds)

    def run(self, command: Sequence[str], *, timeout_seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a program that uses this platform."""
        return subprocess.run(
            list(command), capture_output=True, text=True, timeout=timeout_seconds, check=False, env=dict(self.env)
        )

    def worker_pods(self, kind: str, number: int) -> list[dict[str, Any]]:
        """Return the live pods of a training or an inference."""
        return self.kubectl.pods(f"kafka-ml/kind={kind},kafka-ml/id={number}", namespace=JOBS)

    def wait_for_pod(self, kind: str, number: int, *, phase: str = "Running", other_than: str = "") -> dict[str, Any]:
        """Return a pod in a phase, once there is one with another name than ``other_than``."""

        def found() -> dict[str, Any] | None:
            pods = self.worker_pods(kind, number)
            return next(
                (pod for pod in pods if pod["status"].get("phase") == phase and pod["metadata"]["uid"] != other_than),
                None,
            )

        pod = eventually(found, 180, interval_seconds=0.5, what=f"a {phase} pod of {kind} {number}")
        assert pod is not None
        return pod
