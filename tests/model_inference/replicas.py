"""Replicas of one inference as real processes, and their output."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kafkaml.confluent import KafkaAdmin, KafkaChangelog
from kafkaml.input_format import InputFormat
from kafkaml.records import SOURCE_HEADER, Record, parse_source
from kafkaml.settings import KafkaSettings
from kafkaml.wire.choices import DeliveryGuarantee
from kafkaml.wire.framework import Framework
from kafkaml.wire.inference import ChallengeKind, Challenger, InferencePlan, ServedModel
from tests.fake_backend import FakeBackend
from tests.warm_workers import WarmWorker

__all__ = ["InferenceUnderTest", "read_topic", "sources", "unordered"]

_ROOT = Path(__file__).resolve().parents[2]


@dataclass
class InferenceUnderTest:
    """One inference: a backend over real HTTP that serves its plan and artifact, and replicas of it. Context manager.

    ``artifacts`` are the files of version 1 by name; ``plan_fields`` overrides fields of the plan.
    """

    folder: Path
    bootstrap_servers: str
    input_topic: str
    artifacts: Mapping[str, bytes]
    plan_fields: Mapping[str, Any] = field(default_factory=dict)
    output_bootstrap_servers: str = ""
    framework: Framework = Framework.TENSORFLOW
    code: str = ""
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.backend = FakeBackend()
        self.replicas: list[subprocess.Popen[bytes] | WarmWorker] = []
        self._started = 0
        defaults: dict[str, Any] = {
            "inference_id": 5,
            "input_format": InputFormat.RAW,
            "input_config": {"data_type": "float32", "data_reshape": "4"},
            "guarantee": DeliveryGuarantee.EXACTLY_ONCE,
            "output_topic": f"{self.input_topic}-out",
            "group": f"kml-inference-{self.input_topic}",
        }
        self.plan = InferencePlan(
            **(defaults | dict(self.plan_fields)),
            model=self.version(1, self.artifacts),
            input_topic=self.input_topic,
            output_bootstrap_servers=self.output_bootstrap_servers,
        )
        self.output_topic = self.plan.output_topic
        self.backend.plan = self.plan.to_json()

    def version(self, number: int, artifacts: Mapping[str, bytes]) -> ServedModel:
        """Return a version of the model whose artifacts can be fetched from now on."""
        for name, content in artifacts.items():
            self.backend.downloads[name, number] = content
        return ServedModel(
            result_id=12,
            version=number,
            name="model under test",
            framework=self.framework,
            code=self.code,
            imports="",
            artifacts={name: hashlib.sha256(content).hexdigest() for name, content in artifacts.items()},
        )

    def swap(self, model: ServedModel) -> int:
        """Make the replicas serve ``model``; returns the new revision."""
        self.plan = self.plan.model_copy(
            update={"model": model, "challenger": None, "revision": self.plan.revision + 1}
        )
        self.backend.plan = self.plan.to_json()
        return self.plan.revision

    def decide_by(self, limit: float) -> int:
        """Give the replicas of a tier another limit; returns the new revision."""
        assert self.plan.cascade is not None
        cascade = self.plan.cascade.model_copy(update={"limit": limit})
        self.plan = self.plan.model_copy(update={"cascade": cascade, "revision": self.plan.revision + 1})
        self.backend.plan = self.plan.to_json()
        return self.plan.revision

    def challenge(self, model: ServedModel, kind: ChallengeKind, *, share: float) -> int:
        """Make the replicas compare ``model`` with the one that they serve; returns the new revision."""
        challenger = Challenger(model=model, kind=kind, share=share)
        self.plan = self.plan.model_copy(update={"challenger": challenger, "revision": self.plan.revision + 1})
        self.backend.plan = self.plan.to_json()
        return self.plan.revision

    def start(
        self, *, replica: int = 0, env: Mapping[str, str] | None = None, cold: bool = False
    ) -> subprocess.Popen[bytes] | WarmWorker:
        """Start one replica as a process of its own: warm, as launchers do when possible, or cold."""
        self.folder.mkdir(parents=True, exist_ok=True)
        job = self.backend.inference_job(self.folder).model_copy(update={"replica": replica})
        self._started += 1
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "KML_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "KML_INFERENCE_SESSION_TIMEOUT_SECONDS": "2",
            # The limit exceeds any pause of a busy machine, because Kafka fences a replica whose transaction takes
            # longer.
            "KML_INFERENCE_TRANSACTION_TIMEOUT_SECONDS": "60",
            **job.to_env(),
            **self.env,
            **(env or {}),
        }
        process: subprocess.Popen[bytes] | WarmWorker
        with self.log_path(self._started).open("wb") as log:
            if cold:
                process = subprocess.Popen(
                    [sys.executable, "-m", "model_inference"],
                    cwd=_ROOT,
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            else:
                process = WarmWorker("model_inference", env=environment, output=log)
        self.replicas.append(process)
        return process

    def log_path(self, number: int) -> Path:
        return self.folder / f"replica-{number}.log"

    @property
    def newest_log(self) -> Path:
        """The log file of the replica that was started last."""
        return self.log_path(self._started)

    @property
    def logs(self) -> str:
        """The logs of all replicas as one text."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("replica-*.log")))

    @property
    def states(self) -> list[str]:
        return [stats["state"] for stats in self.backend.stats]

    def outputs(self) -> list[Record]:
        """All committed outputs."""
        return read_topic(self.output_bootstrap_servers or self.bootstrap_servers, self.output_topic)

    def dead_letters(self) -> list[Record]:
        """All committed dead letters."""
        return read_topic(self.output_bootstrap_servers or self.bootstrap_servers, self.plan.dead_letter_topic)

    def passed_on(self) -> list[Record]:
        """All committed intermediates of a tier."""
        cascade = self.plan.cascade
        assert cascade is not None
        return read_topic(cascade.upper_bootstrap_servers or self.bootstrap_servers, cascade.upper_topic)

    def answered(self) -> int:
        """Count committed answers by the offsets of the group, which is cheap. Inputs start at offset 0."""
        admin = KafkaAdmin(KafkaSettings(bootstrap_servers=self.bootstrap_servers))
        return sum(admin.committed(self.plan.group, self.input_topic).values())

    def __enter__(self) -> Self:
        self.backend.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self.replicas:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.backend.stop()


