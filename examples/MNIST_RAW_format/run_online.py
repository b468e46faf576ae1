"""The whole way of ``kafka-ml examples run MNIST_online``: a model that learns a stream as it arrives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from examples.journey import Effort, Score, fit_arguments, models_of, new_configuration, serve, wait_all
from examples.MNIST_RAW_format.mnist_data import load
from examples.MNIST_RAW_format.mnist_dataset_online_training_example import send_in_parts
from examples.running import console, heading
from kafkaml.sdk import Client

_FOLDER = Path(__file__).parent
_PAUSE_SECONDS = 10.0


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Send the images in three parts with pauses. Each is a window, on which models are tested and then learn."""
    heading("MNIST_online: what it learns from")
    samples = load(offline=effort.offline, count=300 if effort.quick else None)
    console.print(f"  {samples.what}", markup=False)
    models = models_of(client, "MNIST_online", _FOLDER, effort)
    heading("Deploy them for incremental training, and stream the images in three parts")
    deployment = client.deployments.create(
        configuration=new_configuration(client, "MNIST_online", models),
        batch_size=32,
        arguments=fit_arguments(models, epochs=1 if effort.quick else 3),
        # Each part fills one window. The training ends when no record arrives within the stream timeout.
        incremental={
            "window_records": -(-len(samples.labels) // 3),
            "stream_timeout": 2000 if effort.quick else 20_000,
        },
        seed=1,
    )
    pause = 0.0 if effort.quick else _PAUSE_SECONDS
    topic = f"mnist-online-{deployment.id}"
    send_in_parts(samples, deployment.id, client.kafka_settings().bootstrap_servers, topic, pause=pause)
    results = wait_all(client, deployment)
    asked = 20 if effort.quick else 300
    return serve(client, results, samples, prefix=topic, asked=asked, folder=_FOLDER)
