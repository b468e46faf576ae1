"""A model in place of a model process: it learns the mean sample of each class. For tests of the modes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np

from mlcode_executor.shared_array import SharedArray


class MeanModel:
    """Behaves like ModelProcess around a framework's handler; ``raises`` makes methods raise."""

    isolation_level = "none"

    def __init__(self, *, input_shape: list[int | None] | None, outputs: int = 2) -> None:
        self.report = {
            "inputs": [{"name": "x", "shape": input_shape, "dtype": "float32"}] if input_shape else [],
            "outputs": [{"name": "y", "shape": [None, outputs], "dtype": "float32"}],
            "versions": {"mean": "1.0"},
            "warnings": [],
        }
        self.loss: dict[str, Any] = {"kind": "", "ignored": None, "outputs": []}
        self.artifacts = ["model.mean"]
        self.raises: dict[str, BaseException] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.on_epoch: Callable[[int], None] = lambda _epoch: None
        self.closed = False
        self.epoch = 0
        # The epoch after which training stops early; the one before it was the best.
        self.stops_after: int | None = None
        self._means = np.zeros(0)

    def call(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        arrays: Mapping[str, SharedArray] | None = None,
        files: Mapping[str, int] | None = None,
        timeout_seconds: float,
        on_event: Callable[[str, dict[str, Any]], None] | None = None,
    ) -> dict[str, Any]:
        assert timeout_seconds > 0
        self.calls.append((method, dict(params or {})))
        if method in self.raises:
            raise self.raises[method]
        mapped = {name: array.array for name, array in (arrays or {}).items()}
        answer: dict[str, Any] = getattr(self, f"_{method}")(params or {}, mapped, files or {}, on_event)
        return answer

    def _build(self, *_: Any) -> dict[str, Any]:
        return self.report

    def _describe_loss(self, *_: Any) -> dict[str, Any]:
        return self.loss

    def _fit(self, params: Any, arrays: Any, _files: Any, on_event: Any) -> dict[str, Any]:
        features, labels = arrays["train_features"], arrays["train_labels"]
        flat = features.reshape(len(features), -1)
        self._means = np.stack([flat[labels == label].mean(axis=0) for label in (0, 1)])
        epochs = params["arguments"].get("epochs", 1)
        started = time.monotonic()
        for epoch in range(self.epoch + 1, epochs + 1):
            on_event("progress", {"epoch": epoch, "epochs": epochs, "batch": 1, "batches": 1, "metrics": {"loss": 1.0}})
            validation = {"loss": 2.0} if "validation_features" in arrays else {}
            reported = {"epoch": epoch, "seconds": 0.1, "training": {"loss": 1 / epoch}, "validation": validation}
            on_event("epoch", {**reported, "learning_rate": {"learning_rate": 0.1}, "best_epoch": epoch})
            self.on_epoch(epoch)
            self.epoch = epoch
            pause = params["pause_seconds"]
            if pause is not None and time.monotonic() - started >= pause and epoch < epochs:
                return {"paused": True, "epoch": epoch}
            if epoch == self.stops_after:
                best = {"epoch": epoch - 1, "monitor": "val_loss", "value": 0.5, "restored": True}
                return {"history": {}, "best": best, "warnings": []}
        return {"history": {}, "best": None, "warnings": []}

    def _save_state(self, _params: Any, _arrays: Any, files: Any, _on_event: Any) -> dict[str, Any]:
        os.write(files["state"], str(self.epoch).encode())
        return {}

    def _restore_state(self, _params: Any, _arrays: Any, files: Any, _on_event: Any) -> dict[str, Any]:
        self.epoch = int(os.read(files["state"], 10))
        return {}

    def _classes(self, features: Any) -> Any:
        flat = features.reshape(len(features), 1, -1)
        return np.square(flat - self._means).sum(axis=2).argmin(axis=1)

    def _evaluate(self, _params: Any, arrays: Any, *_: Any) -> dict[str, Any]:
        hits = self._classes(arrays["features"]) == arrays["labels"]
        return {"metrics": {"accuracy": float(hits.mean())}}

    def _predict_classes(self, _params: Any, arrays: Any, *_: Any) -> dict[str, Any]:
        arrays["out"][:] = self._classes(arrays["features"])
        arrays["confidence"][:] = 0.75
        return {"classes": 2}

    def _check_answers(self, _params: Any, arrays: Any, *_: Any) -> dict[str, Any]:
        assert len(arrays["features"])
        return {"warnings": []}

    def _artifact_names(self, *_: Any) -> dict[str, Any]:
        return {"names": self.artifacts}

    def _save(self, _params: Any, _arrays: Any, files: Any, _on_event: Any) -> dict[str, Any]:
        return {"artifacts": {name: os.write(fd, self._means.tobytes()) for name, fd in files.items()}}

    def _export_onnx(self, _params: Any, arrays: Any, files: Any, _on_event: Any) -> dict[str, Any]:
        os.write(files["model.onnx"], b"onnx of " + str(arrays["features"].shape).encode())
        return {"converted": True, "max_difference": 1e-7, "reason": ""}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.closed = True