def read_topic(kafka: str | KafkaSettings, topic: str) -> list[Record]:
    """Return all committed records of a topic of ``kafka``, or of an address; none when the topic does not exist.

    A committed record may still be hidden by an end of its transaction that the broker has not written yet. The
    function waits for it, because the group's positions say that the record was answered.
    """
    settings = KafkaSettings(bootstrap_servers=kafka) if isinstance(kafka, str) else kafka
    partitions = range(KafkaAdmin(settings).partition_count(topic))
    if not partitions:
        return []
    stored = KafkaChangelog(settings, topic, timeout_seconds=90)
    return [record for batch in stored.read(partitions) for record in batch]


def sources(records: Iterable[Record]) -> list[tuple[str, int, int]]:
    """Return the input position that each record answers."""
    found = [parse_source(dict(record.headers)[SOURCE_HEADER]) for record in records]
    assert None not in found
    return [record for record in found if record is not None]


def unordered(records: Iterable[Record]) -> list[str]:
    """Return where answers to one input partition are out of order; empty when all is well."""
    last: dict[tuple[int, str, int], int] = defaultdict(lambda: -1)
    problems: list[str] = []
    for record, (topic, partition, offset) in zip(records, sources(records), strict=True):
        key = (record.partition, topic, partition)
        if offset <= last[key]:
            problems.append(f"{record.place} answers {topic}[{partition}]@{offset} after {last[key]}")
        last[key] = offset
    return problems
