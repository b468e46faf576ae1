"""Connections to Kafka for looking at records, refused immediately without a broker."""

from __future__ import annotations

import socket

from backend.config.environment import environment
from kafkaml.confluent import TopicBrowser, TopicSampler
from kafkaml.errors import BrokerTimeout
from kafkaml.settings import KafkaSettings

__all__ = ["REQUEST_SECONDS", "broker_answers", "open_browser", "open_sampler"]

REQUEST_SECONDS = 5.0
_BROKER_SECONDS = 1.5


def open_browser(kafka: KafkaSettings | None = None) -> TopicBrowser:
    """Return a browser of a cluster, by default the platform's; BrokerTimeout at once when no broker is there."""
    return TopicBrowser(_answering(kafka), request_timeout_seconds=REQUEST_SECONDS)


def open_sampler(kafka: KafkaSettings | None = None) -> TopicSampler:
    """Return a sampler of a cluster, as ``open_browser`` does a browser."""
    return TopicSampler(_answering(kafka), request_timeout_seconds=REQUEST_SECONDS)


def _answering(kafka: KafkaSettings | None) -> KafkaSettings:
    kafka = kafka or environment().kafka
    if not broker_answers(kafka.bootstrap_servers):
        raise BrokerTimeout(
            f"Kafka at {kafka.bootstrap_servers} does not answer",
            hint="start it (kafka-ml up), or check KML_KAFKA_BOOTSTRAP_SERVERS",
        )
    return kafka


def broker_answers(bootstrap_servers: str) -> bool:
    """Whether any of the servers accepts a connection, which does not mean that it answers requests."""
    for address in bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=_BROKER_SECONDS):
                return True
        except (OSError, ValueError):
            continue
    return False
