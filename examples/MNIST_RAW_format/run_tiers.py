"""The whole way of ``kafka-ml examples run MNIST_tiers``: one model in three tiers, edge, fog and cloud."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from examples.journey import (
    Effort,
    Score,
    code_of,
    fit_arguments,
    look_at,
    new_configuration,
    say_scores,
    score_of,
    wait_all,
    wait_running,
)
from examples.MNIST_RAW_format.mnist_data import load
from examples.MNIST_RAW_format.mnist_dataset_training_example import send
from examples.running import console, heading, model_of
from examples.samples import Samples
from kafkaml.errors import DeadLettered
from kafkaml.sdk import Client
from kafkaml.sdk.types import Inference, Model, TrainingResult

_FOLDER = Path(__file__).parent
# The top is created first, because each lower sub-model names the one above it.
_FROM_ABOVE = ("cloud", "fog", "edge")


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Train each framework's chain as one network on one stream, and serve its tiers with the proposed limits."""
    heading("MNIST_tiers: what it learns from")
    samples = load(offline=effort.offline, count=400 if effort.quick else None)
    console.print(f"  {samples.what}", markup=False)
    heading("Create the sub-models, from the top: cloud, fog, edge")
    chains = {framework: _enter(client, framework) for framework in effort.frameworks}
    tops = [chain[0] for chain in chains.values()]
    heading("Deploy them in one configuration, and stream the training data to them")
    deployment = client.deployments.create(
        configuration=new_configuration(client, "MNIST_tiers", tops),
        batch_size=32,
        arguments=fit_arguments(tops, epochs=1 if effort.quick else 5),
        chain={"optimizer": "adam", "learning_rate": 0.001},
        seed=1,
    )
    send(samples, deployment.id, client.kafka_settings().bootstrap_servers, "mnist")
    results = wait_all(client, deployment)
    of_edge = [result for result in results if result.tier == 0]
    asked = 20 if effort.quick else 300
    scores = [_serve(client, result, samples, asked=asked) for result in of_edge]
    say_scores(scores, samples.real)
    return scores


def _enter(client: Client, framework: str) -> list[Model]:
    models: list[Model] = []
    for tier in _FROM_ABOVE:
        models.append(
            model_of(
                client,
                f"MNIST_tiers-{tier}-{framework}",
                framework,
                code_of(_FOLDER, framework, role=tier),
                description=f"the {tier} of the example MNIST_tiers",
                distributed=True,
                upper_model=models[-1].id if models else None,
            )
        )
    return models


def _serve(client: Client, edge: TrainingResult, samples: Samples, *, asked: int) -> Score:
    heading(f"Serve the tiers in {edge.framework}, and send {asked} images to the edge")
    tiers: list[Inference] = client.inferences.create_chain(
        result=edge.id, prefix=f"mnist-{edge.deployment}-{edge.framework}"
    )
    for inference in tiers:
        wait_running(client, inference, _FOLDER)
        if inference.limit is not None:
            console.print(f"    less sure than {inference.limit:g}: up to {inference.upper_topic}")
    answers = client.inferences.predict_batch(tiers[0].id, samples.held_out_features[:asked])
    refused = next((answer for answer in answers if isinstance(answer, DeadLettered)), None)
    if refused is not None:
        raise refused
    predictions = [answer for answer in answers if not isinstance(answer, DeadLettered)]
    by = Counter(prediction.tier for prediction in predictions)
    console.print("  answered by " + ", ".join(f"{tier}: {count}" for tier, count in by.most_common()))
    look_at(client, [edge], tiers)
    labels = samples.held_out_labels[:asked]
    return score_of(
        edge.framework, [prediction.values for prediction in predictions], labels, samples, inference=tiers[0].id
    )
