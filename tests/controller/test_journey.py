"""Steps (2) to (4) with only the training faked: announcement, control logger, API, controller, worker."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from kafkaml.confluent import KafkaRecordWriter
from kafkaml.control import ControlMessage, deployment_id_to_key
from kafkaml.input_format import InputFormat
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange
from tests.controller.conftest import Platform
from tests.support import eventually

pytestmark = pytest.mark.integration


@contextmanager
def running(platform: Platform, *arguments: str, descriptor: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    with (platform.state / "services.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=platform.env,
            stdout=log,
            stderr=log,
            pass_fds=[] if descriptor is None else [descriptor],
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_an_announcement_starts_its_training_once(broker_platform: Platform) -> None:
    platform = broker_platform
    (platform.state / "secrets").mkdir(exist_ok=True)
    (platform.state / "secrets" / "service_token").write_text("a-service-token-of-sufficient-length")
    topic = f"control-{os.getpid()}-{time.time_ns()}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        platform.env |= {"KML_BACKEND_URL": url, "KML_CONTROL_TOPIC": topic, "KML_WARM_WORKERS": "true"}
        bind = ["--bind", f"fd://{listener.fileno()}", "--worker-class", "asgi", "--no-control-socket"]
        server = ["gunicorn", "backend.config.asgi:application", *bind]
        with (
            running(platform, *server, descriptor=listener.fileno()),
            running(platform, "kafka_control_logger"),
        ):
            platform.leads(platform.controller())
            eventually(lambda: httpx.get(f"{url}/api/health/live/").status_code == 200, 90, ignoring=(httpx.HTTPError,))
            eventually(lambda: "relaying" in (platform.state / "services.log").read_text(), 90)
            pk = platform.add_training(ready=False)
            deployment = platform.deployment_of(pk=pk)
            message = ControlMessage((StreamRange("mnist", 0, 0, 100),), InputFormat.RAW)
            record = OutgoingRecord(topic, message.to_bytes(), deployment_id_to_key(deployment))
            announced = _announce(platform, record, record)
            eventually(lambda: len(platform.starts()) == 1, 60)
            seconds = float(platform.starts()[0][0]) - announced
            print(f"announcement acknowledged -> worker's main: {seconds * 1000:.0f} ms")
            platform.gate(pk, "finish")
            eventually(lambda: platform.get(kind="training", pk=pk)["state"] == "finished", 60)
            eventually(lambda: platform.announcements() == 2, 60)
    assert len(platform.starts()) == 1


def _announce(platform: Platform, *records: OutgoingRecord) -> float:
    writer: Any = KafkaRecordWriter(KafkaSettings(bootstrap_servers=platform.env["KML_KAFKA_BOOTSTRAP_SERVERS"]))
    for record in records:
        writer.write(record)
    writer.flush(60)
    writer.close()
    return time.time()
