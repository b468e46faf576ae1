"""Shared parts of the examples that go from nothing to predictions: the platform, models, closing words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from kafkaml.errors import KafkaMLError
from kafkaml.sdk import Client
from kafkaml.sdk.types import Model

__all__ = ["console", "heading", "model_of", "run_alone", "say_verdict", "start_platform"]

_KAFKA_ML = Path(sys.executable).with_name("kafka-ml")

console = Console(highlight=False)


def run_alone(*acts: Callable[[Client], bool]) -> NoReturn:
    """Run each act on this machine's platform, started if necessary, and end the program.

    ``KML_URL``, ``KML_TOKEN`` and ``KML_KAFKA_BOOTSTRAP_SERVERS`` name another platform, such as a cluster's. The exit
    status is 1 when an act returns false.
    """
    began = time.monotonic()
    try:
        local = not os.environ.get("KML_URL")
        if local:
            start_platform()
        with Client() as client:
            good = [act(client) for act in acts]
            console.print(f"\nDone in {time.monotonic() - began:.0f} s.", end="\n" if not local else " ")
            if local:
                _say_what_next(client.url)
        sys.exit(0 if all(good) else 1)
    except KafkaMLError as error:
        console.print(f"[red]error:[/] {error.message}\n  {error.hint}", markup=True)
        sys.exit(1)
    except subprocess.CalledProcessError as error:
        # The failed command has already said why.
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)


def heading(text: str) -> None:
    """Announce the next step."""
    console.print(f"\n[bold blue]{text}[/]")


def start_platform() -> None:
    """Start this machine's platform as a user does, unless it runs already."""
    status = _kafka_ml_json("status")
    if status.get("ready"):
        console.print(f"The platform runs already at {status['url']}")
        return
    heading("Start the platform: broker, web server, executors, controller")
    # Progress of the start goes to standard error, where it is shown.
    _kafka_ml("up", "--detach", "--json", stdout=subprocess.DEVNULL, stderr=sys.stdout)


def model_of(client: Client, name: str, framework: str, code: str, **others: Any) -> Model:
    """Return the model of this name, created or changed if necessary; ``others`` are further fields of a new one."""
    for listed in client.models.list(search=name):
        if listed.name == name:
            return client.models.update(listed.id, code=code) if listed.code != code else listed
    model = client.models.create(name=name, framework=framework, code=code, **others)
    console.print(f"  model {model.id} [bold]{name}[/] checked: {(model.report or {}).get('parameters'):,} parameters")
    return model


def say_verdict(name: str, accuracy: float, required: float) -> None:
    """Say how good a model is, and whether that is good enough."""
    verdict = "[green]good[/]" if accuracy > required else f"[red]expected more than {required}[/]"
    console.print(f"  {name:16} [bold]{accuracy:.4f}[/]  {verdict}")


def _kafka_ml(*arguments: str, **streams: Any) -> None:
    # The command is installed next to Python.
    subprocess.run([_KAFKA_ML, *arguments], check=True, **streams)


def _kafka_ml_json(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        subprocess.run([_KAFKA_ML, *arguments, "--json"], check=False, stdout=subprocess.PIPE).stdout
    )
    return document


def _say_what_next(url: str) -> None:
    console.print(f"The platform goes on at [bold]{url}[/]")
    link = _kafka_ml_json("login")["url"]
    console.print(f"Log in (once, within 15 minutes): [bold cyan]{link}[/]", soft_wrap=True)
    console.print(
        "\nTry next (kafka-ml is in .venv/bin):\n"
        "  kafka-ml results list              what was trained; results show ID, results download ID\n"
        "  kafka-ml inferences list           what serves; tail ID shows its predictions live\n"
        "  kafka-ml send FILE --deployment N  your own CSV, Parquet, JSON or NumPy file\n"
        "  kafka-ml datasets infer TOPIC      what a topic of yours would be as a data set\n"
        "  kafka-ml status                    the platform itself; make down stops it"
    )
