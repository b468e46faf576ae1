"""EmbeddedBroker: a real Apache Kafka of one KRaft node, for a laptop and for tests.

Everything it keeps is in one data folder, formatted on first use. It listens on the loopback address only, on ports
that it remembers, so that clients find it again after a restart. Java 17 or newer runs it.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import orjson
import psutil

from kafkaml.errors import BrokenError, BrokerTimeout, RefusedError
from platform_local.class_archive import archive_options
from platform_local.jars import BROKER_JARS, KAFKA_VERSION
from platform_local.ports import LOOPBACK, describe_holder, free_port, is_free
from platform_local.processes import end_processes, forget_pid, read_pid, record_pid, spawn

__all__ = [
    "OLD_EXAMPLES_PORT",
    "EmbeddedBroker",
    "broker_answers",
    "find_java",
    "java_environment",
    "java_version",
    "listens_for_old_examples",
    "remembered_ports",
]

MINIMUM_JAVA = 17
# All examples of Kafka-ML 1.0 connect to this port: they say boostrap_servers='localhost:9094'.
OLD_EXAMPLES_PORT = 9094

_PORTS_FILE = "ports.json"
_SETTINGS_FILE = "server.properties"

# Serial collection and a small heap suit one node for one user. Kafka's own default is 1 GB and G1, which starts
# slower.
_JAVA_OPTIONS = ("-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-Djava.awt.headless=true")
_LOG_OPTIONS = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
)

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}{also}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}{also}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,ALSO:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={log_dir}
num.partitions=1
default.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A data set is a slice of the log: an announced slice should be there when its training starts, and for training again.
# Retention goes by the records' own times, so of history written today nothing would be left after minutes. Size is the
# limit instead, for each partition.
log.retention.ms=-1
log.retention.bytes=2147483648
log.segment.bytes=268435456
# Preallocating 10 MB of index for each of the many small partitions of a laptop only costs disk.
log.index.size.max.bytes=2097152
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
auto.create.topics.enable=true
"""


def find_java() -> str:
    """Return the path of a Java that can run the broker; raises BrokenError saying what is missing."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    hint = f"install Java {MINIMUM_JAVA} or newer (Debian: apt-get install openjdk-17-jre-headless)"
    if java is None or not Path(java).is_file():
        raise BrokenError("no Java on PATH or in JAVA_HOME: the embedded broker needs it", hint=hint)
    return java


def java_version(java: str) -> int:
    """Return the major version of ``java``; raises BrokenError when it does not answer."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=True).stderr
    except (OSError, subprocess.SubprocessError) as error:
        raise BrokenError(f"{java} -version failed: {error}") from error
    match = re.search(r'version "(?:1\.)?(\d+)', answer)
    if match is None:
        raise BrokenError(f"{java} -version answered {answer[:80]!r}: expected a version")
    return int(match.group(1))


def remembered_ports(data_dir: Path) -> tuple[int, int]:
    """Return the client and the controller port of the last start in ``data_dir``, 0 where there was none."""
    try:
        port, controller_port = orjson.loads((data_dir / _PORTS_FILE).read_bytes())
        return int(port), int(controller_port)
    except (OSError, ValueError, TypeError):
        return 0, 0


def listens_for_old_examples(data_dir: Path) -> bool:
    """Whether the broker of ``data_dir`` was last started with a listener at the port of Kafka-ML 1.0's examples."""
    try:
        return f":{OLD_EXAMPLES_PORT}" in (data_dir / _SETTINGS_FILE).read_text(encoding="utf-8")
    except OSError:
        return False


def broker_answers(bootstrap_server: str, *, timeout_seconds: float = 1.0) -> bool:
    """Return whether a plaintext broker answers a Metadata request and knows itself as part of a working cluster.

    An open port proves nothing, because Kafka listens before it is ready. The request is a few bytes written here,
    because a full client would take longer to start than the broker takes to answer.
    """
    host, _, port = bootstrap_server.rpartition(":")
    # The request is Metadata, version 4, correlation 1, client "kafka-ml", for no topics and without creating any.
    body = struct.pack(">hhih8sib", 3, 4, 1, 8, b"kafka-ml", 0, 0)
    try:
        with socket.create_connection((host, int(port)), timeout=timeout_seconds) as connection:
            connection.settimeout(timeout_seconds)
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = _receive(connection, struct.unpack(">i", _receive(connection, 4))[0])
    except (OSError, ValueError, struct.error):
        return False
    # The response begins with correlation, throttle time and number of brokers. An unregistered node reports no broker.
    _, _, brokers = struct.unpack_from(">iii", answer)
    return bool(brokers > 0)


def _receive(connection: socket.socket, count: int) -> bytes:
    if not 0 <= count <= 1 << 20:
        raise ValueError(f"an answer of {count} bytes is not Kafka's")
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionResetError("the broker closed the connection")
        data += part
    return data


