"""The Kafka of the local overlay, run as in its pod: its own start script and settings, with a real broker."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from platform_local.broker import find_java
from platform_local.jars import BROKER_JARS
from platform_local.ports import free_port
from platform_local.processes import end_processes, spawn
from tests.k8s.render import K8S, find, render
from tests.support import eventually

# The limit is long because the tests start Java three times.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

QUIET = {"log_level": 0}


class PodOfKafka:
    """The pod's container, with folders and ports of this test in place of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {port: free_port() for port in (9092, 9093, 9094, 9095)}
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "log"
        self._write_programs()
        for name in ("configuration", "volume", "tmp"):
            (folder / name).mkdir()
        for name, text in find(render(K8S / "overlays/local"), "ConfigMap", "kafka")["data"].items():
            (folder / "configuration" / name).write_text(self._moved(text))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def exit_status(self, timeout_seconds: float) -> int:
        assert self._process is not None
        return self._process.wait(timeout_seconds)

    def address(self, port: int) -> str:
        return f"127.0.0.1:{self._ports[port]}"

    def start(self, **env: str) -> None:
        base = {"PATH": os.environ["PATH"], "POD_NAMESPACE": "nowhere", **env}
        with self.log.open("ab") as log:
            self._process = spawn(
                ["bash", str(self._folder / "configuration/start.sh")], env=base, cwd=self._folder, output=log
            )
        eventually(self._answers, 120, interval_seconds=0.3, ignoring=(KafkaException,))

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            end_processes([psutil.Process(self._process.pid)], grace_seconds=30)
            self._process.wait(10)

    def cluster_id(self, port: int = 9094) -> str:
        return str(self._metadata(port).cluster_id)

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            pytest.fail(f"the broker ended: {self.log.read_text()[-2000:]}")
        return bool(self.cluster_id())

    def advertised(self, port: int) -> str:
        """The address that a client of ``port`` gets for later connections."""
        (broker,) = self._metadata(port).brokers.values()
        return f"{broker.host}:{broker.port}"

    def named(self, port: int) -> int:
        return self._ports[port]

    def _metadata(self, port: int) -> object:
        return AdminClient({"bootstrap.servers": self.address(port), **QUIET}).list_topics(timeout=30)

    def _moved(self, text: str) -> str:
        folders = {
            "/opt/kafka/bin/": "bin/",
            "/etc/kafka-ml/": "configuration/",
            "/var/lib/kafka/": "volume/",
            "/tmp/": "tmp/",
        }
        text = re.sub("|".join(folders), lambda match: f"{self._folder}/{folders[match[0]]}", text)
        return re.sub(r":(909[2-5])\b", lambda match: f":{self._ports[int(match[1])]}", text)

    def _write_programs(self) -> None:
        """The image's two programs, as far as the start script uses them."""
        class_path = os.pathsep.join(str(jar) for jar in BROKER_JARS.ensure())
        (self._folder / "bin").mkdir()
        for name, main in (("kafka-storage.sh", "kafka.tools.StorageTool"), ("kafka-server-start.sh", "kafka.Kafka")):
            program = self._folder / "bin" / name
            program.write_text(
                f'#!/bin/bash\nexec {find_java()} -Xmx512m -XX:+UseSerialGC -cp "{class_path}" {main} "$@"\n'
            )
            program.chmod(0o755)


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[PodOfKafka]:
    made = PodOfKafka(tmp_path)
    yield made
    made.end()


def transaction(address: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": address, "transactional.id": "one", **QUIET})
    producer.init_transactions(60)
    producer.begin_transaction()
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=number % 2)
    producer.commit_transaction(60)


def committed(address: str, topic: str, count: int) -> set[bytes]:
    settings: Mapping[str, object] = {
        "bootstrap.servers": address,
        "group.id": os.urandom(4).hex(),
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        **QUIET,
    }
    consumer = Consumer(dict(settings))
    consumer.subscribe([topic])
    seen: set[bytes] = set()

    def all_there() -> bool:
        message = consumer.poll(0.5)
        if message is not None and not message.error():
            seen.add(message.value())
        return len(seen) == count

    try:
        eventually(all_there, 90)
    finally:
        consumer.close()
    return seen


def test_the_broker_commits_transactions_without_leaving_its_pod_and_finds_its_data_again(pod: PodOfKafka) -> None:
    # The name of the Service leads nowhere here, as for a pod that may call nobody.
    pod.start(EXTERNAL_ADDRESS="node.example.com:30095")
    assert pod.advertised(9092) == f"kafka.nowhere.svc:{pod.named(9092)}"
    assert pod.advertised(9094) == f"localhost:{pod.named(9094)}"
    assert pod.advertised(9095) == "node.example.com:30095"
    cluster = pod.cluster_id()
    admin = AdminClient({"bootstrap.servers": pod.address(9094), **QUIET})
    admin.create_topics([NewTopic("samples", 2, 1)])["samples"].result(timeout=30)
    transaction(pod.address(9094), "samples", [b"a", b"b", b"c"])
    assert committed(pod.address(9094), "samples", 3) == {b"a", b"b", b"c"}
    # The script replaced itself by the broker, so the broker gets the signal that ends the pod.
    os.kill(pod.pid, signal.SIGTERM)
    assert pod.exit_status(120) == 143
    pod.start()
    assert pod.cluster_id() == cluster
    assert committed(pod.address(9094), "samples", 3) == {b"a", b"b", b"c"}
