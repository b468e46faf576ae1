"""``make demo``: from nothing to predictions on real handwritten digits, for a Keras and a PyTorch model at once.

Starts this machine's platform when it does not run, or uses the one that ``KML_URL``, ``KML_TOKEN`` and
``KML_KAFKA_BOOTSTRAP_SERVERS`` name, such as a cluster's. Creates two models, trains both from one Kafka stream,
deploys both, predicts images that neither has seen, and says how many were right. Ends with status 1 when either is
right too seldom.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from rich.console import Console

from examples.digits import show
from examples.digits.data import HELD_OUT, Digits, load_digits
from examples.digits.model import KERAS, PYTORCH
from examples.digits.send_inference_data import predict_through_kafka
from examples.digits.send_training_data import send_training_data
from kafkaml.errors import KafkaMLError
from kafkaml.local.state import PlatformStatus, StateDir
from kafkaml.sdk import Client
from kafkaml.sdk.types import Inference, Model, RunState, TrainingResult
from kafkaml.settings import KafkaSettings
from platform_local import platform
from platform_local.access import login_link
from platform_local.display import StartDisplay

REQUIRED_ACCURACY = 0.93
_MODELS = (("digits-keras", "tensorflow", KERAS), ("digits-pytorch", "pytorch", PYTORCH))

console = Console(highlight=False)


def main() -> int:
    """Run the demo; returns the exit status."""
    began = time.monotonic()
    local = None if os.environ.get("KML_URL") else _running_platform()
    broker = KafkaSettings().bootstrap_servers if local is None else local[1].bootstrap_servers
    with Client(*(() if local is None else _address(*local))) as client:
        training, held_out = load_digits()
        models = [_model(client, *each) for each in _MODELS]
        results = _train(client, models, training, broker)
        for result in results:
            show.confusion_matrix(console, result)
        accuracies = _serve(client, results, held_out, broker)
    good = all(accuracy > REQUIRED_ACCURACY for accuracy in accuracies.values())
    _say_accuracies(accuracies)
    console.print(f"\nDone in {time.monotonic() - began:.0f} s.", end="\n" if local is None else " ")
    if local is not None:
        _say_what_next(*local)
    return 0 if good else 1


def _heading(text: str) -> None:
    console.print(f"\n[bold blue]{text}[/]")


def _running_platform() -> tuple[StateDir, PlatformStatus]:
    given = os.environ.get("KML_STATE_DIR")
    options = platform.UpOptions(state_dir=Path(given) if given else None)
    state = platform.choose_state_dir(options)
    if state.is_running():
        status = state.read_status()
        if status is not None and status.ready:
            console.print(f"The platform runs already at {status.url}")
            return state, status
    _heading("1. Start the platform: broker, web server, executors, controller")
    pid = (
        status.supervisor_pid if state.is_running() and status is not None else platform.start_detached(options, state)
    )
    with StartDisplay(console) as display:
        return state, platform.wait_until_ready(state, pid, timeout_seconds=240, on_change=display.on_change)


def _address(state: StateDir, status: PlatformStatus) -> tuple[str, str]:
    return status.url, state.cli_token.read_text(encoding="utf-8").strip()


def _model(client: Client, name: str, framework: str, code: str) -> Model:
    for each in client.models.list(search=name):
        if each.name == name:
            return client.models.update(each.id, code=code) if each.code != code else each
    model = client.models.create(name=name, framework=framework, code=code, description="8x8 handwritten digits")
    console.print(f"  model {model.id} [bold]{name}[/] checked: {(model.report or {}).get('parameters'):,} parameters")
    return model


def _train(client: Client, models: list[Model], training: Digits, bootstrap_servers: str) -> list[TrainingResult]:
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
    send_training_data(training, deployment.id, bootstrap_servers)
    _heading("3. Train, live")
    with show.LiveMetrics(console) as live:
        return [
            client.results.wait_for(each.id, RunState.FINISHED, timeout_seconds=300, on_change=live.update)
            for each in deployment.results
        ]


def _serve(client: Client, results: list[TrainingResult], held_out: Digits, bootstrap_servers: str) -> dict[str, float]:
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
    predictions = predict_through_kafka(
        held_out, inferences[0].input_topic, [each.output_topic for each in inferences], bootstrap_servers
    )
    accuracies = {}
    for result, inference in zip(results, inferences, strict=True):
        predicted = predictions[inference.output_topic]
        accuracies[result.model_name] = float((predicted == held_out.labels).mean())
    show.some_images(console, held_out, {name: predictions[each.output_topic] for name, each in
                                         zip(accuracies, inferences, strict=True)})  # fmt: skip
    return accuracies


def _say_accuracies(accuracies: dict[str, float]) -> None:
    _heading("5. Accuracy on the held-out images, through Kafka")
    for name, accuracy in accuracies.items():
        verdict = (
            "[green]good[/]" if accuracy > REQUIRED_ACCURACY else f"[red]expected more than {REQUIRED_ACCURACY}[/]"
        )
        console.print(f"  {name:16} [bold]{accuracy:.4f}[/]  {verdict}")


def _say_what_next(state: StateDir, status: PlatformStatus) -> None:
    console.print(f"The platform goes on at [bold]{status.url}[/]")
    console.print(f"Log in (once, within 15 minutes): [bold cyan]{login_link(state, status)}[/]", soft_wrap=True)
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
    except KeyboardInterrupt:
        sys.exit(130)
