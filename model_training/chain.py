"""A chain of sub-models in a plan: the names of its exits, and whose metrics are whose. Pure.

Inside the process metrics are named ``{exit}_{metric}``, as Keras does; whose they are is told by whole names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kafkaml.wire.distributed import ChainTraining, SubModel
from kafkaml.wire.training import TrainingPlan

__all__ = ["TOTAL_LOSS", "ChainMetrics", "chain_params"]

# The weighted sum of all exits' losses, among the metrics of the top.
TOTAL_LOSS = "total_loss"
# What a framework's layers can be called by.
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9_]+")
# What follows the name of a metric with several numbers.
_OF_SEVERAL = re.compile(r"(_\d+)+|_mean|_min|_max")


def chain_params(plan: TrainingPlan) -> dict[str, Any]:
    """Return the parameters by which the model process builds the plan's chain."""
    training = plan.chain_training or ChainTraining()
    return {
        "chain": [
            {"name": name, "code": each.code, "imports": each.imports, "loss_weight": each.loss_weight}
            for name, each in zip(_exit_names(plan.chain), plan.chain, strict=True)
        ],
        "chain_training": training.to_json(),
    }


class ChainMetrics:
    """Metrics of a chain, taken apart: each exit's own, without its name."""

    def __init__(self, plan: TrainingPlan) -> None:
        self._names = _exit_names(plan.chain)
        self._metrics = ("loss", *(plan.chain_training or ChainTraining()).metrics)

    def of(self, number: int, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return those of exit ``number``, from below; ``loss`` is its own. The top has ``total_loss`` beside it."""
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
        """Return what decides about versions: the top's metrics, ``loss`` being that of the whole."""
        found = self.of(len(self._names) - 1, metrics)
        return found | ({"loss": metrics["loss"]} if "loss" in metrics else {})

    @property
    def monitorable(self) -> list[str]:
        """The names of what ``monitored`` returns."""
        return [*self._metrics, *([TOTAL_LOSS] if len(self._names) > 1 else [])]


def _exit_names(chain: Sequence[SubModel]) -> list[str]:
    """Return a name for each exit that a layer can bear: that of its model where that is one, and no other's."""
    names: list[str] = []
    for each in chain:
        plain = _UNNAMEABLE.sub("_", each.model_name).strip("_") or "exit"
        name, number = plain, 2
        while name in names:
            name, number = f"{plain}_{number}", number + 1
        names.append(name)
    return names
