"""The first act of ``make demo``; see ``run``."""

from __future__ import annotations

from examples.digits.run import run
from examples.journey import Effort
from examples.running import heading, run_alone, say_verdict
from kafkaml.sdk import Client

REQUIRED_ACCURACY = 0.93
_NAMES = {"tensorflow": "digits-keras", "pytorch": "digits-pytorch"}


def digits(client: Client) -> bool:
    """Run the example; returns whether both models were right often enough."""
    scores = run(client, Effort())
    heading("Accuracy on the held-out images, through Kafka")
    for score in scores:
        say_verdict(_NAMES[score.framework], score.value, REQUIRED_ACCURACY)
    return all(score.value > REQUIRED_ACCURACY for score in scores)


if __name__ == "__main__":
    run_alone(digits)
