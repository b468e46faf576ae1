"""Brings the platform to where an episode of the seminar begins, for students who have fallen behind:

python examples/seminar/catch_up.py 4.3

What is missing is made, and the numbers (ids) to go on with are printed. Nothing that is there is changed or removed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.journey import FRAMEWORKS, code_of, fit_arguments, wait_all
from examples.running import console, model_of
from examples.seminar.kafka import create_topic
from kafkaml.errors import KafkaMLError
from kafkaml.sdk import Client
from kafkaml.sdk.types import Configuration, Model, RunState, TrainingResult

_EXAMPLES = Path(__file__).resolve().parents[1]
_MNIST = _EXAMPLES / "MNIST_RAW_format"
_CONFIGURATION = "mnist"
_EPOCHS = 5


def _program(client: Client, script: str, *arguments: str) -> None:
    servers = client.kafka_settings().bootstrap_servers
    subprocess.run([sys.executable, str(_EXAMPLES / script), *arguments, "--bootstrap-servers", servers], check=True)


def _readings(client: Client, topic: str, partitions: int, count: int) -> None:
    servers = client.kafka_settings().bootstrap_servers
    if create_topic(servers, topic, partitions):
        _program(client, "seminar/producer.py", topic, "--count", str(count), "--quiet")
    console.print(f"  topic {topic} has readings; take a new name for a group that is to begin at the beginning")


def _models(client: Client) -> list[Model]:
    models = [model_of(client, f"mnist-{framework}", framework, code_of(_MNIST, framework)) for framework in FRAMEWORKS]
    console.print("  models: " + ", ".join(f"{model.id} {model.name}" for model in models))
    return models


def _configuration(client: Client) -> Configuration:
    models = [model.id for model in _models(client)]
    same = (
        configuration
        for configuration in client.configurations.list(search=_CONFIGURATION)
        if configuration.name == _CONFIGURATION and sorted(configuration.models) == sorted(models)
    )
    found = next(same, None) or client.configurations.create(name=_CONFIGURATION, models=models)
    console.print(f"  configuration {found.id} {found.name}")
    return found


def _results(client: Client) -> list[TrainingResult]:
    configuration = _configuration(client)
    for deployment in client.deployments.list(configuration=configuration.id):
        if all(result.state == RunState.FINISHED for result in deployment.results):
            results = list(deployment.results)
            break
    else:
        deployment = client.deployments.create(
            configuration=configuration.id,
            batch_size=32,
            confusion_matrix=True,
            arguments=fit_arguments(_models(client), epochs=_EPOCHS),
        )
        _program(client, "MNIST_RAW_format/mnist_dataset_training_example.py", "--deployment", str(deployment.id))
        results = wait_all(client, deployment)
    console.print("  results: " + ", ".join(f"{result.id} {result.model_name}" for result in results))
    return results


def _flights(client: Client) -> None:
    if create_topic(client.kafka_settings().bootstrap_servers, "ertisdemo", 3):
        _program(client, "flights_malaga/flights_to_kafka.py", "--history", "60", "--rounds", "0")
    console.print("  topic ertisdemo has reports of flights")


_EPISODES: Mapping[str, Callable[[Client], object]] = {
    "2.2": lambda client: create_topic(client.kafka_settings().bootstrap_servers, "iot", 3),
    "2.3": lambda client: _readings(client, "iot", 3, 200),
    "2.4": lambda client: _readings(client, "iot", 3, 200),
    "2.6": lambda client: _readings(client, "crash", 1, 50),
    "4.2": _models,
    "4.3": _results,
    "4.4": _configuration,
    "4.6": _flights,
}
_ALONE = ("1.1", "1.2", "1.3", "1.4", "1.5", "2.1", "2.5", "2.7", "3.1", "3.2", "3.3", "4.1", "4.5")


def main() -> None:
    """Create what the episode expects to exist."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = sorted([*_EPISODES, *_ALONE])
    parser.add_argument("episode", choices=known, help=", ".join(known), metavar="EPISODE")
    episode = parser.parse_args().episode
    if episode in _ALONE:
        console.print(f"{episode} takes nothing for granted but what the page says under Before: begin")
        return
    try:
        with Client() as client:
            _EPISODES[episode](client)
            console.print(f"{episode} can begin; the web UI is at {client.url}")
    except KafkaMLError as error:
        sys.exit(f"{error.message}\n{error.hint}")
    except subprocess.CalledProcessError as error:
        # The command that failed has already said why.
        sys.exit(error.returncode)


if __name__ == "__main__":
    main()
