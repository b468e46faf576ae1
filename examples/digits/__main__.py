"""The first act of ``make demo``: from nothing to predictions on real handwritten digits, in both frameworks at once.

Creates two models, trains both from one Kafka stream, deploys both, predicts images that neither has seen, and says how
many were right.
"""

from __future__ import annotations

import time

from examples.digits import show
from examples.digits.data import HELD_OUT, Digits, load_digits
from examples.digits.model import KERAS, PYTORCH
from examples.digits.send_inference_data import predict_classes
from examples.digits.send_training_data import send_training_data
from examples.running import console, heading, kafka_ml, model_of, run_alone, say_verdict
from kafkaml.sdk import Client
from kafkaml.sdk.types import Inference, Model, RunState, TrainingResult

REQUIRED_ACCURACY = 0.93
_MODELS = (("digits-keras", "tensorflow", KERAS), ("digits-pytorch", "pytorch", PYTORCH))


def digits(client: Client) -> bool:
    """Run the example; returns whether both models are right often enough."""
    heading("Act 1: handwritten digits. Create a model in each framework")
    training, held_out = load_digits()
    models = [model_of(client, *each, description="8x8 handwritten digits") for each in _MODELS]
    results = _train(client, models, training)
    for result in results:
        console.print(f"\n  [bold]{result.model_name}[/] on the test part of the stream")
        kafka_ml("results", "confusion-matrix", str(result.id))
    accuracies = _serve(client, results, held_out)
    heading("Accuracy on the held-out images, through Kafka")
    for name, accuracy in accuracies.items():
        say_verdict(name, accuracy, REQUIRED_ACCURACY)
    return all(accuracy > REQUIRED_ACCURACY for accuracy in accuracies.values())


def _train(client: Client, models: list[Model], training: Digits) -> list[TrainingResult]:
    heading("Deploy both models in one configuration, and stream the training data to them")
    name = f"digits {time.strftime('%Y-%m-%d %H:%M:%S')}"
    configuration = client.configurations.create(name=name, models=[each.id for each in models])
    deployment = client.deployments.create(
        configuration=configuration.id,
        batch_size=32,
        tensorflow_fit_arguments="epochs=20, shuffle=True",
        pytorch_fit_arguments="max_epochs=20, shuffle=True",
        confusion_matrix=True,
        seed=1,
    )
    send_training_data(training, deployment.id, client.kafka_settings().bootstrap_servers)
    heading("Train, live")
    with show.LiveMetrics(console) as live:
        return [
            client.results.wait_for(each.id, RunState.FINISHED, timeout_seconds=300, on_change=live.update)
            for each in deployment.results
        ]


def _serve(client: Client, results: list[TrainingResult], held_out: Digits) -> dict[str, float]:
    heading(f"Deploy both for inference, and predict {HELD_OUT} images that neither has seen")
    prefix = f"digits-{results[0].deployment}"
    inferences: list[Inference] = []
    for result in results:
        inference = client.inferences.create(
            result=result.id, input_topic=f"{prefix}-in", output_topic=f"{prefix}-{result.model_name}-out"
        )
        inferences.append(inference)
    for index, inference in enumerate(inferences):
        inferences[index] = client.inferences.wait_for(inference.id, RunState.RUNNING, timeout_seconds=120)
        console.print(f"  inference {inference.id} runs: {inference.input_topic} -> {inference.output_topic}")
    predicted = {
        result.model_name: predict_classes(client, inference.id, held_out)
        for result, inference in zip(results, inferences, strict=True)
    }
    show.some_images(console, held_out, predicted)
    return {name: float((classes == held_out.labels).mean()) for name, classes in predicted.items()}


if __name__ == "__main__":
    run_alone(digits)
