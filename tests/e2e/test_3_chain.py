"""A distributed model with its tiers on different nodes: another node answers what the edge is not sure of."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from examples.digits.data import load_digits
from examples.digits.send_training_data import send_training_data
from kafkaml.sdk import Prediction
from kafkaml.sdk.types import Inference, RunState
from tests.e2e.cluster import ClusterPlatform, Kubectl
from tests.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

_CLOUD = "model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))"
_EDGE = """\
class Edge(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.classify = nn.Linear(64, 32), nn.Linear(32, 10)

    def forward(self, x):
        to_cloud = torch.relu(self.up(torch.flatten(x, 1) / 16))
        return to_cloud, self.classify(to_cloud)

model = Edge()
"""
# The share of the edge's records that go up, so that both tiers answer many.
_SENT_UP = 1 / 3
_SAMPLES = 200


@contextmanager
def _only(kubectl: Kubectl, node: str, nodes: Sequence[str]) -> Iterator[None]:
    """Pods created in this block go to ``node``."""
    others = [other_node for other_node in nodes if other_node != node]
    kubectl("cordon", *others)
    try:
        yield
    finally:
        kubectl("uncordon", *others)


def test_tiers_on_different_nodes_answer_as_one(platform: ClusterPlatform, kubectl: Kubectl) -> None:
    client = platform.client
    name = f"chain-{uuid.uuid4().hex[:8]}"
    cloud = client.models.create(name=f"{name} cloud", framework="pytorch", code=_CLOUD, distributed=True)
    edge = client.models.create(
        name=f"{name} edge", framework="pytorch", code=_EDGE, distributed=True, upper_model=cloud.id
    )
    # One sub-model brings its whole chain.
    configuration = client.configurations.create(name=name, models=[edge.id])
    deployment = client.deployments.create(
        configuration=configuration.id, pytorch_fit_arguments="max_epochs=15", seed=1, chain={"learning_rate": 0.01}
    )
    results = {result.model: result.id for result in deployment.results}
    training, unseen = load_digits()
    send_training_data(training, deployment.id, platform.bootstrap_servers)
    client.results.wait_for(results[edge.id], RunState.FINISHED, timeout_seconds=300)
    curve = client.results.exits(results[edge.id]).tiers[0]
    limit = min(curve.points, key=lambda point: abs(point.sent_up - _SENT_UP)).limit

    nodes = [
        worker_node["metadata"]["name"]
        for worker_node in kubectl.get("nodes")["items"]
        if not any(taint["effect"] == "NoSchedule" for taint in worker_node["spec"].get("taints", []))
    ]
    assert len(nodes) > 1, "a chain is spread over two nodes at least: NODES=2"
    topics = {"output_topic": f"{name}-out"}
    served: list[Inference] = []
    for node, model, fields in (
        (nodes[0], edge, {"input_topic": f"{name}-in", "upper_topic": f"{name}-cloud", "limit": limit}),
        (nodes[1], cloud, {"input_topic": f"{name}-cloud"}),
    ):
        with _only(kubectl, node, nodes):
            made = client.inferences.create(result=results[model.id], **topics, **fields)
            served.append(client.inferences.wait_for(made.id, RunState.RUNNING, timeout_seconds=180))
            assert platform.wait_for_pod("infer", made.id)["spec"]["nodeName"] == node

    images, labels = unseen.images[:_SAMPLES], unseen.labels[:_SAMPLES]
    answers = [
        prediction
        for prediction in client.inferences.predict_batch(served[0].id, images)
        if isinstance(prediction, Prediction)
    ]
    assert len(answers) == _SAMPLES
    tiers = np.array([answer.tier for answer in answers])
    assert set(tiers) == {edge.name, cloud.name}
    assert (tiers == cloud.name).mean() == pytest.approx(_SENT_UP, abs=0.2)
    assert np.mean([answer.class_index for answer in answers] == labels) > 0.85
    # The answer to the digit of which the edge was least sure says which way the digit went.
    place = int(np.flatnonzero(tiers == cloud.name)[0])
    went = client.inferences.try_sample(served[0].id, images[place].tolist())
    assert (went.tier, [step["tier"] for step in went.way]) == (cloud.name, [edge.name])
    for inference in served:
        client.inferences.stop(inference.id)
        eventually(lambda: not platform.worker_pods("infer", inference.id), 120, interval_seconds=0.5)  # noqa: B023
