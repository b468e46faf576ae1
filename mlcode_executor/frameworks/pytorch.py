"""Models of PyTorch with Ignite: the Handler that builds, trains, evaluates, saves, converts and serves them."""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import ignite.metrics
import numpy as np
import safetensors.torch
import torch
from torch import nn

from kafkaml.errors import BrokenError, UserCodeError
from kafkaml.framework_arguments import Purpose, check_arguments
from kafkaml.jobs import Framework
from mlcode_executor.frameworks import pytorch_export, pytorch_report
from mlcode_executor.frameworks.base import (
    Array,
    Handler,
    ProgressEvents,
    Request,
    divergence_warnings,
    open_to_read,
    scratch_folder,
    write_to,
)
from mlcode_executor.frameworks.class_scores import write_classes
from mlcode_executor.frameworks.pytorch_loop import (
    FitArguments,
    TorchLoop,
    device,
    features_dtype,
    to_tensor,
)
from mlcode_executor.frameworks.pytorch_program import write_program
from mlcode_executor.frameworks.source import execute, user_code

__all__ = ["PRELOAD", "PyTorchHandler", "create_handler"]

WEIGHTS = "model.safetensors"
PROGRAM = "model.py"

# Imported by the fork server, so that no request pays for it: the first optimiser would import torch._dynamo.
PRELOAD = ["torch", "torch._dynamo", "torch.optim", "ignite.engine", "ignite.metrics", "safetensors.torch"]


def create_handler() -> PyTorchHandler:
    """The entry point of the model process."""
    return PyTorchHandler()


