"""A chain of sub-models in a plan: the names of its exits, and which metrics belong to which exit. Pure.

Inside the process metrics are named ``{exit}_{metric}``, as in Keras. Exits are matched by their whole names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kafkaml.wire.distributed import ChainTraining, SubModel
from kafkaml.wire.training import TrainingPlan

__all__ = ["TOTAL_LOSS", "ChainMetrics", "chain_params"]

# Name of the top's metric that holds the weighted sum of all exits' losses.
TOTAL_LOSS = "total_loss"
# Characters that may not appear in the name of a framework's layer.
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9_]+")
# The suffix of a metric with several numbers.
_OF_SEVERAL = re.compile(r"(_\d+)+|_mean|_min|_max")


def chain_params(plan: TrainingPlan) -> dict[str, Any]:
    """Return the parameters by which the model process builds the plan's chain."""
    training = plan.chain_training or ChainTraining()
    return {
        "chain": [
            {"name": name, "code": part.code, "imports": part.imports, "loss_weight": part.loss_weight}
            for name, part in zip(_exit_names(plan.chain), plan.chain, strict=True)
        ],
        "chain_training": training.to_json(),
    }


class ChainMetrics:
    """The metrics of a chain, split by exit and without the exit's name."""

    def __init__(self, plan: TrainingPlan) -> None:
        self._names = _exit_names(plan.chain)
        self._metrics = ("loss", *(plan.chain_training or ChainTraining()).metrics)

    def of(self, number: int, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return the metrics of exit ``number``, counted from below; ``loss`` is its own. The top also has
        ``total_loss``.
        """
        if not metrics:
            return {}
        if len(self._names) == 1:
            return dict(metrics)
        own = {}
        for metric in self._metrics:
            full = f"{self._names[number]}_{metric}"
            for name, value in metrics.items():
                if name == full or (name.startswith(full) and _OF_SEVERAL.fullmatch(name[len(full) :])):
                    own[name.removeprefix(f"{self._names[number]}_")] = value
        if number == len(self._names) - 1 and "loss" in metrics:
            own[TOTAL_LOSS] = metrics["loss"]
        return own

    def monitored(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return the metrics that decide about versions: the top's, with the ``loss`` of the whole chain."""
        found = self.of(len(self._names) - 1, metrics)
        return found | ({"loss": metrics["loss"]} if "loss" in metrics else {})

    @property
    def monitorable(self) -> list[str]:
        """Return the names of the metrics that ``monitored`` returns."""
        return [*self._metrics, *([TOTAL_LOSS] if len(self._names) > 1 else [])]


def _exit_names(chain: Sequence[SubModel]) -> list[str]:
    """Return a name for each exit that is valid for a layer: its model's name where that is valid and unique."""
    names: list[str] = []
    for part in chain:
        plain = _UNNAMEABLE.sub("_", part.model_name).strip("_") or "exit"
        name, number = plain, 2
        while name in names:
            name, number = f"{plain}_{number}", number + 1
        names.append(name)
    return names
