"""The second act of ``make demo``: a topic of readings that is there already becomes a data set, without a sink.

Proposes how the topic is learnt, makes a data set of windows of ten readings a machine, trains both models on it, and
serves both by the same contract: of live readings, which have no label, each answer says whose it is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from examples.digits.show import LiveMetrics
from examples.machines.data import MACHINES, readings
from examples.machines.kafka import answers_of, create_topic, send_readings
from examples.machines.model import KERAS, PYTORCH
from examples.running import console, heading, model_of, run_alone, say_verdict
from kafkaml.sdk import Client
from kafkaml.sdk.types import Dataset, Model, RunState, TrainingResult

REQUIRED_ACCURACY = 0.8
WINDOW = 10
_READINGS = 12_000
_LIVE = 40 * MACHINES
_MODELS = (("machines-keras", "tensorflow", KERAS), ("machines-pytorch", "pytorch", PYTORCH))


def machines(client: Client) -> bool:
    """Run the example; returns whether both models are right often enough."""
    heading("Act 2: a topic of machines' readings (generated: there are no such machines)")
    kafka = client.kafka_settings().bootstrap_servers
    topic = f"machines-{time.strftime('%H%M%S')}"
    create_topic(kafka, topic)
    console.print(f"  {send_readings(kafka, topic, readings(_READINGS))} readings in {topic}, as JSON")
    dataset = _dataset(client, topic)
    models = [model_of(client, *each, description="ten readings of a machine") for each in _MODELS]
    results = _train(client, models, dataset)
    accuracies = _serve(client, results, kafka, topic)
    heading(f"Accuracy on live readings of later days, by windows of {WINDOW} a machine")
    for name, accuracy in accuracies.items():
        say_verdict(name, accuracy, REQUIRED_ACCURACY)
    return all(accuracy > REQUIRED_ACCURACY for accuracy in accuracies.values())


def _dataset(client: Client, topic: str) -> Dataset:
    proposal = client.topics.propose(topic)
    assert proposal.contract is not None, proposal.remarks
    contract = proposal.contract.to_json()
    shown = ", ".join(f"{each['name']} ({each['expression']})" for each in contract["columns"])
    console.print(f"  proposed: columns {shown}")
    if proposal.label is not None:
        console.print(f"            label {proposal.label.name}, because {proposal.label.why}")
    contract |= {"window": {"length": WINDOW}, "split": "time"}
    dataset = client.datasets.create(
        name=topic, topic=topic, contract=contract, test_rate=0.2, description="windows of ten readings (generated)"
    )
    console.print(f"  data set {dataset.id} [bold]{dataset.name}[/]: windows of {WINDOW} readings of one machine")
    return dataset


def _train(client: Client, models: Sequence[Model], dataset: Dataset) -> list[TrainingResult]:
    heading("Train both on it, live")
    configuration = client.configurations.create(name=dataset.name, models=[each.id for each in models])
    deployment = client.deployments.create(
        configuration=configuration.id,
        dataset=dataset.id,
        batch_size=64,
        tensorflow_fit_arguments="epochs=4, shuffle=True",
        pytorch_fit_arguments="max_epochs=4, shuffle=True",
        seed=1,
    )
    with LiveMetrics(console) as live:
        return [
            client.results.wait_for(each.id, RunState.FINISHED, timeout_seconds=300, on_change=live.update)
            for each in deployment.results
        ]


def _serve(client: Client, results: Sequence[TrainingResult], kafka: str, topic: str) -> dict[str, float]:
    heading("Serve both: live readings have no label, and the same contract reads them")
    source = f"{topic}-live"
    outputs = {each.model_name: f"{topic}-{each.model_name}" for each in results}
    create_topic(kafka, source)
    for result in results:
        inference = client.inferences.create(
            result=result.id,
            input_topic=source,
            output_topic=outputs[result.model_name],
            include=["_key", "_timestamp"],
        )
        client.inferences.wait_for(inference.id, RunState.RUNNING, timeout_seconds=120)
        console.print(f"  inference {inference.id} runs: {source} -> {inference.output_topic}")
    live = list(readings(_LIVE, seed=2, labelled=False))
    send_readings(kafka, source, live)
    # The first readings of a machine fill its window, and have no answer.
    expected = len(live) - (WINDOW - 1) * MACHINES
    truth = {(each.key.decode(), each.timestamp_ms): each.failing for each in live}
    accuracies = {}
    for name, output in outputs.items():
        answers = list(answers_of(kafka, output, expected))
        right = [_says_failing(each["values"]) == truth[tuple(each["include"].values())] for each in answers]
        accuracies[name] = sum(right) / len(right)
        console.print(f"  {name}: {len(answers)} answers, such as {answers[-1]}", markup=False)
    return accuracies


def _says_failing(values: Sequence[float]) -> bool:
    """A single number is a probability, two are the scores of both classes."""
    return values[0] > 0.5 if len(values) == 1 else values[1] > values[0]


if __name__ == "__main__":
    run_alone(machines)
