"""The embedded broker is a real Kafka that starts, stops, dies and comes back on its port."""

from __future__ import annotations

import socket
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from kafkaml.errors import RefusedError
from platform_local.broker import EmbeddedBroker, broker_answers
from platform_local.class_archive import make_archive
from tests.conftest import TestBroker
from tests.support import eventually

pytestmark = pytest.mark.integration


def _write(bootstrap_servers: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers})
    producer.produce(topic, value)
    assert producer.flush(60) == 0


def _read_first(bootstrap_servers: str, topic: str) -> bytes | None:
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "test", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        message = consumer.poll(60)
        return message.value() if message is not None and message.error() is None else None
    finally:
        consumer.close()


def test_a_topic_has_the_partitions_and_settings_asked_for(broker: TestBroker) -> None:
    topic = broker.topic(partitions=3, retention_ms=5000)
    _write(broker.bootstrap_servers, topic, b"hello")
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    assert len(producer.list_topics(topic, timeout=10).topics[topic].partitions) == 3


def test_data_and_port_survive_a_kill(own_broker: TestBroker) -> None:
    own_broker.start()
    address = own_broker.bootstrap_servers
    topic = own_broker.topic()
    _write(address, topic, b"kept")
    own_broker.kill()
    assert not broker_answers(address)
    own_broker.start()
    assert own_broker.bootstrap_servers == address
    assert _read_first(address, topic) == b"kept"


def test_the_broker_starts_from_the_archive_of_its_classes(broker: TestBroker) -> None:
    archive = make_archive()
    assert broker.pid is not None
    assert str(archive) in {memory_map.path for memory_map in psutil.Process(broker.pid).memory_maps()}


@pytest.mark.parametrize("content", [b"", b"no archive at all " * 10_000])
def test_an_archive_that_does_not_fit_is_passed_over(
    own_broker: TestBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    broken = tmp_path / "classes.jsa"
    broken.write_bytes(content)
    monkeypatch.setattr("platform_local.class_archive.archive_path", lambda *_: broken)
    own_broker.start()
    eventually(lambda: broker_answers(own_broker.bootstrap_servers))


def test_another_object_on_the_same_folder_finds_data_and_port_again_or_takes_another_port(tmp_path: Path) -> None:
    with TestBroker(tmp_path) as first:
        topic = first.topic()
        _write(first.bootstrap_servers, topic, b"kept")
    with TestBroker(tmp_path) as second:
        assert second.port == first.port
        assert _read_first(second.bootstrap_servers, topic) == b"kept"
    with socket.create_server(("127.0.0.1", first.port)), TestBroker(tmp_path) as third:
        assert third.port != first.port
        assert _read_first(third.bootstrap_servers, topic) == b"kept"


def test_a_port_insisted_on_is_refused_with_its_holder(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RefusedError, match=f"port {port} .* taken by process {psutil.Process().pid}"):
            EmbeddedBroker(tmp_path, port=port).start()


def test_a_second_broker_on_the_same_folder_is_refused(broker: TestBroker) -> None:
    with pytest.raises(RefusedError, match="runs already"):
        EmbeddedBroker(broker.data_dir).start()


def test_it_listens_on_the_loopback_address_only(broker: TestBroker) -> None:
    connections = psutil.Process(broker.pid).net_connections(kind="tcp")
    listening = [connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN]
    assert listening
    assert all(address in ("127.0.0.1", "::ffff:127.0.0.1") for address in listening)


def test_a_paused_broker_answers_again_after_resuming_and_leaves_nothing_when_stopped(own_broker: TestBroker) -> None:
    own_broker.start()
    own_broker.pause()
    # A halted process still answers briefly, until its threads have stopped.
    eventually(lambda: not broker_answers(own_broker.bootstrap_servers, timeout_seconds=0.3))
    own_broker.resume()
    eventually(lambda: broker_answers(own_broker.bootstrap_servers))
    pid = own_broker.pid
    assert pid is not None
    own_broker.stop()
    assert not psutil.pid_exists(pid)
    assert not own_broker.is_running
