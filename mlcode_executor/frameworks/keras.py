"""Models of TensorFlow / Keras 3: the Handler that builds, trains, evaluates, saves, converts and serves them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kafkaml.artifacts import ONNX_FILE
from kafkaml.errors import ArgumentsError, BrokenError, UserCodeError
from kafkaml.frameworks import Purpose
from kafkaml.frameworks.tensorflow import TENSORFLOW
from kafkaml.named_inputs import dtype_from_json
from kafkaml.wire.framework import Framework
from mlcode_executor.frameworks import independence, keras_export, keras_program, keras_report
from mlcode_executor.frameworks.base import Array, Handler, ModelReport, Request, open_to_read, scratch_folder, write_to
from mlcode_executor.frameworks.best_epoch import BestWeights
from mlcode_executor.frameworks.chain import ChainTerms, chain_report, check_reports, of_sub_model, seconds_per_sample
from mlcode_executor.frameworks.class_scores import write_classes
from mlcode_executor.frameworks.fit_progress import FitPlace, Pause, ProgressEvents, fit_answer
from mlcode_executor.frameworks.keras_artifacts import (
    WEIGHTS,
    WHOLE,
    Kept,
    load_weights,
    load_whole,
    save_weights,
    try_artifacts,
)
from mlcode_executor.frameworks.keras_chain import join
from mlcode_executor.frameworks.keras_check import check_servable
from mlcode_executor.frameworks.keras_compat import accept_old_code
from mlcode_executor.frameworks.keras_inputs import cast_for, specs_of, tensors_of
from mlcode_executor.frameworks.keras_loop import FitArguments, KerasLoop
from mlcode_executor.frameworks.keras_model import (
    cast_and_answer,
    find_model,
    is_serialisable,
    make_repeatable,
)
from mlcode_executor.frameworks.keras_outputs import LabelPlan, check_by_name, flat, plan_labels
from mlcode_executor.frameworks.keras_state import (
    averaged,
    copies,
    exchanged,
    new_state,
    own_generator_kept,
    put_copies,
    put_model,
    seeds,
    set_seeds,
    take_model,
)
from mlcode_executor.frameworks.losses import describe_loss
from mlcode_executor.frameworks.source import execute, user_code

__all__ = ["PRELOAD", "KerasHandler", "create_handler"]

# This many samples are enough to see that two models differ.
_COMPARED_SAMPLES = 8

# The fork server imports these modules, so that no request waits for them.
PRELOAD = [
    "mlcode_executor.frameworks.keras",
    "tensorflow",
    "keras",
    "rich.console",
    "rich.table",
    "rich._emoji_codes",
    # Modules that Keras loads on the first summary, save and load.
    "h5py",
]


def create_handler() -> KerasHandler:
    """The entry point of the model process."""
    return KerasHandler()


class KerasHandler(Handler):
    """One Keras model. It has over 300 lines and over 12 fields because each call of the protocol is a method of it."""

    def __init__(self) -> None:
        self._model: Any = None
        self._parts: list[KerasHandler] = []
        self._terms: ChainTerms | None = None
        # The name of a sub-model in a chain, for errors.
        self._name = ""
        self._code = ""
        self._imports = ""
        self._seed = 0
        self._distributed = False
        # The global variable that the code leaves the model in.
        self._variable = "model"
        self._declares_input = False
        # One sample as the model takes it, (1, ...); several inputs in their structure.
        self._sample: Any = None
        # The features and labels that built the model, with which another process can build it again.
        self._seen: tuple[Array, Array] | None = None
        self._place = FitPlace()
        self._best = BestWeights(self._served_copies, lambda weights: put_copies(self._model, weights))
        # Warnings about a training that continued from a state; known once it trains.
        self._lost: list[str] | None = []
        # The first samples seen. A trial with them finds out, once and on request, which files reproduce the model's
        # answers.
        self._compared: Array | None = None
        self._kept: Kept | None = None
        self._custom: dict[str, Any] = {}
        self._plan = LabelPlan(None, None)
        self._loop: KerasLoop | None = None
        self._predict: Callable[[Array], list[Array]] | None = None

    def warm_up(self, request: Request) -> dict[str, Any]:
        """Open TensorFlow's device and draw random numbers, as every initialiser does."""
        make_repeatable()
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        keras_report.describe(model, distributed=True, code="")
        # Names of layers are numbered from the start, so that the user's first Dense is "dense", as everywhere.
        keras.backend.clear_session()
        return super().warm_up(request)

    def build(self, request: Request) -> dict[str, Any]:
        make_repeatable()
        if "chain" in request.params:
            return self._build_chain(request)
        return self._build_one(request).to_json()

    def _build_one(self, request: Request) -> ModelReport:
        self._model = self._execute(request)
        self._declares_input = bool(self._model.built)
        with user_code():
            check_servable(self._model, self._code, alone=not self._distributed)
        if not self._distributed:
            keras_report.check_compiled(self._model, self._code)
        with user_code():
            return keras_report.describe(self._model, distributed=self._distributed, code=self._code)

    def _build_chain(self, request: Request) -> dict[str, Any]:
        chain, seed = request.params["chain"], request.params.get("seed")
        terms = self._terms = ChainTerms.of(chain, request.params["chain_training"])
        self._parts, self._loop, self._sample = [], None, None
        self._seed, reports = int(seed or 0), []
        for part_parameters in chain:
            part = KerasHandler()
            # Layers without a name are numbered as they will be where the sub-model serves.
            keras.backend.clear_session(free_memory=False)
            with of_sub_model(part_parameters["name"]):
                params = {**part_parameters, "seed": seed, "distributed": True}
                reports.append(part._build_one(Request(params)))
            self._parts.append(part)
        check_reports(terms.names, reports, Framework.TENSORFLOW)
        with user_code():
            joint = join([part._model for part in self._parts], terms)
        self._model, self._declares_input = joint.model, True
        return chain_report(terms, reports, notes=joint.notes, labels=describe_loss(terms.loss)["kind"]).to_json()

    def describe_loss(self, request: Request) -> dict[str, Any]:
        features = request.array("features")
        self._create_weights(features)
        # All exits of a chain have the loss and the outputs of the top.
        loss, top = (self._model.loss, self) if self._terms is None else (self._terms.loss, self._parts[-1])
        return {**describe_loss(loss), "outputs": keras_report.outputs_for(top._model, self._cast, features)}

    def describe_part(self, request: Request) -> dict[str, Any]:
        features = request.array("features")
        self._create_weights(features)
        self._compared = np.array(features[:_COMPARED_SAMPLES])
        if self._predict is None:
            self._predict = self._compile_predict(features.dtype, features.shape[1:])
        return {
            "input": list(features.shape[1:]),
            "outputs": keras_report.outputs_for(self._model, self._cast, features),
            "preparation": {},
            "seconds_per_sample": seconds_per_sample(self.predict, features),
        }

    def fit(self, request: Request) -> dict[str, Any]:
        loop, training, fit_arguments = self._to_train(request)
        validation = None
        if len(request.arrays.get("validation_features", ())):
            validation = request.samples("validation_features", "validation_labels")
        pause, place = Pause(request.params.get("pause_seconds")), self._place
        with user_code():
            done = loop.fit(
                training,
                validation,
                batch_size=int(request.params["batch_size"]),
                arguments=fit_arguments,
                seed=self._seed,
                progress=ProgressEvents(request.emit, epochs=fit_arguments.epochs),
                place=place,
                pause=pause,
                best=self._best,
            )
            if not done:
                return {"paused": True, "epoch": place.epoch}
            restored = self._best.restore()
        self._place = FitPlace()
        answer = fit_answer(place, restores=fit_arguments.restores, restored=restored)
        return {**answer, "warnings": [*answer["warnings"], *self._warnings(loop)]}

    def partial_fit(self, request: Request) -> dict[str, Any]:
        loop, training, fit_arguments = self._to_train(request)
        with user_code():
            metrics = loop.partial_fit(training, batch_size=int(request.params["batch_size"]), arguments=fit_arguments)
        return {"metrics": metrics, "learning_rate": loop.learning_rate(), "warnings": self._warnings(loop)}

    def evaluate(self, request: Request) -> dict[str, Any]:
        arguments = dict(request.params.get("arguments") or {})
        TENSORFLOW.check(Purpose.EVALUATION, arguments)
        samples = request.samples("features", "labels")
        loop = self._prepare(*samples)
        champion = request.params.get("champion")
        weights = exchanged(self._model, self._kept_champion()) if champion else nullcontext()
        with user_code(), weights:
            metrics = loop.evaluate(samples, batch_size=int(request.params["batch_size"]), steps=arguments.get("steps"))
        return {"metrics": metrics}

    def save_state(self, request: Request) -> dict[str, Any]:
        if self._seen is None:
            raise BrokenError("the model has seen no samples: call fit, partial_fit or evaluate first")
        state = new_state()
        state["seen"], state["place"] = self._seen, self._place.to_json()
        state["random"] = self.random_numbers()
        with user_code():
            put_model(state, self._model)
        if self._champion is not None:
            state["champion"] = self._champion
        if self._best.kept is not None:
            state["best"] = self._best.kept
        state.write(request.files["state"])
        return {}

    def restore_state(self, request: Request) -> dict[str, Any]:
        model, state = self._built(), new_state().read(request.files["state"])
        self._prepare(*state["seen"])
        with user_code():
            take_model(state, model)
        self._champion = state["champion"] if "champion" in state else None  # noqa: SIM401
        self._best.kept = state["best"] if "best" in state else None  # noqa: SIM401
        self._place, self._lost = FitPlace.from_json(state["place"]), None
        self.set_random_numbers(state["random"])
        return {}

    def keep_champion(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        if self._sample is None:
            raise BrokenError("the model has seen no samples: call fit, partial_fit or evaluate first")
        self._champion = copies(self._model)
        return {}

    def predict_classes(self, request: Request) -> dict[str, Any]:
        features = request.array("features")
        if self._plan.columns is not None:
            raise UserCodeError(
                f"the model has {len(self._plan.columns)} outputs with labels of their own: no single class is "
                "predicted",
                kind="invalid",
            )
        predict = self._predict_of(features)
        return write_classes(request, lambda part: predict(part)[0], logits=self._answers_logits())

    def check_answers(self, request: Request) -> dict[str, Any]:
        features = request.array("features")
        self._create_weights(features)
        predict = self._compile_predict(features.dtype, features.shape[1:])
        return {"warnings": independence.findings(predict, features, code=self._code)}

    def artifact_names(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        if self._kept is None and self._compared is not None:
            self._kept = self._try_artifacts(self._compared)
        kept = self._kept or Kept()
        return {"names": list(kept.names), "warnings": list(kept.warnings)}

    def save(self, request: Request) -> dict[str, Any]:
        """Write the files that were passed: the weights, the program that loads them, the model as Keras writes it."""
        model = self._built()
        sizes: dict[str, int] = {}
        with scratch_folder() as folder:
            for name, descriptor in request.files.items():
                with user_code():
                    if name == WEIGHTS:
                        save_weights(model, folder / name)
                    elif name == WHOLE:
                        model.save(folder / name)
                    else:
                        (folder / name).write_text(self._program(), encoding="utf-8")
                sizes[name] = write_to(descriptor, folder / name)
                (folder / name).unlink()
        return {"artifacts": sizes}

    def export_onnx(self, request: Request) -> dict[str, Any]:
        features = request.array("features")
        self._create_weights(features)
        return keras_export.export_onnx(
            self._answer,
            features,
            self._compile_predict(features.dtype, features.shape[1:]),
            request.files[ONNX_FILE],
        )

    def load(self, request: Request) -> dict[str, Any]:
        """Run the user's code and load the weights into its model, or load ``model.keras`` where only that was kept."""
        shape = tuple(request.params["input"]["shape"])
        dtype = dtype_from_json(request.params["input"]["dtype"])
        features = np.zeros((1, *shape), dtype)
        # A sub-model may have any name here, because training has already identified the model.
        self._model = self._execute(request, distributed=True)
        name = WEIGHTS if WEIGHTS in request.files else WHOLE
        with scratch_folder() as folder, open_to_read(request.files[name]) as artifact, user_code():
            path = folder / name
            with path.open("wb") as file:
                shutil.copyfileobj(artifact, file)
            self._model = self._with_weights(path, features)
        self._predict = self._compile_predict(dtype, shape)
        outputs = self._predict(features)
        return {"outputs": [{"dtype": str(output.dtype), "shape": list(output.shape[1:])} for output in outputs]}

    def predict(self, features: Array, /) -> list[Array]:
        if self._predict is None:
            raise BrokenError("predict was called before load")
        with user_code():
            return self._predict(features)

    def _predict_of(self, features: Array) -> Callable[[Array], list[Array]]:
        self._create_weights(features)
        return self._compile_predict(features.dtype, features.shape[1:])

    def served_weights(self) -> AbstractContextManager[None]:
        return averaged(self._model)

    def _served_copies(self) -> list[Array]:
        """Return the weights that the model would serve with, had its training ended now."""
        with self.served_weights():
            return copies(self._model)

    def random_numbers(self) -> dict[str, Any]:
        return {**super().random_numbers(), "layers": [] if self._model is None else seeds(self._model)}

    def set_random_numbers(self, states: Mapping[str, Any]) -> None:
        super().set_random_numbers(states)
        if self._model is not None:
            set_seeds(self._model, states["layers"])

    def _built(self) -> Any:
        if self._model is None:
            raise BrokenError("the model was not built: call build first")
        return self._model

    def _warnings(self, loop: KerasLoop) -> list[str]:
        """Warnings about the training itself."""
        if self._lost is None:
            said = (
                f"the training was interrupted and went on from a checkpoint, which lacks {loop.unsaved}: it may have "
                "ended otherwise than without the interruption"
            )
            self._lost = [said] if loop.unsaved else []
        return [*self._plan.warnings, *self._lost]

    def _execute(self, request: Request, *, distributed: bool | None = None) -> Any:
        """Run the user's code with the training's seed; returns its model."""
        self._distributed = bool(request.params.get("distributed")) if distributed is None else distributed
        self._name = str(request.params.get("name") or "")
        self._code = str(request.params["code"])
        self._imports = str(request.params.get("imports") or "")
        self._seed = int(request.params.get("seed") or 0)
        accept_old_code()
        return self._rebuild()

    def _rebuild(self) -> Any:
        keras.utils.set_random_seed(self._seed % 2**32)
        namespace = execute(self._code, self._imports, {"tf": tf, "keras": keras, "np": np}, of=self._name)
        self._custom = {name: value for name, value in namespace.items() if is_serialisable(value)}
        self._variable, model = find_model(namespace, distributed=self._distributed)
        return model

    def _with_weights(self, path: Path, features: Array) -> Any:
        """Return the trained model: the model of the code with the weights at ``path``, or the whole model there."""
        if path.name == WHOLE:
            try:
                whole = load_whole(path, self._custom)
                cast_and_answer(whole, features)
                return whole
            except Exception:  # noqa: BLE001, S110  Keras cannot restore everything; the code can
                pass
        if not self._model.built:
            cast_and_answer(self._model, features)
        load_weights(self._model, path)
        return self._model

    def _create_weights(self, features: Array) -> Any:
        """Create the weights if only the data can tell their shape; returns one sample as the model takes it."""
        model = self._built()
        if self._sample is None:
            with user_code():
                self._cast = cast_for(model, features)
                sample = self._cast(tensors_of(features[:1]))
                if not model.built:
                    model(sample)
            self._sample = keras.tree.map_structure(np.asarray, sample)
        return self._sample

    def _to_train(self, request: Request) -> tuple[KerasLoop, tuple[Array, Array], FitArguments]:
        """Return the training loop, the training samples of ``request``, and its checked arguments."""
        arguments = dict(request.params.get("arguments") or {})
        TENSORFLOW.check(Purpose.FIT, arguments)
        fit_arguments = FitArguments.from_literals(arguments)
        training = request.samples("train_features", "train_labels")
        loop = self._prepare(*training)
        if fit_arguments.class_weight and (self._parts or self._plan.columns is not None):
            raise ArgumentsError(
                "class_weight is for models of one output: this one has several", argument="class_weight"
            )
        return loop, training, fit_arguments

    def _prepare(self, features: Array, labels: Array) -> KerasLoop:
        """Make the model ready for these samples; returns the loop for it."""
        sample = self._create_weights(features)
        if self._loop is None:
            with user_code():
                structure = None
                if not self._declares_input and getattr(self._model, "_outputs_struct", None) is None:
                    structure = self._model(sample, training=False)
                    check_by_name(self._model, structure)
                if self._parts:
                    # All exits learn from the same labels.
                    self._plan = LabelPlan(self._model._outputs_struct, None)
                else:
                    self._plan = plan_labels(self._model, labels.shape[1:], structure)
            self._loop = KerasLoop(self._model, cast=self._cast, targets=self._plan.targets)
            self._seen = np.array(features[:1]), np.array(labels[:1])
            self._compared = np.array(features[:_COMPARED_SAMPLES])
        return self._loop

    def _try_artifacts(self, features: Array) -> Kept:
        # Names of layers are numbered from the beginning again, as in a process of its own.
        def rebuild() -> Any:
            with own_generator_kept():
                keras.backend.clear_session(free_memory=False)
                again = self._rebuild()
                if not again.built:
                    cast_and_answer(again, features[:1])
                return again

        return try_artifacts(
            self._model,
            features,
            code=f"{self._imports}\n{self._code}",
            answer=cast_and_answer,
            rebuild=rebuild,
            custom_objects=self._custom,
        )

    def _program(self) -> str:
        return keras_program.write_program(
            self._code if self._variable == "model" else f"{self._code.rstrip()}\nmodel = {self._variable}\n",
            self._imports,
            seed=self._seed,
            sample=None if self._sample is None else keras.tree.map_structure(lambda tensor: tensor[0], self._sample),
            declares_input=self._declares_input,
            versions=keras_report.versions(),
        )

    def _answer(self, features: Any) -> list[Any]:
        """The model's outputs for one batch, in declared order; what ``predict`` and the converted model compute."""
        return list(flat(self._model(self._cast(features), training=False)))

    def _compile_predict(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Callable[[Array], list[Array]]:
        if not hasattr(self, "_cast"):
            self._cast = cast_for(self._model, np.zeros((1, *shape), dtype))
        with user_code():
            function = tf.function(self._answer, autograph=False).get_concrete_function(specs_of(dtype, shape))

        def predict(features: Array) -> list[Array]:
            with user_code():
                return [output.numpy() for output in function(tensors_of(features))]

        return predict

    def _answers_logits(self) -> bool:
        loss = getattr(self._model, "loss", None)
        return bool(getattr(loss, "from_logits", getattr(loss, "_fn_kwargs", {}).get("from_logits", False)))
