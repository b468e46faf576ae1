"""``manage.py controller``: wires the controller and runs it until SIGTERM. Running work continues without it."""

from __future__ import annotations

import signal
import threading
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from backend.clusters.launching import connect
from backend.config.environment import BackendSettings, environment
from backend.controller.django_store import DjangoStore
from backend.controller.execute import Executor, work_spec
from backend.controller.leadership import Leadership
from backend.controller.loop import INTERVAL_SECONDS, Controller
from backend.controller.outbox import OutboxRelay
from backend.controller.prometheus import OnConnection, PlatformMetrics, RoundMetrics
from backend.controller.topics import TopicMaker
from backend.controller.wakeup import WakeUp
from backend.controller.webhooks import WebhookRelay
from backend.deployments.plans import model_limits
from backend.events.services import prune_events
from backend.inferences.minutes import prune_minutes
from backend.inferences.models import Inference
from backend.inferences.placements import placements
from backend.inferences.services import ensure_topics
from backend.launchers.factory import LauncherSettings, launcher_from_settings
from backend.launchers.names import RunKind
from backend.launchers.routing import RoutingLauncher
from backend.streams.services import prune_outbox
from backend.system.documents import Gpu
from backend.system.gpus import gpus
from backend.system.services import heartbeat
from kafkaml.confluent import KafkaAdmin, KafkaRecordWriter
from kafkaml.logs import configure_logs
from kafkaml.prometheus import MetricsServer, ProcessMetrics
from kafkaml.settings import KafkaSettings
from kafkaml.sign_of_life import SignOfLife

_HEARTBEAT_SECONDS = 10.0
_PRUNE_SECONDS = 60.0
_PRUNE_LOGS_SECONDS = 3600.0
# How long logs of ended work are kept; the row keeps the last lines permanently.
_LOG_RETENTION_SECONDS = 14 * 24 * 3600.0
_KAFKA_SECONDS = 10.0


class Command(BaseCommand):
    help = "Start and stop training runs and inferences as the database says."
    # Skip Django's checks of the code, which import every view of the API and take seconds.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--interval-seconds", type=float, default=INTERVAL_SECONDS)
        parser.add_argument("--lease-seconds", type=float, default=15.0)

    def handle(self, *_args: Any, **options: Any) -> None:
        configure_logs("controller")
        settings = environment()
        wakeup = WakeUp(settings.state_dir)
        stop = threading.Event()
        _end_on_signals(stop, wakeup)
        rounds = RoundMetrics()
        controller = _controller(
            settings, wakeup, rounds, **{name: options[name] for name in ("interval_seconds", "lease_seconds")}
        )
        platform = OnConnection(PlatformMetrics(leads=lambda: rounds.leads, gpus=_gpus))
        with MetricsServer(ProcessMetrics("controller", [rounds, platform]), state_dir=settings.state_dir):
            controller.run(stop)


def _end_on_signals(stop: threading.Event, wakeup: WakeUp) -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    wakeup.watch_signals()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def _gpus() -> list[Gpu]:
    """Return the GPUs of this machine, where workers run on it; the GPUs of a cluster belong to its nodes."""
    return gpus()[0] if LauncherSettings().launcher == "process" else []


def _controller(
    settings: BackendSettings,
    wakeup: WakeUp,
    rounds: RoundMetrics,
    *,
    interval_seconds: float,
    lease_seconds: float,
) -> Controller:
    own = launcher_from_settings(backend_url=settings.url_for_workers)
    launcher = RoutingLauncher(own=own, connect=connect, placements=placements)
    topics = _Topics(settings.kafka)
    store = DjangoStore(ensure_topics=topics.of)
    leadership = Leadership(lease_seconds=lease_seconds)
    life = _Life(settings.state_dir / "run" / "controller.json")
    return Controller(
        store=store,
        launcher=launcher,
        executor=Executor(
            store=store,
            launcher=launcher,
            spec_of=partial(
                work_spec,
                backend_url=settings.url_for_workers,
                state_dir=settings.state_dir,
                limits={
                    RunKind.TRAINING: model_limits(wall_seconds=settings.training_wall_seconds),
                    RunKind.INFERENCE: model_limits(),
                },
            ),
        ),
        leadership=leadership,
        relays=[
            OutboxRelay(
                lambda: KafkaRecordWriter(settings.kafka, timeout_seconds=_KAFKA_SECONDS),
                may_act=lambda: leadership.is_held,
                prepare=partial(_prepare, settings, set()),
            ),
            WebhookRelay(may_act=lambda: leadership.is_held),
        ],
        wakeup=wakeup,
        housekeeping={
            life.beat: _HEARTBEAT_SECONDS,
            prune_events: _PRUNE_SECONDS,
            prune_minutes: _PRUNE_SECONDS,
            prune_outbox: _PRUNE_SECONDS,
            partial(launcher.prune, older_than_seconds=_LOG_RETENTION_SECONDS): _PRUNE_LOGS_SECONDS,
        },
        on_round=life,
        metrics=rounds,
        interval_seconds=interval_seconds,
    )


def _prepare(settings: BackendSettings, made: set[str], topic: str) -> None:
    """Create the topic of versions, compacted, before the first record to it; other topics are created elsewhere."""
    if topic == settings.versions_topic and topic not in made:
        KafkaAdmin(settings.kafka, timeout_seconds=_KAFKA_SECONDS).create_topic(
            topic, config={"cleanup.policy": "compact"}
        )
        made.add(topic)


class _Topics:
    """Makes the topics of inferences, on our own Kafka cluster or on the clusters that their answers go to."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._makers: dict[str, TopicMaker] = {}

    def of(self, inference: Inference) -> None:
        ensure_topics(inference, self._maker)

    def _maker(self, bootstrap_servers: str) -> TopicMaker:
        if bootstrap_servers not in self._makers:
            # Another Kafka cluster differs from our own in its address only; replicas assume the same.
            other = self._kafka.model_copy(update={"bootstrap_servers": bootstrap_servers})
            kafka = other if bootstrap_servers else self._kafka
            self._makers[bootstrap_servers] = TopicMaker(partial(KafkaAdmin, kafka, timeout_seconds=_KAFKA_SECONDS))
        return self._makers[bootstrap_servers]


class _Life:
    """Reports that the controller is alive and what it is doing: to a probe by a file, to users by the database."""

    def __init__(self, path: Path) -> None:
        self._sign = SignOfLife(path)
        self._doing = ""

    def __call__(self, what: str) -> None:
        """Note what the controller is doing; called in every round."""
        self._doing = what
        self._sign(what)

    def beat(self) -> None:
        """Report that the leader is alive; called every ten seconds."""
        try:
            number = version("kafka-ml")
        except PackageNotFoundError:
            number = ""
        heartbeat("controller", version=number, details={"doing": self._doing})
