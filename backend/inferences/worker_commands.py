"""The commands that make a machine elsewhere serve, with Python or with Docker. Made with a worker token."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from backend.config.environment import environment
from backend.inferences.models import Inference
from backend.inferences.plans import inference_plan
from backend.launchers.factory import worker_image
from kafkaml.artifacts import ONNX_FILE
from kafkaml.frameworks import FRAMEWORKS

__all__ = ["WorkerCommands", "worker_commands"]

_LOOPBACK = ("127.", "localhost", "[::1]", "::1")


@dataclass(frozen=True)
class WorkerCommands:
    """``install`` and ``python`` are typed in a checkout of Kafka-ML, ``build`` too; ``docker`` anywhere.

    ``runtime`` is what serves the model there: ``onnx`` where it was converted, otherwise its framework. ``notes`` name
    obstacles for machines elsewhere.
    """

    runtime: str
    install: str
    python: str
    build: str
    docker: str
    notes: Sequence[str]


def worker_commands(inference: Inference, token: str) -> WorkerCommands:
    """Return the commands for workers of an inference, with the addresses for programs elsewhere."""
    settings = environment()
    model = inference_plan(inference).model
    runtime = "onnx" if ONNX_FILE in model.artifacts else model.framework.value
    url, servers = settings.backend_url, settings.sink_bootstrap_servers or settings.kafka.bootstrap_servers
    options = f"--url {shlex.quote(url)} --inference {inference.pk}"
    onnx = runtime == "onnx"
    extra = "worker" if onnx else FRAMEWORKS[model.framework].extra
    component = "worker" if onnx else f"model_inference_{runtime}"
    image = worker_image(component)
    # The image of a framework starts a replica by default; with the token it becomes a worker elsewhere.
    program = "" if onnx else " python -P -m kafka_ml_cli.main worker run"
    inside = _is_loopback(url) or any(_is_loopback(part) for part in servers.split(","))
    network = "--network host " if inside else ""
    return WorkerCommands(
        runtime=runtime,
        install=f'pip install ".[{extra}]"',
        python=f"kafka-ml worker run {options} --token {token}",
        build=f"docker build --target {component} -t {image} .",
        docker=(
            f'docker run -d --restart unless-stopped {network}--hostname "$(hostname)" '
            f"-e KML_WORKER_TOKEN={token} {image}{program} {options}"
        ),
        notes=[
            *_note(url, url, "The platform", "KML_BACKEND_URL"),
            *_note(servers, servers.partition(",")[0], "Kafka", "KML_SINK_BOOTSTRAP_SERVERS"),
        ],
    )


def _note(address: str, first: str, what: str, setting: str) -> list[str]:
    if not _is_loopback(first):
        return []
    note = (
        f"{what} is at {address}, an address of the platform's own machine: from another one it is reached through a "
        f"tunnel that makes it the same there, or at the address that {setting} says"
    )
    return [note]


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).netloc if "://" in address else address
    return host.startswith(_LOOPBACK)
