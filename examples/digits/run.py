"""From nothing to predictions on real handwritten digits, in both frameworks at once: the demo.

Creates two models, trains both from one Kafka stream, deploys both, predicts images that neither has seen, and says how
many were right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from examples.digits import show
from examples.digits.data import Digits, load_digits
from examples.digits.model import KERAS, PYTORCH
from examples.digits.send_inference_data import predict_classes
from examples.digits.send_training_data import send_training_data
from examples.journey import Effort, Score, fit_arguments, look_at, new_configuration, wait_all
from examples.running import console, heading, model_of
from kafkaml.sdk import Client
from kafkaml.sdk.types import Inference, Model, RunState, TrainingResult

_MODELS = {"tensorflow": ("digits-keras", KERAS), "pytorch": ("digits-pytorch", PYTORCH)}
_EPOCHS, _QUICK_EPOCHS = 20, 2
_QUICK_HELD_OUT = 20


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Run the whole demo; returns how many of the held-out images each model was right on."""
    heading("Handwritten digits. Create a model in each framework")
    training, held_out = load_digits()
    if effort.quick:
        held_out = Digits(held_out.images[:_QUICK_HELD_OUT], held_out.labels[:_QUICK_HELD_OUT])
    models = [
        model_of(client, _MODELS[framework][0], framework, _MODELS[framework][1], description="8x8 handwritten digits")
        for framework in effort.frameworks
    ]
    results = _train(client, models, training, epochs=_QUICK_EPOCHS if effort.quick else _EPOCHS)
    for result in results:
        console.print(f"\n  [bold]{result.model_name}[/] on the test part of the stream")
        show.confusion(console, result)
    return _serve(client, results, held_out, usual=int(np.bincount(training.labels).argmax()))


def _train(client: Client, models: Sequence[Model], training: Digits, *, epochs: int) -> list[TrainingResult]:
    heading("Deploy both models in one configuration, and stream the training data to them")
    deployment = client.deployments.create(
        configuration=new_configuration(client, "digits", models),
        batch_size=32,
        arguments=fit_arguments(models, epochs=epochs),
        confusion_matrix=True,
        seed=1,
    )
    send_training_data(training, deployment.id, client.kafka_settings().bootstrap_servers)
    return wait_all(client, deployment)


def _serve(client: Client, results: Sequence[TrainingResult], held_out: Digits, *, usual: int) -> list[Score]:
    heading(f"Deploy both for inference, and predict {len(held_out.labels)} images that neither has seen")
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
    look_at(client, results, inferences)
    constant = float((held_out.labels == usual).mean())
    return [
        Score(
            result.framework,
            "accuracy",
            float((predicted[result.model_name] == held_out.labels).mean()),
            constant,
            len(held_out.labels),
            inference.id,
        )
        for result, inference in zip(results, inferences, strict=True)
    ]
