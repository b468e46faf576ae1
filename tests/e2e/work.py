"""Runs for the tests that break things: a training of the digits, and an inference under a steady load."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from examples.digits.data import load_digits
from examples.digits.send_training_data import send_training_data
from kafkaml.confluent import KafkaAdmin
from kafkaml.sdk.types import Deployment, Inference, RunState, TrainingResult
from kafkaml.settings import KafkaSettings
from tests.e2e.cluster import ClusterPlatform
from tests.feeder import Feeder, assert_answered_once
from tests.model_inference.replicas import read_topic
from tests.support import eventually

__all__ = ["deploy", "train", "under_load"]


def deploy(
    platform: ClusterPlatform,
    code: str,
    framework: str,
    *,
    fit: str = "",
    incremental: Mapping[str, object] | None = None,
) -> Deployment:
    """Deploy a model of the test's own, which waits for its stream."""
    name = f"work-{uuid.uuid4().hex[:8]}"
    client = platform.client
    model = client.models.create(name=name, framework=framework, code=code)
    configuration = client.configurations.create(name=name, models=[model.id])
    return client.deployments.create(
        configuration=configuration.id, arguments={framework: {"fit": fit}}, incremental=incremental
    )


def train(platform: ClusterPlatform, code: str, framework: str, fit: str) -> TrainingResult:
    """Start a training of the digits; returns its result, which is running."""
    deployment = deploy(platform, code, framework, fit=fit)
    send_training_data(load_digits()[0], deployment.id, platform.bootstrap_servers)
    return deployment.results[0]


@contextmanager
def under_load(
    platform: ClusterPlatform,
    result: TrainingResult,
    *,
    replicas: int,
    max_replicas: int | None = None,
    partitions: int = 6,
    per_second: int = 400,
    then: Callable[[Inference], None] | None = None,
) -> Iterator[tuple[Inference, Feeder]]:
    """An inference that answers a steady stream. At the end each record must have been answered exactly once.

    ``then`` is called after that proof, before the inference is stopped.
    """
    name = f"load-{uuid.uuid4().hex[:8]}"
    inferences = platform.client.inferences
    admin = KafkaAdmin(KafkaSettings(bootstrap_servers=platform.bootstrap_servers))
    admin.create_topic(name, partitions=partitions)
    inference = inferences.create(
        result=result.id, input_topic=name, output_topic=f"{name}-out", replicas=replicas, max_replicas=max_replicas
    )
    inferences.wait_for(inference.id, RunState.RUNNING, timeout_seconds=180)
    eventually(lambda: inferences.get(inference.id).ready_replicas == replicas, 180, interval_seconds=0.5)
    images = load_digits()[1].images

    def value(number: int) -> bytes:
        return images[number % len(images)].tobytes()

    with Feeder(platform.bootstrap_servers, name, per_second=per_second, value=value) as feeder:
        eventually(lambda: feeder.sent > per_second, 30)
        yield inference, feeder
        feeder.stop()
    inputs = read_topic(platform.bootstrap_servers, name)
    assert len(inputs) == feeder.sent
    outputs = eventually(
        lambda: len(found := read_topic(platform.bootstrap_servers, f"{name}-out")) >= feeder.sent and found,
        300,
        interval_seconds=3,
        what="every answer",
    )
    assert_answered_once(inputs, outputs, read_topic(platform.bootstrap_servers, f"{name}-out.dlq"))
    if then is not None:
        then(inference)
    inferences.stop(inference.id)
    eventually(lambda: not platform.worker_pods("infer", inference.id), 120, interval_seconds=0.5)
