"""Models of PyTorch with Ignite: the Handler that builds, trains, evaluates, saves, converts and serves them."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kafkaml.artifacts import ONNX_FILE
from kafkaml.errors import BrokenError, UserCodeError
from kafkaml.frameworks import Purpose
from kafkaml.frameworks.pytorch import PYTORCH
from kafkaml.named_inputs import dtype_from_json
from kafkaml.wire.framework import Framework
from mlcode_executor.frameworks import independence, pytorch_export, pytorch_machine, pytorch_report
from mlcode_executor.frameworks.base import Array, Handler, ModelReport, Request, open_to_read, scratch_folder, write_to
from mlcode_executor.frameworks.best_epoch import BestWeights
from mlcode_executor.frameworks.chain import ChainTerms, chain_report, check_reports, of_sub_model, seconds_per_sample
from mlcode_executor.frameworks.class_scores import write_classes
from mlcode_executor.frameworks.fit_progress import FitPlace, Pause, ProgressEvents, fit_answer
from mlcode_executor.frameworks.losses import describe_loss, takes_logits
from mlcode_executor.frameworks.pytorch_chain import Chain
from mlcode_executor.frameworks.pytorch_definitions import Definitions, check_inputs
from mlcode_executor.frameworks.pytorch_forward import Forward, Served
from mlcode_executor.frameworks.pytorch_input import device
from mlcode_executor.frameworks.pytorch_loop import FitArguments, TorchLoop
from mlcode_executor.frameworks.pytorch_named import (
    AnyPreparation,
    choose,
    fitting,
    preparation_from_json,
    tensors_of,
)
from mlcode_executor.frameworks.pytorch_names import NAMES, find_model
from mlcode_executor.frameworks.pytorch_program import write_program
from mlcode_executor.frameworks.pytorch_state import (
    copies,
    exchanged,
    new_state,
    put_copies,
    put_model,
    put_weights,
    take_model,
    take_weights,
)
from mlcode_executor.frameworks.pytorch_weights import load_weights, save_weights
from mlcode_executor.frameworks.source import execute, user_code

__all__ = ["PRELOAD", "PyTorchHandler", "create_handler"]

(WEIGHTS,) = PYTORCH.artifacts
PROGRAM = "model.py"

# Larger models are not rebuilt for a comparison, because that needs their memory twice.
_MOST_REBUILT_BYTES = 256 << 20
_REBUILT_SAMPLES = 8

# The fork server imports these modules, so that no request waits for them. The first optimiser would otherwise import
# torch._dynamo.
PRELOAD = ["torch", "torch._dynamo", "torch.optim", "ignite.engine", "ignite.metrics", "safetensors.torch"]


def create_handler() -> PyTorchHandler:
    """The entry point of the model process."""
    return PyTorchHandler()


class PyTorchHandler(Handler):
    """One PyTorch model.

    It has over 300 lines and over 12 fields because each call of the protocol is a method of it.
    """

    def __init__(self) -> None:
        self._model: Any = None
        self._parts: list[PyTorchHandler] = []
        self._terms: ChainTerms | None = None
        # The name of a sub-model in a chain, for errors.
        self._name = ""
        self._code = ""
        self._imports = ""
        self._seed = 0
        self._to_tensor = True
        self._targets_are_features = False
        self._forward: Forward | None = None
        self._loop: TorchLoop | None = None
        # The samples that built the model, with which another process can build it again.
        self._seen: Array | None = None
        self._place = FitPlace()
        self._best = BestWeights(lambda: copies(self._model), lambda weights: put_copies(self._model, weights))
        self._warnings: list[str] = []

    def warm_up(self, request: Request) -> dict[str, Any]:
        """Run the steps of a check once, with a model of one parameter."""
        model = nn.Sequential(nn.Linear(1, 1))
        torch.optim.Adam(model.parameters())
        pytorch_report.output_of(model, (1,))
        model(torch.zeros(2, 1))
        return super().warm_up(request)

    def check(self, request: Request) -> dict[str, Any]:
        return self._build(request, trial=True).to_json()

    def build(self, request: Request) -> dict[str, Any]:
        if "chain" in request.params:
            return self._build_chain(request)
        return self._build(request, trial=False).to_json()

    def _build(self, request: Request, *, trial: bool) -> ModelReport:
        self._name = str(request.params.get("name") or "")
        self._code = str(request.params["code"])
        self._imports = str(request.params.get("imports") or "")
        self._seed = int(request.params.get("seed") or 0)
        self._model, self._loop, self._forward = self._execute(), None, None
        distributed = bool(request.params.get("distributed"))
        check_inputs(self._model, alone=not distributed)
        if not distributed:
            Definitions(self._model).check()
        with user_code():
            return pytorch_report.describe(self._model, self._code, trial=trial, distributed=distributed)

    def _build_chain(self, request: Request) -> dict[str, Any]:
        chain, seed = request.params["chain"], request.params.get("seed")
        terms = self._terms = ChainTerms.of(chain, request.params["chain_training"])
        self._parts, self._loop, self._forward = [], None, None
        self._seed, reports = int(seed or 0), []
        for part_parameters in chain:
            part = PyTorchHandler()
            with of_sub_model(part_parameters["name"]):
                params = {**part_parameters, "seed": seed, "distributed": True}
                reports.append(part._build(Request(params), trial=False))
            self._parts.append(part)
        check_reports(terms.names, reports, Framework.PYTORCH)
        # The code of the lowest sub-model decides how samples are prepared.
        self._code = self._parts[0]._code
        self._model = Chain([part._model for part in self._parts], terms)
        return chain_report(terms, reports, notes=(), labels=describe_loss(terms.loss)["kind"]).to_json()

    def describe_loss(self, request: Request) -> dict[str, Any]:
        model, features = self._built(), np.array(request.array("features"))
        loss = Definitions(model).loss_fn() if self._terms is None else self._terms.loss
        outputs = pytorch_report.outputs_for(model, features, self._code)
        # All exits of a chain have the loss and the outputs of the top.
        return {**describe_loss(loss), "outputs": outputs if self._terms is None else outputs[-1:]}

    def describe_part(self, request: Request) -> dict[str, Any]:
        features = np.array(request.array("features"))
        forward = self._seen_by(features)
        return {
            "input": list(features.shape[1:]),
            "outputs": pytorch_report.outputs_of(forward, features),
            "preparation": forward.preparation.to_json(),
            "seconds_per_sample": seconds_per_sample(self.predict, features),
        }

    def fit(self, request: Request) -> dict[str, Any]:
        training, fit_arguments = self._to_train(request)
        validation = None
        if len(request.arrays.get("validation_features", ())):
            validation = _samples(request, "validation_features", "validation_labels")
        pause, place = Pause(request.params.get("pause_seconds")), self._place
        with user_code():
            done = self._prepared(training[0]).fit(
                training,
                validation,
                batch_size=int(request.params["batch_size"]),
                arguments=fit_arguments,
                seed=self._seed,
                progress=ProgressEvents(request.emit, epochs=fit_arguments.max_epochs),
                place=place,
                pause=pause,
                best=self._best,
            )
        if not done:
            return {"paused": True, "epoch": place.epoch}
        self._place = FitPlace()
        answer = fit_answer(place, restores=fit_arguments.restores, restored=self._best.restore())
        return {
            **answer,
            "warnings": [*self._warnings, *answer["warnings"]],
            "preparation": self._prepared_forward().preparation.to_json(),
        }

    def partial_fit(self, request: Request) -> dict[str, Any]:
        training, _ = self._to_train(request)
        with user_code():
            metrics = self._prepared(training[0]).partial_fit(training, batch_size=int(request.params["batch_size"]))
        return {
            "metrics": metrics,
            "learning_rate": self._the_loop().learning_rate(),
            "warnings": list(self._warnings),
            "preparation": self._prepared_forward().preparation.to_json(),
        }

    def evaluate(self, request: Request) -> dict[str, Any]:
        arguments = dict(request.params.get("arguments") or {})
        PYTORCH.check(Purpose.EVALUATION, arguments)
        samples = _samples(request, "features", "labels")
        steps = arguments.get("steps") or arguments.get("epoch_length")
        if self._loop is None:
            self._look_at(request, FitArguments.from_literals(request.params.get("fit_arguments") or {}))
        with user_code():
            loop = self._prepared(samples[0])
            weights = exchanged(self._model, self._kept_champion()) if request.params.get("champion") else nullcontext()
            with weights:
                return {"metrics": loop.evaluate(samples, batch_size=int(request.params["batch_size"]), steps=steps)}

    def save_state(self, request: Request) -> dict[str, Any]:
        preparation, state = self._prepared_forward().preparation, new_state()
        state["preparation"], state["seen"] = preparation.to_json(), self._seen
        state["loop"] = [self._to_tensor, self._targets_are_features, self._warnings]
        state["place"] = self._place.to_json()
        state["random"] = self.random_numbers()
        with user_code():
            put_model(state, self._model, self._the_loop().optimizer)
        if self._champion is not None:
            put_weights(state, "champion", self._champion)
        if self._best.kept is not None:
            put_weights(state, "best", self._best.kept)
        state.write(request.files["state"])
        return {}

    def restore_state(self, request: Request) -> dict[str, Any]:
        model, state = self._built(), new_state().read(request.files["state"])
        self._to_tensor, self._targets_are_features, self._warnings = state["loop"]
        preparation, self._seen = preparation_from_json(state["preparation"]), state["seen"]
        with user_code():
            self._give(model.to(device()), preparation, state["seen"])
            self._look_at_exits()
            self._loop = TorchLoop(self._prepared_forward(), targets_are_features=self._targets_are_features)
            take_model(state, model, self._loop.new_optimizer)
        self._champion = take_weights(state, "champion", model) if "champion" in state else None
        self._best.kept = take_weights(state, "best", model) if "best" in state else None
        self._place = FitPlace.from_json(state["place"])
        self.set_random_numbers(state["random"])
        return {"preparation": preparation.to_json()}

    def keep_champion(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        self._prepared_forward()
        self._champion = copies(self._model)
        return {}

    def predict_classes(self, request: Request) -> dict[str, Any]:
        predict = self._predict_of(request.array("features"))
        logits = takes_logits(Definitions(self._model).loss_fn())
        return write_classes(request, lambda part: predict(part)[0], logits=logits)

    def _predict_of(self, features: Array) -> Callable[[Array], list[Array]]:
        self._prepared(features)
        return self.predict

    def artifact_names(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        return {"names": [WEIGHTS, PROGRAM]}

    def save(self, request: Request) -> dict[str, Any]:
        """Write the weights, and the program that loads them; either alone when only one file was passed."""
        model = self._built()
        sizes: dict[str, int] = {}
        with scratch_folder() as folder, user_code():
            if WEIGHTS in request.files:
                path = folder / WEIGHTS
                save_weights(model, path)
                sizes[WEIGHTS] = write_to(request.files[WEIGHTS], path)
            if PROGRAM in request.files:
                path = folder / PROGRAM
                program = write_program(
                    self._code,
                    self._imports,
                    pytorch_report.versions(),
                    seed=self._seed,
                    preparation=self._forward.preparation if self._forward else None,
                )
                path.write_text(program, encoding="utf-8")
                sizes[PROGRAM] = write_to(request.files[PROGRAM], path)
        return {"artifacts": sizes}

    def export_onnx(self, request: Request) -> dict[str, Any]:
        features = np.array(request.array("features"))
        self._seen_by(features)
        # The model moves to the CPU for good, because conversion is for serving on a CPU and is the last use of the
        # model.
        model = self._model.cpu().eval()
        served = Served(self._prepared_forward()).eval()

        def predict(part: Array) -> list[Array]:
            with torch.no_grad(), user_code():
                tensors = tensors_of(part, torch.device("cpu"))
                given = tensors.values() if isinstance(tensors, dict) else [tensors]
                return [output.numpy() for output in served(*given)]

        try:
            return pytorch_export.export_onnx(served, features, predict, request.files[ONNX_FILE])
        finally:
            model.to(device())

    def load(self, request: Request) -> dict[str, Any]:
        """Run the code and load ``model.safetensors`` into the model that it leaves."""
        self._code = str(request.params["code"])
        self._imports = str(request.params.get("imports") or "")
        self._seed = int(request.params.get("seed") or 0)
        with open_to_read(request.files[WEIGHTS]) as weights, scratch_folder() as folder:
            path = folder / WEIGHTS
            path.write_bytes(weights.read())
            self._model = self._rebuilt(path)
        shape = tuple(request.params["input"]["shape"])
        known = request.params.get("preparation")
        with user_code():
            dtype = dtype_from_json(request.params["input"]["dtype"])
            preparation = fitting(self._model, dtype, shape, preparation_from_json(known) if known else None)
            sample = np.zeros((1, *shape), dtype)
            self._forward = Forward(self._model, preparation, sample.reshape(1, *preparation.sample))
        outputs = self.predict(sample)
        return {"outputs": [{"dtype": str(output.dtype), "shape": list(output.shape[1:])} for output in outputs]}

    def check_answers(self, request: Request) -> dict[str, Any]:
        features = np.array(request.array("features"))
        self._seen_by(features)
        on_gpu = device().type == "cuda"
        findings = independence.findings(self.predict, features, code=self._code, exact=not on_gpu)
        return {"warnings": [*findings, *self._rebuild_findings(features)]}

    def predict(self, features: Array, /) -> list[Array]:
        forward = self._prepared_forward()
        if features.shape[1:] != forward.preparation.sample:
            features = features.reshape(len(features), *forward.preparation.sample)
        with user_code():
            return forward.predict(features)

    def _execute(self) -> Any:
        """Run the code as at first, with the same random numbers; returns the model that it leaves."""
        random.seed(self._seed)
        np.random.seed(self._seed % 2**32)
        # torch.manual_seed would format a stack trace for a GPU that is not there yet.
        torch.default_generator.manual_seed(self._seed)
        if device().type == "cuda":
            torch.cuda.manual_seed_all(self._seed)
        # Ignore the warning that mapped arrays are read-only, because they are copied before any write.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        pytorch_machine.accept(f"{self._imports}\n{self._code}")
        return find_model(execute(self._code, self._imports, NAMES, of=self._name))

    def _rebuilt(self, weights: Path) -> Any:
        """Return the model as in serving: the code's model with the file's weights, on the device, in evaluation."""
        model = self._execute()
        with user_code():
            load_weights(model, weights)
            return model.to(device()).eval()

    def _rebuild_findings(self, features: Array) -> list[str]:
        """Return a warning unless the code and the weights alone reproduce the trained model's answers."""
        model = self._built()
        if sum(parameter.nbytes for parameter in model.parameters()) > _MOST_REBUILT_BYTES:
            return []
        features = features[:_REBUILT_SAMPLES]
        try:
            with scratch_folder() as folder:
                path = folder / WEIGHTS
                save_weights(model, path)
                rebuilt = self._rebuilt(path)
            with user_code():
                other = Forward(rebuilt, self._prepared_forward().preparation, features).predict(features)
        except UserCodeError as error:
            return [f"the trained model cannot be made again from its code and weights: {error.message}"]
        answers = self.predict(features)
        if independence.largest_difference(answers, self.predict(features)) is not None:
            # Random answers cannot be compared, and another check has already warned about them.
            return []
        difference = independence.largest_difference(answers, other)
        return [] if difference is None else [pytorch_report.rebuild_warning(model, difference)]

    def random_numbers(self) -> dict[str, Any]:
        on_gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
        return {**super().random_numbers(), "torch": torch.get_rng_state(), "cuda": on_gpu}

    def set_random_numbers(self, states: Mapping[str, Any]) -> None:
        super().set_random_numbers(states)
        torch.set_rng_state(states["torch"])
        if states["cuda"] and torch.cuda.device_count() == len(states["cuda"]):
            torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])

    def _built(self) -> Any:
        if self._model is None:
            raise BrokenError("the model was not built: call build or load first")
        return self._model

    def _to_train(self, request: Request) -> tuple[tuple[Array, Array], FitArguments]:
        """Return the training samples of ``request`` and its arguments, checked."""
        arguments = dict(request.params.get("arguments") or {})
        PYTORCH.check(Purpose.FIT, arguments)
        fit_arguments = FitArguments.from_literals(arguments)
        training = _samples(request, "train_features", "train_labels")
        if device().type == "cpu":
            # The same results each time are not promised on a GPU, where determinism would slow training down.
            torch.use_deterministic_algorithms(True, warn_only=True)
        self._look_at(request, fit_arguments)
        return training, fit_arguments

    def _look_at(self, request: Request, fit_arguments: FitArguments) -> None:
        """Remember what decides how samples are prepared; used when the first samples are prepared."""
        self._to_tensor = fit_arguments.to_tensor
        self._targets_are_features = bool(request.params.get("targets_are_features"))

    def _prepared(self, features: Array) -> TorchLoop:
        """Return the loop for the model, which is made ready for ``features`` (n, ...)."""
        if self._loop is None:
            forward = self._seen_by(features)
            with user_code():
                self._look_at_exits()
                self._loop = TorchLoop(forward, targets_are_features=self._targets_are_features)
        return self._loop

    def _seen_by(self, features: Array) -> Forward:
        """Find out how the model takes ``features`` (n, ...) and put it on its device."""
        if self._forward is None:
            with user_code():
                model = self._built().to(device())
                preparation, self._warnings = choose(model, features, to_tensor=self._to_tensor, code=self._code)
                self._seen = np.array(features[[0, -1]])
                self._give(model, preparation, self._seen)
        return self._prepared_forward()

    def _give(self, model: Any, preparation: AnyPreparation, seen: Array) -> None:
        """Give samples to ``model``, which is on its device, as ``preparation`` says from now on."""
        self._forward = Forward(model, preparation, seen)
        if self._parts:
            # Only the lowest sub-model gets the samples themselves; the others get outputs.
            self._parts[0]._give(self._parts[0]._model, preparation, seen)

    def _look_at_exits(self) -> None:
        """Let a chain see what its exits answer, before it has learnt anything."""
        if self._parts and self._seen is not None:
            preparation = self._prepared_forward().preparation
            self._model.look(preparation.tensor(np.ascontiguousarray(self._seen), device()))

    def _the_loop(self) -> TorchLoop:
        if self._loop is None:
            raise BrokenError("the model has seen no samples: call fit, partial_fit or evaluate first")
        return self._loop

    def _prepared_forward(self) -> Forward:
        if self._forward is None:
            raise BrokenError("the model has seen no samples: call load, or fit or evaluate first")
        return self._forward


def _samples(request: Request, features: str, labels: str) -> tuple[Array, Array]:
    """Return features and labels; where the features are their own labels, in the shape in which they were sent."""
    inputs, targets = request.samples(features, labels)
    return (inputs, inputs) if request.params.get("targets_are_features") else (inputs, targets)
