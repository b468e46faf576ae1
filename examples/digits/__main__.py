"""``make demo``: from nothing to predictions on real handwritten digits, for a Keras and a PyTorch model at once.

Starts this machine's platform when it does not run, or uses the one that ``KML_URL``, ``KML_TOKEN`` and
``KML_KAFKA_BOOTSTRAP_SERVERS`` name, such as a cluster's. Creates two models, trains both from one Kafka stream,
deploys both, predicts images that neither has seen, and says how many were right. Ends with status 1 when either is
right too seldom.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from examples.digits import show
from examples.digits.data import HELD_OUT, Digits, load_digits
from examples.digits.model import KERAS, PYTORCH
from examples.digits.send_inference_data import predict_classes
from examples.digits.send_training_data import send_training_data
from kafkaml.errors import KafkaMLError
from kafkaml.sdk import Client
from kafkaml.sdk.types import Inference, Model, RunState, TrainingResult

REQUIRED_ACCURACY = 0.93
_KAFKA_ML = Path(sys.executable).with_name("kafka-ml")
_MODELS = (("digits-keras", "tensorflow", KERAS), ("digits-pytorch", "pytorch", PYTORCH))

console = Console(highlight=False)


def main() -> int:
    """Run the demo; returns the exit status."""
    began = time.monotonic()
    local = not os.environ.get("KML_URL")
    if local:
        _start_platform()
    with Client() as client:
        training, held_out = load_digits()
        models = [_model(client, *each) for each in _MODELS]
        results = _train(client, models, training)
        for result in results:
            console.print(f"\n  [bold]{result.model_name}[/] on the test part of the stream")
            _kafka_ml("results", "confusion-matrix", str(result.id))
        accuracies = _serve(client, results, held_out)
    good = all(accuracy > REQUIRED_ACCURACY for accuracy in accuracies.values())
    _say_accuracies(accuracies)
    console.print(f"\nDone in {time.monotonic() - began:.0f} s.", end="\n" if not local else " ")
    if local:
        _say_what_next(client.url)
    return 0 if good else 1


def _heading(text: str) -> None:
    console.print(f"\n[bold blue]{text}[/]")


def _start_platform() -> None:
    """Start this machine's platform, as one does by hand, unless it runs already."""
    status = _kafka_ml_json("status")
    if status.get("ready"):
        console.print(f"The platform runs already at {status['url']}")
        return
    _heading("1. Start the platform: broker, web server, executors, controller")
    # What it shows while it starts, it says on standard error.
    _kafka_ml("up", "--detach", "--json", stdout=subprocess.DEVNULL, stderr=sys.stdout)


def _kafka_ml(*arguments: str, **streams: Any) -> None:
    """Run the command line, which is installed beside Python."""
    subprocess.run([_KAFKA_ML, *arguments], check=True, **streams)


def _kafka_ml_json(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        subprocess.run([_KAFKA_ML, *arguments, "--json"], check=False, stdout=subprocess.PIPE).stdout
    )
    return document


def _model(client: Client, name: str, framework: str, code: str) -> Model:
    for each in client.models.list(search=name):
        if each.name == name:
            return client.models.update(each.id, code=code) if each.code != code else each
    model = client.models.create(name=name, framework=framework, code=code, description="8x8 handwritten digits")
    console.print(f"  model {model.id} [bold]{name}[/] checked: {(model.report or {}).get('parameters'):,} parameters")
    return model


def _train(client: Client, models: list[Model], training: Digits) -> list[TrainingResult]:
    _heading("2. Deploy both models in one configuration, and stream the training data to them")
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
    _heading("3. Train, live")
    with show.LiveMetrics(console) as live:
        return [
            client.results.wait_for(each.id, RunState.FINISHED, timeout_seconds=300, on_change=live.update)
            for each in deployment.results
        ]


def _serve(client: Client, results: list[TrainingResult], held_out: Digits) -> dict[str, float]:
    _heading(f"4. Deploy both for inference, and predict {HELD_OUT} images that neither has seen")
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


def _say_accuracies(accuracies: dict[str, float]) -> None:
    _heading("5. Accuracy on the held-out images, through Kafka")
    for name, accuracy in accuracies.items():
        verdict = (
            "[green]good[/]" if accuracy > REQUIRED_ACCURACY else f"[red]expected more than {REQUIRED_ACCURACY}[/]"
        )
        console.print(f"  {name:16} [bold]{accuracy:.4f}[/]  {verdict}")


def _say_what_next(url: str) -> None:
    console.print(f"The platform goes on at [bold]{url}[/]")
    link = _kafka_ml_json("login")["url"]
    console.print(f"Log in (once, within 15 minutes): [bold cyan]{link}[/]", soft_wrap=True)
    console.print(
        "\nTry next (kafka-ml is in .venv/bin):\n"
        "  kafka-ml results list              what was trained; results show ID, results download ID\n"
        "  kafka-ml inferences list           what serves; tail ID shows its predictions live\n"
        "  kafka-ml send FILE --deployment N  your own CSV, Parquet, JSON or NumPy file\n"
        "  kafka-ml status                    the platform itself; make down stops it"
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KafkaMLError as error:
        console.print(f"[red]error:[/] {error.message}\n  {error.hint}", markup=True)
        sys.exit(1)
    except subprocess.CalledProcessError as error:
        # The command has said why.
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
