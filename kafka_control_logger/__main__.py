"""``python -m kafka_control_logger``: wires the relay from settings and runs it until SIGTERM.

Waits for Kafka whenever it is unavailable, also at the start. Writes two signs of life every few seconds, while the
relay moves or waits: ``<state>/run/control-logger.json`` for probes of its own machine, and one to the backend for the
system page.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafka_control_logger.announcements import HttpAnnouncements
from kafka_control_logger.heartbeats import HttpHeartbeats
from kafka_control_logger.prometheus import RelayMetrics
from kafka_control_logger.relay import ControlRelay
from kafkaml.confluent import KafkaAdmin, KafkaGroupReader, KafkaRecordWriter
from kafkaml.control import DEFAULT_CONTROL_TOPICS, control_topics
from kafkaml.dead_letters import dead_letter_topic
from kafkaml.errors import BrokerError
from kafkaml.logs import configure_logs, get_logger
from kafkaml.prometheus import MetricsServer, ProcessMetrics
from kafkaml.settings import KafkaSettings, default_state_dir
from kafkaml.sign_of_life import SignOfLife

logger = get_logger(__name__)

_GROUP = "kafka-ml-control-logger"
_KAFKA_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.2
_MAX_PAUSE_SECONDS = 5.0


class ControlLoggerSettings(BaseSettings):
    """Settings of the control logger (prefix ``KML_``)."""

    model_config = SettingsConfigDict(env_prefix="KML_", extra="ignore", frozen=True)

    backend_url: str = "http://127.0.0.1:8000"
    control_topic: str = Field(
        DEFAULT_CONTROL_TOPICS,
        description="topics of announcements, comma-separated; sinks of Kafka-ML 1.0 use control",
    )
    control_group: str = Field(_GROUP, description="consumer group; a new one registers everything again, harmlessly")
    control_instance: str = Field(
        default_factory=socket.gethostname, description="lasting name of this logger in the group; unique within it"
    )
    service_token_file: str = Field("", description="empty: <state_dir>/secrets/service_token")
    state_dir: Path = Field(default_factory=default_state_dir)

    @property
    def token_file(self) -> Path:
        """The secret shared with the backend."""
        given = self.service_token_file
        return Path(given) if given else self.state_dir / "secrets" / "service_token"

    def service_token(self) -> str:
        """Read the secret from its file at each call, so that it may change; raises OSError without the file."""
        return self.token_file.read_text(encoding="utf-8").strip()

    @property
    def control_topics(self) -> tuple[str, ...]:
        """The control topics that are read."""
        return control_topics(self.control_topic)

    @property
    def dead_letter_topic(self) -> str:
        """The topic for records of all control topics that are not announcements."""
        return dead_letter_topic(self.control_topics[0])


def _run_once(
    settings: ControlLoggerSettings,
    kafka: KafkaSettings,
    life: Callable[[str], None],
    metrics: RelayMetrics,
    stop: threading.Event,
) -> None:
    """Connect and relay until ``stop``; raises BrokerError when Kafka is or becomes unusable."""
    admin = KafkaAdmin(kafka, timeout_seconds=_KAFKA_SECONDS)
    cluster = admin.cluster_id()
    for topic in (*settings.control_topics, settings.dead_letter_topic):
        if not admin.partition_count(topic):
            admin.create_topic(topic)
    topics = settings.control_topics
    reader = KafkaGroupReader(kafka, topics=topics, group=settings.control_group, instance=settings.control_instance)
    writer = KafkaRecordWriter(kafka, timeout_seconds=_KAFKA_SECONDS)
    announcements = HttpAnnouncements(settings.backend_url, cluster=cluster, token=settings.service_token)
    try:
        logger.info("relaying", topics=", ".join(topics), group=settings.control_group, cluster=cluster)
        ControlRelay(
            reader=reader,
            announcements=announcements,
            dead_letters=writer,
            dead_letter_topic=settings.dead_letter_topic,
            on_progress=life,
            metrics=metrics,
        ).run(stop)
    finally:
        announcements.close()
        writer.close()
        reader.close()


def _relay(
    settings: ControlLoggerSettings,
    kafka: KafkaSettings,
    life: Callable[[str], None],
    metrics: RelayMetrics,
    stop: threading.Event,
) -> None:
    """Relay until ``stop``; waits while Kafka is unavailable."""
    pause = _FIRST_PAUSE_SECONDS
    while not stop.is_set():
        started = time.monotonic()
        try:
            _run_once(settings, kafka, life, metrics, stop)
        except BrokerError as error:
            if time.monotonic() - started > 60:
                pause = _FIRST_PAUSE_SECONDS
            life(f"waiting for Kafka: {error.message}")
            logger.warning("Kafka cannot be used now, will try again", error=error.message, seconds=pause)
            stop.wait(pause)
            pause = min(pause * 2, _MAX_PAUSE_SECONDS)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    configure_logs("control-logger")
    settings, kafka = ControlLoggerSettings(), KafkaSettings()
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    file = SignOfLife(settings.state_dir / "run" / "control-logger.json")
    heartbeats = HttpHeartbeats(settings.backend_url, token=settings.service_token)

    def life(what: str) -> None:
        file(what)
        heartbeats(what)

    metrics = RelayMetrics()
    with MetricsServer(ProcessMetrics("control-logger", [metrics]), state_dir=settings.state_dir):
        _relay(settings, kafka, life, metrics, stop)
    heartbeats.close()


if __name__ == "__main__":
    main()
