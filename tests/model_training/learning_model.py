"""An incremental model in place of a model process, for tests of incremental training.

Its state depends on every sample and on their order, so it distinguishes two runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.model_training.mean_model import MeanModel


class LearningModel(MeanModel):
    """Learns the mean sample of each class, weighting newer ones more; ``scores[n]`` is its metric after n windows.

    Without scores it is evaluated. ``on_call`` gets each method before it runs.
    """

    def __init__(self, *, outputs: int = 2, scores: Callable[[int], float] | None = None) -> None:
        super().__init__(input_shape=[None, 2], outputs=outputs)
        self.loss = {"kind": "classes", "ignored": None, "outputs": []}
        self.scores = scores
        self.on_call: Callable[[str], None] = lambda _method: None
        self.passes = 0
        self.seen: list[list[float]] = []
        self._means = np.zeros((outputs, 2))
        self._champion: dict[str, Any] | None = None

    def call(self, method: str, *arguments: Any, **more: Any) -> dict[str, Any]:
        self.on_call(method)
        return super().call(method, *arguments, **more)

    @property
    def weights(self) -> list[list[float]]:
        learnt: list[list[float]] = self._means.tolist()
        return learnt

    def _partial_fit(self, _params: Any, arrays: Mapping[str, Any], *_: Any) -> dict[str, Any]:
        self.passes += 1
        self.seen.append(arrays["train_features"][:, 0].tolist())
        for sample, label in zip(arrays["train_features"], arrays["train_labels"], strict=True):
            self._means[int(label) % len(self._means)] *= 0.9
            self._means[int(label) % len(self._means)] += 0.1 * sample
        return {"metrics": {"loss": 1 / self.passes}, "warnings": []}

    def _evaluate(self, params: Mapping[str, Any], arrays: Mapping[str, Any], *_: Any) -> dict[str, Any]:
        own = {"means": self._means, "passes": self.passes}
        state = own if not params.get("champion") else self._champion
        assert state is not None
        if self.scores is not None:
            return {"metrics": {"score": self.scores(state["passes"])}}
        distances = np.square(arrays["features"].reshape(-1, 1, 2) - np.array(state["means"])).sum(axis=2)
        return {"metrics": {"accuracy": float((distances.argmin(axis=1) == arrays["labels"]).mean())}}

    def _keep_champion(self, *_: Any) -> dict[str, Any]:
        self._champion = {"means": self._means.tolist(), "passes": self.passes}
        return {}

    def _save_state(self, _params: Any, _arrays: Any, files: Mapping[str, int], *_: Any) -> dict[str, Any]:
        document = {"means": self.weights, "passes": self.passes, "champion": self._champion}
        os.write(files["state"], json.dumps(document).encode())
        return {}

    def _restore_state(self, _params: Any, _arrays: Any, files: Mapping[str, int], *_: Any) -> dict[str, Any]:
        with open(files["state"], "rb", closefd=False) as file:
            document = json.loads(file.read())
        self._means, self.passes = np.array(document["means"]), document["passes"]
        self._champion = document["champion"]
        return {}
