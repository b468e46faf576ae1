"""The second act of ``make demo``; see ``run``."""

from __future__ import annotations

from examples.journey import Effort
from examples.machines.run import WINDOW, run
from examples.running import heading, run_alone, say_verdict
from kafkaml.sdk import Client

REQUIRED_ACCURACY = 0.8
_NAMES = {"tensorflow": "machines-keras", "pytorch": "machines-pytorch"}


def machines(client: Client) -> bool:
    """Run the example; returns whether both models were right often enough."""
    scores = run(client, Effort())
    heading(f"Accuracy on live readings of later days, by windows of {WINDOW} a machine")
    for score in scores:
        say_verdict(_NAMES[score.framework], score.value, REQUIRED_ACCURACY)
    return all(score.value > REQUIRED_ACCURACY for score in scores)


if __name__ == "__main__":
    run_alone(machines)
