"""Shared parts of the example programs: their arguments and their output. Each program itself sends the data."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from examples.samples import Samples
from kafkaml.errors import DeadLettered
from kafkaml.sdk import Client

__all__ = ["Load", "Send", "arguments", "ask", "class_of", "train"]


class Load(Protocol):
    """Loads an example's samples, at most ``count``; ``offline`` downloads nothing."""

    def __call__(self, *, offline: bool = False, count: int | None = None) -> Samples: ...


class Send(Protocol):
    """Sends samples to a topic by a sink, and announces them to a deployment."""

    def __call__(self, samples: Samples, deployment_id: int, bootstrap_servers: str, topic: str) -> None: ...


def arguments(about: str | None, *, topic: str | None = None, inference: bool = False) -> argparse.ArgumentParser:
    """Return the argument parser of a program that sends to a deployment or to an inference."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    to = "inference" if inference else "deployment"
    parser.add_argument(f"--{to}", type=int, default=1, help="the number that Kafka-ML shows (default 1)")
    if topic is not None:
        parser.add_argument("--bootstrap-servers", default="127.0.0.1:9092", help="(default 127.0.0.1:9092)")
        parser.add_argument("--topic", default=topic, help=f"(default {topic})")
    parser.add_argument("--count", type=int, help="at most this many samples")
    parser.add_argument("--offline", action="store_true", help="download nothing, take what there is instead")
    return parser


def train(about: str | None, load: Load, send: Send, *, topic: str = "automl") -> None:
    """Run a whole program that sends training data."""
    options = arguments(about, topic=topic).parse_args()
    samples = load(offline=options.offline, count=options.count)
    print(samples.what)
    began = time.monotonic()
    send(samples, options.deployment, options.bootstrap_servers, options.topic)
    seconds = time.monotonic() - began
    print(f"{len(samples.labels)} samples sent in {seconds:.1f} s and announced to deployment {options.deployment}")


def ask(about: str | None, load: Load, *, names: Sequence[str] = (), say: Callable[[Any], str] | None = None) -> int:
    """Run a whole program that asks an inference about unseen samples; returns 1 when some sample has no answer.

    ``names`` are the names of the classes. ``say`` formats a label or an answer of numbers.
    """
    options = arguments(about, inference=True).parse_args()
    samples = load(offline=options.offline)
    print(samples.what)
    features = samples.held_out_features[: options.count or 10]
    with Client() as client:
        answers = client.inferences.predict_batch(options.inference, features)
    refused = [prediction for prediction in answers if isinstance(prediction, DeadLettered)]
    for number, (answer, label) in enumerate(zip(answers, samples.held_out_labels, strict=False)):
        if isinstance(answer, DeadLettered):
            print(f"{number}: {answer}")
        elif samples.classes:
            said = class_of(answer.values)
            right = int(np.ravel(label)[0])
            print(f"{number}: {_named(said, names)} with {answer.values.max():.3f}, is {_named(right, names)}")
        else:
            write = say or (lambda values: np.array2string(np.ravel(values)[:6], precision=2))
            print(f"{number}: {write(answer.values)}, is {write(label)}")
    return 1 if refused else 0


def class_of(values: Any) -> int:
    """Return the predicted class: the likeliest one or, for a single probability, whether it is above one half."""
    numbers = np.ravel(values)
    return int(numbers[0] > 0.5) if numbers.size == 1 else int(numbers.argmax())


def _named(number: int, names: Sequence[str]) -> str:
    return names[number] if number < len(names) else str(number)
