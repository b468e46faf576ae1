"""An existing topic of readings becomes a data set, without a sink.

The platform proposes how to learn the topic. The data set has windows of ten readings of a machine. Both models are
trained on it and served by the same contract. Live readings have no label; each answer says which reading it is about.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from examples.journey import Effort, Score, fit_arguments, look_at, new_configuration, wait_all
from examples.machines.data import MACHINES, readings
from examples.machines.model import KERAS, PYTORCH
from examples.running import console, heading, model_of
from examples.topics import answers_of, create_topic, write
from kafkaml.sdk import Client
from kafkaml.sdk.types import Dataset, Inference, Model, RunState, TrainingResult

WINDOW = 10
_READINGS, _QUICK_READINGS = 12_000, 2_400
_LIVE, _QUICK_LIVE = 40 * MACHINES, 12 * MACHINES
_MODELS = {"tensorflow": ("machines-keras", KERAS), "pytorch": ("machines-pytorch", PYTORCH)}


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Run the whole example; returns how often each model was right on live readings of later days."""
    heading("A topic of machines' readings (generated: there are no such machines)")
    topic = topic_of_readings(client, effort)
    dataset = dataset_of(client, topic)
    results = train(client, models_of(client, effort), dataset, effort)
    return serve(client, results, topic, effort)


def topic_of_readings(client: Client, effort: Effort) -> str:
    """Make a topic, write readings into it as JSON, and return its name."""
    kafka = client.kafka_settings().bootstrap_servers
    topic = f"machines-{time.strftime('%H%M%S')}"
    create_topic(kafka, topic)
    written = write(kafka, topic, readings(_QUICK_READINGS if effort.quick else _READINGS))
    console.print(f"  {written} readings in {topic}, as JSON")
    return topic


def dataset_of(client: Client, topic: str) -> Dataset:
    """Look at a topic, and make a data set with windows of the proposed columns."""
    proposal = client.topics.propose(topic)
    assert proposal.contract is not None, proposal.remarks
    contract = proposal.contract.to_json()
    shown = ", ".join(f"{column['name']} ({column['expression']})" for column in contract["columns"])
    console.print(f"  proposed: columns {shown}")
    if proposal.label is not None:
        console.print(f"            label {proposal.label.name}, because {proposal.label.why}")
    contract |= {"window": {"length": WINDOW}, "split": "time"}
    dataset = client.datasets.create(
        name=topic, topic=topic, contract=contract, test_rate=0.2, description="windows of ten readings (generated)"
    )
    console.print(f"  data set {dataset.id} [bold]{dataset.name}[/]: windows of {WINDOW} readings of one machine")
    return dataset


def models_of(client: Client, effort: Effort) -> list[Model]:
    """Return the models of the wanted frameworks, checked and saved."""
    return [
        model_of(
            client, _MODELS[framework][0], framework, _MODELS[framework][1], description="ten readings of a machine"
        )
        for framework in effort.frameworks
    ]


def train(client: Client, models: Sequence[Model], dataset: Dataset, effort: Effort) -> list[TrainingResult]:
    """Train all models on a data set, and show their progress."""
    deployment = client.deployments.create(
        configuration=new_configuration(client, dataset.name, models),
        dataset=dataset.id,
        batch_size=64,
        arguments=fit_arguments(models, epochs=1 if effort.quick else 4),
        seed=1,
    )
    return wait_all(client, deployment)


def serve(client: Client, results: Sequence[TrainingResult], topic: str, effort: Effort) -> list[Score]:
    """Serve the trained models, and say how often they were right on live readings, which have no label."""
    heading("Serve both: live readings have no label, and the same contract reads them")
    kafka = client.kafka_settings().bootstrap_servers
    source = f"{topic}-live"
    create_topic(kafka, source)
    inferences: list[Inference] = []
    for result in results:
        inference = client.inferences.create(
            result=result.id,
            input_topic=source,
            output_topic=f"{topic}-{result.model_name}",
            include=["_key", "_timestamp"],
        )
        inferences.append(client.inferences.wait_for(inference.id, RunState.RUNNING, timeout_seconds=120))
        console.print(f"  inference {inference.id} runs: {source} -> {inference.output_topic}")
    sent = list(readings(_QUICK_LIVE if effort.quick else _LIVE, seed=2, labelled=False))
    write(kafka, source, sent)
    # The first readings of a machine fill its window, so they have no answer.
    expected = len(sent) - (WINDOW - 1) * MACHINES
    truth = {(reading.key.decode(), reading.timestamp_ms): reading.failing for reading in sent}
    scores = []
    for result, inference in zip(results, inferences, strict=True):
        answers = list(answers_of(kafka, inference.output_topic, expected))
        failing = np.array([truth[tuple(answer["include"].values())] for answer in answers])
        right = np.array([_says_failing(answer["values"]) for answer in answers]) == failing
        console.print(f"  {result.model_name}: {len(answers)} answers, such as {answers[-1]}", markup=False)
        # The baseline is the more frequent answer: a machine is mostly not failing.
        constant = float((~failing).mean())
        scores.append(Score(result.framework, "accuracy", float(right.mean()), constant, len(answers), inference.id))
    look_at(client, results, inferences)
    return scores


def _says_failing(values: Sequence[float]) -> bool:
    """A single number is a probability; two numbers are the scores of both classes."""
    return values[0] > 0.5 if len(values) == 1 else values[1] > values[0]
