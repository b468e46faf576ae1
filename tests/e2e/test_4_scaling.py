"""With KEDA in the cluster, load scales an inference from one replica to the number of its partitions, and back."""

from __future__ import annotations

import pytest

from kafkaml.sdk.types import Inference, RunState
from tests.e2e.cluster import ClusterPlatform, Kubectl
from tests.e2e.conftest import build_kafka_ml
from tests.e2e.work import train, under_load
from tests.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

_PARTITIONS = 4
_PER_SECOND = 3000
# 36 million multiplications per sample, so that one replica cannot keep up with the stream.
_SLOW = """\
class SlowNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = [layer for _ in range(8) for layer in (nn.Linear(2048, 2048), nn.ReLU())]
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 2048), *hidden, nn.Linear(2048, 10))

    def forward(self, x):
        return self.layers(x)

    def loss_fn(self):
        return nn.CrossEntropyLoss()

    def optimizer(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)

    def metrics(self):
        return {"loss": Loss(self.loss_fn())}

model = SlowNetwork()
"""


def test_the_lag_chooses_the_replicas(platform: ClusterPlatform, kubectl: Kubectl) -> None:
    assert kubectl.get("customresourcedefinition", "scaledobjects.keda.sh"), "install KEDA in this cluster first"
    kubectl("label", "namespace", "keda", "kafka-ml/kafka-client=allowed", "--overwrite")
    build_kafka_ml("--install", "--with", "keda", "--no-build", "--yes")
    result = train(platform, _SLOW, "pytorch", "max_epochs=1")
    result = platform.client.results.wait_for(result.id, RunState.FINISHED, timeout_seconds=600)

    def pods(inference: Inference) -> int:
        return len(platform.worker_pods("infer", inference.id))

    def shrinks(inference: Inference) -> None:
        eventually(lambda: pods(inference) == 1, 400, interval_seconds=1, what="one replica again")

    with under_load(
        platform,
        result,
        replicas=1,
        max_replicas=_PARTITIONS + 2,
        partitions=_PARTITIONS,
        per_second=_PER_SECOND,
        then=shrinks,
    ) as (inference, _):
        # The topic's partitions bound the number of replicas, because more would get none.
        eventually(lambda: pods(inference) == _PARTITIONS, 240, interval_seconds=1, what="a replica for each partition")