class EmbeddedBroker:
    """One Kafka node with its data in ``data_dir``; a context manager that starts and stops it.

    ``port`` None takes the port of the last start when it is free, any free one otherwise. With ``end_with_parent``
    the broker never outlives the process that started it. ``java_options`` are added to Java's options. ``also_port``
    is a second port for clients, taken at each start if it is free then.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        log_path: Path | None = None,
        end_with_parent: bool = True,
        java_options: Sequence[str] = (),
        also_port: int = 0,
    ) -> None:
        self.data_dir = data_dir
        self.log_path = log_path or data_dir / "broker.log"
        self._wanted_port = port
        self._end_with_parent = end_with_parent
        self._java_options = tuple(java_options)
        self._also_port = also_port
        self._pid_path = data_dir / "broker.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or 0

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` for clients; meaningful once started."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._process.pid if self.is_running and self._process is not None else None

    @property
    def is_running(self) -> bool:
        """Whether the process is alive, ready or not."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, timeout_seconds: float = 60) -> None:
        """Start the broker and return when it answers; does nothing when it runs.

        Raises RefusedError when the port or the data folder is in use, BrokenError with the end of its log when it
        ends, BrokerTimeout when it does not answer in time.
        """
        if self.is_running:
            return
        command = self.prepare()
        with self.log_path.open("ab") as log:
            self._process = spawn(
                command,
                env=java_environment(),
                cwd=self.data_dir,
                output=log,
                end_with_parent=signal.SIGTERM if self._end_with_parent else None,
            )
        record_pid(self._pid_path, self._process.pid)
        self._await_answer(timeout_seconds)

    def prepare(self) -> list[str]:
        """Format the data folder on first use, choose ports, write the settings; return the command that starts it."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        running = read_pid(self._pid_path)
        if running is not None:
            raise RefusedError(
                f"the broker of {self.data_dir} runs already as process {running.pid}",
                hint="stop it first (kafka-ml down), or use another data folder",
            )
        java = find_java()
        class_path = os.pathsep.join(str(jar) for jar in BROKER_JARS.ensure())
        self._choose_ports()
        settings = self.data_dir / _SETTINGS_FILE
        also = self._also_port
        if also in (self.port, self._controller_port) or not is_free(also):
            also = 0
        text = self._settings_text(f",ALSO://{LOOPBACK}:{also}" if also else "")
        settings.write_text(text, encoding="utf-8")
        if not (self.data_dir / "log" / "meta.properties").exists():
            self._format([java, "-XX:TieredStopAtLevel=1", *archive_options(java), "-cp", class_path], settings)
        options = [*_JAVA_OPTIONS, *archive_options(java), *self._java_options, *_LOG_OPTIONS]
        return [java, *options, "-cp", class_path, "kafka.Kafka", str(settings)]

    def stop(self, *, timeout_seconds: float = 20) -> None:
        """End the broker in order (logs flushed, quick next start); kills it after ``timeout_seconds``."""
        if self._process is not None and self.is_running:
            self.resume()
            end_processes([psutil.Process(self._process.pid)], grace_seconds=timeout_seconds)
        self._reap()

    def kill(self) -> None:
        """End the broker at once, as a power failure would (SIGKILL)."""
        if self._process is not None and self.is_running:
            self._process.kill()
        self._reap()

    def resume(self) -> None:
        """Resume a frozen broker (SIGSTOP)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _choose_ports(self) -> None:
        remembered_port, controller_port = remembered_ports(self.data_dir)
        # A port that this object used before comes first, so that its clients find the broker again whatever happened
        # to the file.
        wanted = self._wanted_port or self.port or remembered_port
        if self._wanted_port and not is_free(wanted):
            raise RefusedError(
                f"port {wanted} for the broker is taken by {describe_holder(wanted)}",
                hint="stop that process, or give another port",
            )
        self.port = wanted if wanted and is_free(wanted) else free_port()
        self._controller_port = controller_port if controller_port and is_free(controller_port) else free_port()
        (self.data_dir / _PORTS_FILE).write_bytes(orjson.dumps([self.port, self._controller_port]))

    def _settings_text(self, also: str) -> str:
        """Return the node's settings; ``also`` is a further listener, with a comma before it, or empty."""
        return _PROPERTIES.format(
            host=LOOPBACK,
            port=self.port,
            controller_port=self._controller_port,
            also=also,
            log_dir=self.data_dir / "log",
        )

    def _format_arguments(self) -> list[str]:
        """Return how Kafka's tool is to format the data folder: as a new cluster of one node."""
        return ["--standalone", "-t", _random_cluster_id()]

    def _format(self, java: Sequence[str], settings: Path) -> None:
        command = [*java, "kafka.tools.StorageTool", "format", *self._format_arguments(), "-c", str(settings)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=java_environment(), cwd=self.data_dir
        )
        if done.returncode:
            raise BrokenError(
                f"Kafka {KAFKA_VERSION} could not format {self.data_dir}: {(done.stderr or done.stdout)[-1000:]}",
                hint="check that the folder is writable and the disk has room",
            )

    def _await_answer(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not broker_answers(self.bootstrap_servers):
            if not self.is_running:
                code = self._process.returncode if self._process else None
                self._reap()
                raise BrokenError(
                    f"the broker ended with status {code} while starting: {self._log_tail()}",
                    hint=f"its log is {self.log_path}; kafka-ml doctor checks Java, disk and memory",
                )
            if time.monotonic() > deadline:
                self.kill()
                raise BrokerTimeout(
                    f"the broker did not answer at {self.bootstrap_servers} within {timeout_seconds:g} s",
                    hint=f"its log is {self.log_path}",
                )
            time.sleep(0.05)

    def _log_tail(self) -> str:
        with self.log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 1500))
            return log.read().decode(errors="replace")

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait(timeout=10)
            self._process = None
        forget_pid(self._pid_path)


def _random_cluster_id() -> str:
    """A random id in Kafka's spelling: 22 characters of URL-safe base64, never a leading hyphen (an option)."""
    value = bytearray(uuid.uuid4().bytes)
    value[0] &= 0x7F
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def java_environment() -> dict[str, str]:
    """Java needs little of our environment, and no option of someone else's (KAFKA_OPTS, JAVA_TOOL_OPTIONS)."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