class PyTorchHandler(Handler):
    """One PyTorch model."""

    def __init__(self) -> None:
        self._model: Any = None
        self._code = ""
        self._imports = ""
        self._seed = 0
        self._loop: TorchLoop | None = None

    def warm_up(self, request: Request) -> dict[str, Any]:
        """Go once through what a check does, with a model of one parameter."""
        model = nn.Sequential(nn.Linear(1, 1))
        torch.optim.Adam(model.parameters())
        pytorch_report.output_of(model, (1,))
        return super().warm_up(request)

    def check_arguments(self, request: Request) -> dict[str, Any]:
        for purpose in Purpose:
            check_arguments(Framework.PYTORCH, purpose, request.params.get(purpose) or {})
        return {}

    def build(self, request: Request) -> dict[str, Any]:
        self._seed = int(request.params.get("seed") or 0)
        self._model = self._execute(request)
        pytorch_report.check_definitions(self._model)
        with user_code():
            return pytorch_report.describe(self._model).to_json()

    def fit(self, request: Request) -> dict[str, Any]:
        arguments = dict(request.params.get("arguments") or {})
        self.check_arguments(Request({"fit": arguments}))
        fit_arguments = FitArguments.from_literals(arguments)
        training = request.samples("train_features", "train_labels")
        validation = None
        if len(request.arrays.get("validation_features", ())):
            validation = request.samples("validation_features", "validation_labels")
        if device().type == "cpu":
            # Not promised on a GPU, where it would slow training down.
            torch.use_deterministic_algorithms(True, warn_only=True)
        with user_code():
            history = self._prepared().fit(
                training,
                validation,
                batch_size=int(request.params["batch_size"]),
                arguments=fit_arguments,
                seed=self._seed,
                progress=ProgressEvents(request.emit, epochs=fit_arguments.max_epochs),
            )
        return {"history": history, "warnings": divergence_warnings(history)}

    def evaluate(self, request: Request) -> dict[str, Any]:
        arguments = dict(request.params.get("arguments") or {})
        self.check_arguments(Request({"evaluation": arguments}))
        samples = request.samples("features", "labels")
        steps = arguments.get("steps") or arguments.get("epoch_length")
        with user_code():
            return {
                "metrics": self._prepared().evaluate(samples, batch_size=int(request.params["batch_size"]), steps=steps)
            }

    def predict_classes(self, request: Request) -> dict[str, Any]:
        self._prepared()
        logits = isinstance(self._model.loss_fn(), nn.BCEWithLogitsLoss | nn.CrossEntropyLoss)
        return write_classes(request, lambda part: self.predict(part)[0], logits=logits)

    def artifact_names(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        return {"names": [WEIGHTS, PROGRAM]}

    def save(self, request: Request) -> dict[str, Any]:
        """Write the weights, and the program that loads them; either alone when only one file was passed."""
        model = self._built()
        sizes: dict[str, int] = {}
        with scratch_folder() as folder, user_code():
            if WEIGHTS in request.files:
                path = folder / WEIGHTS
                # Knows of tensors that share memory, which a plain dictionary of tensors may not.
                safetensors.torch.save_model(model, str(path))
                sizes[WEIGHTS] = write_to(request.files[WEIGHTS], path)
            if PROGRAM in request.files:
                path = folder / PROGRAM
                path.write_text(write_program(self._code, self._imports, pytorch_report.versions()), encoding="utf-8")
                sizes[PROGRAM] = write_to(request.files[PROGRAM], path)
        return {"artifacts": sizes}

    def export_onnx(self, request: Request) -> dict[str, Any]:
        self._prepared()
        # Conversion is for serving on a CPU, and the last thing that is done with the model.
        model = self._model.cpu().eval()
        served = _Served(model, features_dtype(model)).eval()
        features = np.array(request.array("features"))

        def predict(part: Array) -> list[Array]:
            with torch.no_grad(), user_code():
                return [each.numpy() for each in served(torch.from_numpy(part))]

        try:
            return pytorch_export.export_onnx(served, features, predict, request.files["model.onnx"])
        finally:
            model.to(device())

    def load(self, request: Request) -> dict[str, Any]:
        """Run the code and load ``model.safetensors`` into the model that it leaves."""
        self._model = self._execute(request)
        with scratch_folder() as folder, open_to_read(request.files[WEIGHTS]) as weights, user_code():
            path = folder / WEIGHTS
            path.write_bytes(weights.read())
            safetensors.torch.load_model(self._model, str(path))
            self._model.to(device()).eval()
        shape = tuple(request.params["input"]["shape"])
        outputs = self.predict(np.zeros((1, *shape), np.dtype(request.params["input"]["dtype"])))
        return {"outputs": [{"dtype": str(each.dtype), "shape": list(each.shape[1:])} for each in outputs]}

    def predict(self, features: Array, /) -> list[Array]:
        model = self._built()
        if model.training:
            model.eval()
        with user_code(), torch.no_grad():
            answer = model(to_tensor(features, features_dtype(model), device()))
            return [each.cpu().numpy() for each in _flat(answer)]

    def _execute(self, request: Request) -> Any:
        self._code = str(request.params["code"])
        self._imports = str(request.params.get("imports") or "")
        random.seed(self._seed)
        np.random.seed(self._seed % 2**32)
        # torch.manual_seed would format a stack trace for a GPU that is not there yet.
        torch.default_generator.manual_seed(self._seed)
        if device().type == "cuda":
            torch.cuda.manual_seed_all(self._seed)
        # Mapped arrays are read-only on purpose; what is written to is copied first.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return _find_model(execute(self._code, self._imports, _NAMES))

    def _built(self) -> Any:
        if self._model is None:
            raise BrokenError("the model was not built: call build or load first")
        return self._model

    def _prepared(self) -> TorchLoop:
        if self._loop is None:
            with user_code():
                self._loop = TorchLoop(self._built())
        return self._loop


class _Served(nn.Module):
    """The model as it is served: features as they were sent in, a tuple of outputs out."""

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self._model = model
        self._dtype = dtype

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(_flat(self._model(features.to(self._dtype))))


def _flat(answer: Any) -> Sequence[torch.Tensor]:
    """Return the tensors of an answer: one, several, or a dict of them, in order."""
    if isinstance(answer, torch.Tensor):
        return [answer]
    if isinstance(answer, Mapping):
        return [tensor for each in answer.values() for tensor in _flat(each)]
    if isinstance(answer, (list, tuple)):
        return [tensor for each in answer for tensor in _flat(each)]
    raise UserCodeError(f"the model's forward returns {type(answer).__name__}: expected tensors", kind="invalid")


# What the code may use without an import.
_NAMES: Mapping[str, Any] = {
    "torch": torch,
    "nn": nn,
    "np": np,
    **{
        name: value
        for name, value in vars(ignite.metrics).items()
        if isinstance(value, type) and issubclass(value, ignite.metrics.Metric)
    },
}


def _find_model(namespace: Mapping[str, Any]) -> Any:
    model = namespace.get("model")
    if isinstance(model, nn.Module):
        return model
    others = [name for name, each in namespace.items() if isinstance(each, nn.Module)]
    classes = [
        name
        for name, each in namespace.items()
        if isinstance(each, type) and issubclass(each, nn.Module) and each.__module__ == "model_code"
    ]
    hint = f"write model = {others[0]} at the end" if others else ""
    hint = hint or (f"write model = {classes[-1]}() at the end" if classes else "")
    if model is not None:
        kind = type(model).__module__
        raise UserCodeError(
            f"the global 'model' is of type {type(model).__name__}: expected a torch.nn.Module",
            kind="invalid",
            hint="is this the code of another framework?" if kind.startswith("keras") else hint,
        )
    raise UserCodeError(
        "the code defines no global 'model': expected an instance of a torch.nn.Module", kind="missing", hint=hint
    )
