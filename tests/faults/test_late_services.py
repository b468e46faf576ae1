"""Kafka or the database is absent when everything else starts, and comes later: all is ready soon after."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import numpy as np
import pytest

from backend import config
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.control import ControlMessage, deployment_id_to_key
from kafkaml.errors import ApiError
from kafkaml.input_format import InputFormat
from kafkaml.local.state import StateDir
from kafkaml.records import OutgoingRecord
from kafkaml.sdk import Client
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange
from tests.conftest import TestBroker
from tests.faults.inference_fleet import inference
from tests.model_inference.replicas import InferenceUnderTest
from tests.postgresql import PostgreSQL
from tests.soak_record import SoakRecord
from tests.support import eventually, soaking

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(1800)]

ROUNDS = 4 if soaking() else 1
# Without a soak this only detects a start that waits for some time limit, because others use the machine too.
READY_SECONDS = 15 if soaking() else 90
ANNOUNCEMENT = ControlMessage((StreamRange("mnist", 0, 0, 100),), InputFormat.RAW).to_bytes()
KEY = deployment_id_to_key(7)


class Services:
    """The web server, the controller and the control logger, each a process that nobody restarts. Context manager.

    The path of ``folder`` must be short, because sockets are in it.
    """

    def __init__(self, folder: Path, *, bootstrap_servers: str, database_url: str = "") -> None:
        self.state = StateDir(folder / "state")
        self.state.prepare()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        # Others use the broker too.
        self._control_topic = f"control-{uuid.uuid4().hex[:8]}"
        self._kafka = KafkaSettings(bootstrap_servers=bootstrap_servers)
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "KML_STATE_DIR": str(self.state.root),
            "KML_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "KML_BACKEND_URL": self.url,
            "KML_CONTROL_TOPIC": self._control_topic,
            "KML_CONTROL_GROUP": self._control_topic,
            "KML_WARM_WORKERS": "false",
            **({"KML_DATABASE_URL": database_url} if database_url else {}),
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self._token = ""

    def set_up(self) -> None:
        """Make the tables, and a token for the client."""
        done = self._run("-m", "backend.manage", "set_up", "--token-days", "1")
        self._token = done.stdout.strip()

    @cached_property
    def client(self) -> Client:
        """A client with the rights of an administrator; needs the tables."""
        return Client(self.url, self._token)

    def leave_in_outbox(self) -> None:
        """Leave an announcement in the database, as a request does while Kafka is absent."""
        row = f"OutboxMessage.objects.create(topic={self._control_topic!r}, key={KEY!r}, value={ANNOUNCEMENT!r})"
        setting_up = "import django; django.setup(); from backend.streams.models import OutboxMessage"
        self._run("-c", f"{setting_up}; {row}")

    def start(self) -> None:
        server = ["gunicorn", "-c", f"python:{config.__name__}.gunicorn", "--bind", f"fd://{self._listener.fileno()}"]
        for command in (
            [*server, f"{config.__name__}.asgi:application"],
            ["backend.manage", "controller"],
            ["kafka_control_logger"],
        ):
            with self._log_path(command[0]).open("wb") as log:
                descriptors = [self._listener.fileno()]
                arguments = [sys.executable, "-m", *command]
                self._processes.append(
                    subprocess.Popen(arguments, env=self._env, stdout=log, stderr=log, pass_fds=descriptors)
                )

    def stop(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def log(self, module: str) -> str:
        return self._log_path(module).read_text(errors="replace")

    def check(self) -> None:
        """Fail if a process has ended, because in a cluster it would be restarted with ever longer pauses."""
        assert [process.args for process in self._processes if process.poll() is not None] == []

    def is_live(self) -> bool:
        return httpx.get(f"{self.url}/api/health/live/", timeout=5).status_code == 200

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/api/health/ready/", timeout=30).status_code == 200

    def announce(self) -> None:
        """Send an announcement as sinks do."""
        writer = KafkaRecordWriter(self._kafka)
        writer.write(OutgoingRecord(self._control_topic, ANNOUNCEMENT, KEY))
        writer.flush(60)
        writer.close()

    def has_registered(self, count: int) -> bool:
        self.check()
        return len(self.client.streams.list()) == count

    def lists_topics(self) -> bool:
        return self._control_topic in {topic.name for topic in self.client.topics.list()}

    def leads(self) -> bool:
        return "this controller leads" in self.log("backend.manage")

    def _log_path(self, module: str) -> Path:
        return self.state.logs / f"{module}.log"

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {**self._env, "DJANGO_SETTINGS_MODULE": "backend.config.settings"}
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        if client := self.__dict__.get("client"):
            client.close()
        self._listener.close()


@contextmanager
def _black_hole(address: str) -> Iterator[None]:
    """Take the address so that connections to it are neither made nor refused, as behind a firewall."""
    host, _, port = address.rpartition(":")
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(0)
        # The kernel drops what comes once the queue of connections that nobody accepts is full.
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((host, int(port)))
        yield


@contextmanager
def _nothing(_address: str) -> Iterator[None]:
    """Leave the address to nobody: connections to it are refused."""
    yield


def _in_time(began: float, what: str) -> None:
    seconds = time.monotonic() - began
    assert seconds <= READY_SECONDS, f"{what} took {seconds:.1f} s: expected {READY_SECONDS} s at most"


def test_kafka_comes_after_everything_else(
    own_broker: TestBroker, state_dir: Path, tmp_path_factory: pytest.TempPathFactory, soak: SoakRecord
) -> None:
    soak.begin("R13 Kafka")
    own_broker.start()
    with (
        inference(state_dir, own_broker) as under_test,
        Services(tmp_path_factory.mktemp("late"), bootstrap_servers=own_broker.bootstrap_servers) as services,
    ):
        services.set_up()
        for number in range(ROUNDS):
            absence = (_nothing, _black_hole)[number % 2]
            own_broker.stop()
            with absence(own_broker.bootstrap_servers):
                services.start()
                services.leave_in_outbox()
                replica = under_test.start()
                eventually(services.is_ready, 90, ignoring=(httpx.HTTPError,))
                eventually(services.leads, 60)
                eventually(lambda: "cannot be carried outside now" in services.log("backend.manage"), 90)
                eventually(lambda: "Kafka cannot be used now" in services.log("kafka_control_logger"), 90)
                eventually(lambda: under_test.states, 90)
                with pytest.raises(ApiError) as refused:
                    services.client.topics.list()
                assert refused.value.status in {503, 504}
                assert own_broker.bootstrap_servers in refused.value.message
            own_broker.start()
            began = time.monotonic()
            with soak.recovery():
                eventually(services.lists_topics, 90, ignoring=(ApiError,))
                eventually(partial(services.has_registered, number + 1), 90)
                eventually(lambda: "assigned" in under_test.newest_log.read_text(errors="replace"), 90)
            _in_time(began, f"round {number}")
            _write_sample(own_broker, under_test.input_topic)
            eventually(partial(_has_answered, under_test, number + 1), 60)
            replica.terminate()
            replica.wait(30)
            services.stop()
    soak.did(f"{ROUNDS} starts without it, refused or unanswered in turn")


def _has_answered(under_test: InferenceUnderTest, count: int) -> bool:
    return len(under_test.outputs()) == count


def _write_sample(broker: TestBroker, topic: str) -> None:
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    writer.write(OutgoingRecord(topic, np.ones(4, "<f4").tobytes(), b""))
    writer.flush(60)
    writer.close()


class Writer:
    """Writes through the API without a pause, and keeps what was acknowledged. A context manager."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.acknowledged: set[str] = set()
        self.refusals: list[ApiError] = []

    def _run(self) -> None:
        while not self._stop.is_set():
            name = f"user-{uuid.uuid4().hex[:12]}"
            try:
                self._client.users.create(username=name, role="viewer", password="")
                self.acknowledged.add(name)
            except ApiError as error:
                self.refusals.append(error)

    def was_refused(self) -> bool:
        return bool(self.refusals)

    def writes_again(self) -> None:
        before = len(self.acknowledged)
        eventually(lambda: len(self.acknowledged) > before, 90, what="another write")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(60)


