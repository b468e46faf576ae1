"""Models of TensorFlow / Keras 3: the Handler that builds, trains, evaluates, saves, converts and serves them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kafkaml.errors import BrokenError, UserCodeError
from kafkaml.framework_arguments import Purpose, check_arguments
from kafkaml.jobs import Framework
from mlcode_executor.frameworks import independence, keras_export, keras_report
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
from mlcode_executor.frameworks.keras_loop import FitArguments, KerasLoop
from mlcode_executor.frameworks.losses import describe_loss
from mlcode_executor.frameworks.source import execute, user_code

__all__ = ["PRELOAD", "KerasHandler", "create_handler"]

ARTIFACT = "model.keras"

# Imported by the fork server, so that no request pays for it.
PRELOAD = [
    "mlcode_executor.frameworks.keras",
    "tensorflow",
    "keras",
    "rich.console",
    "rich.table",
    "rich._emoji_codes",
    # Keras loads these on the first summary, save and load.
    "h5py",
]


def create_handler() -> KerasHandler:
    """The entry point of the model process."""
    return KerasHandler()


class KerasHandler(Handler):
    """One Keras model."""

    def __init__(self) -> None:
        self._model: Any = None
        self._code = ""
        self._imports = ""
        self._seed = 0
        self._loop: KerasLoop | None = None
        self._predict: Callable[[Array], list[Array]] | None = None

    def warm_up(self, request: Request) -> dict[str, Any]:
        """Open TensorFlow's device and draw random numbers, as every initialiser does."""
        _make_repeatable(0)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        keras_report.describe(model, distributed=True)
        # Names of layers are numbered: the user's first Dense is "dense", as everywhere.
        keras.backend.clear_session()
        return super().warm_up(request)

    def check_arguments(self, request: Request) -> dict[str, Any]:
        for purpose, method in ((Purpose.FIT, keras.Model.fit), (Purpose.EVALUATION, keras.Model.evaluate)):
            given = request.params.get(purpose) or {}
            # The loop's own, which Keras leaves to whoever makes the batches.
            known = {*inspect.signature(method).parameters, "drop_last"}
            check_arguments(Framework.TENSORFLOW, purpose, given, known=known)
        return {}

    def build(self, request: Request) -> dict[str, Any]:
        self._code = str(request.params["code"])
        self._imports = str(request.params.get("imports") or "")
        self._seed = int(request.params.get("seed") or 0)
        distributed = bool(request.params.get("distributed"))
        _make_repeatable(self._seed)
        _accept_integer_shapes()
        namespace = execute(self._code, self._imports, {"tf": tf, "keras": keras, "np": np})
        self._model = _find_model(namespace, distributed=distributed)
        if not distributed:
            keras_report.check_compiled(self._model, self._code)
        with user_code():
            return keras_report.describe(self._model, distributed=distributed).to_json()

    def describe_loss(self, request: Request) -> dict[str, Any]:
        features = request.array("features")
        self._prepare(features)
        return {
            **describe_loss(self._model.loss),
            "outputs": keras_report.outputs_for(self._model, self._cast, features),
        }

    def fit(self, request: Request) -> dict[str, Any]:
        arguments = dict(request.params.get("arguments") or {})
        self.check_arguments(Request({"fit": arguments}))
        fit_arguments = FitArguments.from_literals(arguments)
        training = request.samples("train_features", "train_labels")
        validation = None
        if len(request.arrays.get("validation_features", ())):
            validation = request.samples("validation_features", "validation_labels")
        loop = self._prepare(training[0])
        progress = ProgressEvents(request.emit, epochs=fit_arguments.epochs)
        with user_code():
            history = loop.fit(
                training,
                validation,
                batch_size=int(request.params["batch_size"]),
                arguments=fit_arguments,
                seed=self._seed,
                progress=progress,
            )
        return {"history": history, "warnings": divergence_warnings(history)}

    def evaluate(self, request: Request) -> dict[str, Any]:
        arguments = dict(request.params.get("arguments") or {})
        self.check_arguments(Request({"evaluation": arguments}))
        samples = request.samples("features", "labels")
        loop = self._prepare(samples[0])
        with user_code():
            metrics = loop.evaluate(samples, batch_size=int(request.params["batch_size"]), steps=arguments.get("steps"))
        return {"metrics": metrics}

    def predict_classes(self, request: Request) -> dict[str, Any]:
        features = request.array("features")
        self._prepare(features)
        predict = self._compile_predict(features.dtype, features.shape[1:])
        return write_classes(request, lambda part: predict(part)[0], logits=self._answers_logits())

    def check_answers(self, request: Request) -> dict[str, Any]:
        features = request.array("features")
        self._prepare(features)
        predict = self._compile_predict(features.dtype, features.shape[1:])
        return {"warnings": independence.findings(predict, features, code=self._code)}

    def artifact_names(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        return {"names": [ARTIFACT]}

    def save(self, request: Request) -> dict[str, Any]:
        with scratch_folder() as folder, user_code():
            path = folder / ARTIFACT
            self._built().save(path)
            return {"artifacts": {ARTIFACT: write_to(request.files[ARTIFACT], path)}}

    def export_onnx(self, request: Request) -> dict[str, Any]:
        features = request.array("features")
        self._prepare(features)
        return keras_export.export_onnx(
            self._answer,
            features,
            self._compile_predict(features.dtype, features.shape[1:]),
            request.files["model.onnx"],
        )

    def load(self, request: Request) -> dict[str, Any]:
        """Load ``model.keras``; the user's code runs first, because it may define layers of its own."""
        custom: dict[str, Any] = {}
        if code := request.params.get("code"):
            _accept_integer_shapes()
            namespace = execute(
                str(code), str(request.params.get("imports") or ""), {"tf": tf, "keras": keras, "np": np}
            )
            custom = {name: each for name, each in namespace.items() if _is_serialisable(each)}
        with scratch_folder() as folder, open_to_read(request.files[ARTIFACT]) as artifact, user_code():
            path = folder / ARTIFACT
            path.write_bytes(artifact.read())
            self._model = keras.saving.load_model(path, custom_objects=custom, compile=False, safe_mode=True)
        shape = tuple(request.params["input"]["shape"])
        dtype = np.dtype(request.params["input"]["dtype"])
        self._predict = self._compile_predict(dtype, shape)
        outputs = self._predict(np.zeros((1, *shape), dtype))
        return {"outputs": [{"dtype": str(each.dtype), "shape": list(each.shape[1:])} for each in outputs]}

    def predict(self, features: Array, /) -> list[Array]:
        if self._predict is None:
            raise BrokenError("predict was called before load")
        with user_code():
            return self._predict(features)

    def _built(self) -> Any:
        if self._model is None:
            raise BrokenError("the model was not built: call build first")
        return self._model

    def _prepare(self, features: Array) -> KerasLoop:
        """Create the weights if only the data can tell their shape; returns the loop for this model."""
        model = self._built()
        if self._loop is None:
            with user_code():
                self._cast = _cast_for(model, features)
                if not model.built:
                    model(self._cast(tf.convert_to_tensor(features[:1])))
            self._loop = KerasLoop(model, cast=self._cast, targets=_targets_for(model))
        return self._loop

    def _answer(self, features: Any) -> list[Any]:
        """The model's outputs for one batch, flat; what ``predict`` and the converted model compute."""
        return list(keras.tree.flatten(self._model(self._cast(features), training=False)))

    def _compile_predict(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Callable[[Array], list[Array]]:
        if not hasattr(self, "_cast"):
            self._cast = _cast_for(self._model, np.zeros((1, *shape), dtype))
        with user_code():
            function = tf.function(self._answer, autograph=False).get_concrete_function(
                tf.TensorSpec((None, *shape), tf.as_dtype(dtype))
            )

        def predict(features: Array) -> list[Array]:
            with user_code():
                return [each.numpy() for each in function(tf.convert_to_tensor(np.ascontiguousarray(features)))]

        return predict

    def _answers_logits(self) -> bool:
        loss = getattr(self._model, "loss", None)
        return bool(getattr(loss, "from_logits", getattr(loss, "_fn_kwargs", {}).get("from_logits", False)))


def _find_model(namespace: Mapping[str, Any], *, distributed: bool) -> Any:
    """Return the global ``model``; of a distributed sub-model, the one keras.Model left whatever its name."""
    model = namespace.get("model")
    if isinstance(model, keras.Model):
        return model
    if model is not None:
        raise UserCodeError(
            f"the global 'model' is of type {type(model).__name__}: expected a keras.Model",
            kind="invalid",
            hint="is this the code of another framework?" if "torch" in type(model).__module__ else "",
        )
    others = {id(each): name for name, each in namespace.items() if isinstance(each, keras.Model)}
    if distributed and len(others) == 1:
        return namespace[next(iter(others.values()))]
    found = ", ".join(sorted(others.values()))
    if distributed and others:
        raise UserCodeError(
            f"the code leaves {len(others)} models ({found}): expected one sub-model",
            kind="invalid",
            hint="paste each sub-model on its own, or name the one that counts 'model'",
        )
    raise UserCodeError(
        "the code defines no global 'model': expected model = keras.Sequential(...) or another keras.Model"
        + (f"; it has {found}" if found else ""),
        kind="missing",
        hint=f"write model = {next(iter(others.values()))} at the end" if others else "",
    )


def _make_repeatable(seed: int) -> None:
    """The same seed on the same data gives the same metrics; without a GPU, to the last bit."""
    keras.utils.set_random_seed(seed % 2**32)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        # Else the first process takes all of its memory; too late once it was used.
        if not tf.config.experimental.get_memory_growth(gpu):
            tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        # Costs a little on a CPU and a lot on a GPU, where repeatability is not promised.
        tf.config.experimental.enable_op_determinism()


@cache
def _accept_integer_shapes() -> None:
    """Accept ``keras.Input(shape=64)``, which Keras 2 did: tutorials have it."""
    original = keras.layers.InputLayer.__init__

    def init(self: Any, shape: Any = None, *arguments: Any, **options: Any) -> None:
        original(self, (shape,) if isinstance(shape, int) else shape, *arguments, **options)

    keras.layers.InputLayer.__init__ = init


def _cast_for(model: Any, features: Array) -> Callable[[Any], Any]:
    """Return what must be done to features before the model takes them.

    Models with declared inputs cast by themselves. A model that only has a ``call`` gets integers as they are if it
    can use them (embeddings), as float32 otherwise (images sent as uint8).
    """
    if features.dtype == np.float64:
        return lambda tensor: tf.cast(tensor, keras.config.floatx())
    if features.dtype.kind == "f" or getattr(model, "inputs", None) or isinstance(model, keras.Sequential):
        return lambda tensor: tensor
    sample = keras.KerasTensor((1, *features.shape[1:]), dtype=str(features.dtype))
    try:
        model.compute_output_spec(sample)
    except (TypeError, ValueError, tf.errors.OpError):
        return lambda tensor: tf.cast(tensor, keras.config.floatx())
    return lambda tensor: tensor


def _targets_for(model: Any) -> Callable[[Any], Any]:
    """Return how one label tensor becomes the targets of all outputs.

    k outputs of one unit each take the k columns of labels (batch, k); otherwise every output gets all labels.
    """
    structure = getattr(model, "_outputs_struct", None)
    outputs = [] if structure is None else keras.tree.flatten(structure)
    if len(outputs) < 2:
        return lambda labels: labels
    single_units = all(output.shape[-1] == 1 for output in outputs)

    def targets(labels: Any) -> Any:
        by_column = single_units and labels.shape.rank == 2 and labels.shape[1] == len(outputs)
        flat = [labels[:, index : index + 1] if by_column else labels for index in range(len(outputs))]
        return keras.tree.pack_sequence_as(structure, flat)

    return targets


def _is_serialisable(value: object) -> bool:
    if inspect.isclass(value):
        return issubclass(value, (keras.layers.Layer, keras.losses.Loss, keras.metrics.Metric)) and (
            value.__module__ == "model_code"
        )
    return inspect.isfunction(value) and value.__module__ == "model_code"