def _await_complaints(services: Services) -> None:
    """Wait until everything that needs the database says that it is absent."""
    eventually(services.is_live, 90, ignoring=(httpx.HTTPError,))
    assert not services.is_ready()
    services.announce()
    eventually(lambda: "the controller cannot work now" in services.log("backend.manage"), 90)
    eventually(lambda: "not registered yet" in services.log("kafka_control_logger"), 90)


def _await_ready(services: Services, soak: SoakRecord, *, announcements: int) -> None:
    """Wait until the database is used by everything that was started without it, and check the time."""
    began = time.monotonic()
    with soak.recovery():
        eventually(services.is_ready, 90, what="the web server")
        eventually(services.leads, 90, what="the controller")
        eventually(partial(services.has_registered, announcements), 90, what="the announcement", ignoring=(ApiError,))
    _in_time(began, "the return to work")


def test_the_database_comes_after_everything_else(
    broker: TestBroker, tmp_path_factory: pytest.TempPathFactory, soak: SoakRecord
) -> None:
    soak.begin("R13 database")
    for _ in range(ROUNDS):
        folder = tmp_path_factory.mktemp("sqlite")
        with Services(folder, bootstrap_servers=broker.bootstrap_servers) as services:
            services.start()
            _await_complaints(services)
            services.set_up()
            _await_ready(services, soak, announcements=1)
    restarts = _start_before_postgresql(broker, tmp_path_factory.mktemp("postgresql"), soak) if soaking() else 0
    soak.did(f"{ROUNDS} starts without SQLite's file, {restarts} without PostgreSQL, which was restarted as often")


def _start_before_postgresql(broker: TestBroker, folder: Path, soak: SoakRecord) -> int:
    with (
        PostgreSQL() as server,
        Services(folder, bootstrap_servers=broker.bootstrap_servers, database_url=server.url) as services,
    ):
        services.set_up()
        for number in range(1, ROUNDS + 1):
            server.stop()
            services.start()
            _await_complaints(services)
            server.start()
            _await_ready(services, soak, announcements=number)
            with Writer(services.client) as writer:
                writer.writes_again()
                server.stop()
                eventually(writer.was_refused, 60)
                server.start()
                began = time.monotonic()
                with soak.recovery():
                    writer.writes_again()
                _in_time(began, "the return after a restart")
            assert {error.status for error in writer.refusals} == {503}
            assert writer.acknowledged <= {user.username for user in services.client.users.list()}
            services.stop()
    return ROUNDS
