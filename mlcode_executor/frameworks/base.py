"""The contract of a framework: one model in one process, and the methods a runner may call on it.

``create_handler`` of ``keras.py``, ``pytorch.py`` and ``onnx.py`` returns a Handler; the dispatcher inside the model
process (``mlcode_executor/child.py``) passes requests to ``Handler.call``. The fork server imports a module's
``PRELOAD`` and nothing more: an operation run there would make every child hang.
"""

from __future__ import annotations

import os
import platform
import random
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from kafkaml.disk import disk_errors
from kafkaml.errors import BrokenError, DecodeError, UserCodeError
from kafkaml.named_inputs import are_numbers
from mlcode_executor.runtimes import Emit

__all__ = [
    "Array",
    "Emit",
    "Handler",
    "ModelReport",
    "Request",
    "TensorSpec",
    "batch_count",
    "batches_of",
    "common_versions",
    "flat_metrics",
    "open_to_read",
    "scratch_folder",
    "write_to",
]

Array = npt.NDArray[Any]

# The most numbers of one metric: enough for the confusion matrix of twelve classes.
_MOST_VALUES = 144
# Methods that must not influence the training: calling them changes no weight and no random number.
_ASIDE = frozenset(
    {
        "evaluate",
        "predict_classes",
        "artifact_names",
        "save",
        "export_onnx",
        "check_answers",
        "save_state",
        "describe_part",
        "predict_scores",
    }
)
# Methods that run with the weights that the model would serve with.
_AS_SERVED = _ASIDE - {"save_state"} | {"keep_champion"}


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: ``shape`` with the batch axis first, None where a size is not fixed."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class ModelReport:
    """Facts about a model once its code ran. ``warnings`` need attention, ``notes`` only inform.

    ``metrics`` names what an evaluation will give; empty where only an evaluation can tell. ``labels`` is what the loss
    takes as labels, as ``losses.describe_loss`` calls it; empty when unknown. ``proven``: the model has a single input,
    a vector, and refused a vector of another length in a trial.
    """

    summary: str
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    parameters: int
    trainable_parameters: int
    metrics: Sequence[str]
    labels: str
    warnings: Sequence[str]
    notes: Sequence[str]
    versions: Mapping[str, str]
    proven: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Request:
    """One call: plain parameters, arrays by name (mapped, mostly read-only), and open descriptors for reading or
    writing.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    emit: Emit = lambda _name, _data: None

    def array(self, name: str) -> Array:
        """Return the array ``name``; BrokenError when the runner did not pass it."""
        if name not in self.arrays:
            raise BrokenError(f"the call lacks the array {name!r}: got {sorted(self.arrays)}")
        return self.arrays[name]

    def samples(self, features: str, labels: str) -> tuple[Array, Array]:
        """Return features (n, ...) and labels (n, ...); DecodeError when they do not belong together."""
        inputs, targets = self.array(features), self.array(labels)
        if not len(inputs):
            raise DecodeError(f"{features} hold no samples: expected at least one")
        if len(inputs) != len(targets):
            raise DecodeError(f"{features} hold {len(inputs)} samples but {labels} {len(targets)}: expected as many")
        for name, array in ((features, inputs), (labels, targets)):
            if not are_numbers(array.dtype):
                raise DecodeError(
                    f"{name} are of type {array.dtype}: expected numbers",
                    hint="encode texts as numbers before sending them",
                )
        return inputs, targets


class Handler(ABC):
    """One model of one framework. Not thread-safe; ``build`` or ``load`` comes first.

    Methods take a Request and return plain data. They raise UserCodeError for what the user's code does,
    ArgumentsError for arguments, DecodeError for data that no model takes, BrokenError for calls out of order.
    """

    # The weights that ``keep_champion`` kept, in the framework's own form.
    _champion: Any = None
    # The handlers of the sub-models, from below, where the model is a chain of them.
    _parts: Sequence[Handler] = ()

    def call(
        self, method: str, params: Mapping[str, Any], arrays: Mapping[str, Array], files: Mapping[str, int], emit: Emit
    ) -> dict[str, Any]:
        """Run one method by name; with the parameter ``part``, on that sub-model, numbered from below.

        Its ``features`` are then the outputs of the sub-models below for the given ones.
        """
        if method not in self._methods:
            raise BrokenError(f"the model process has no method {method!r}: expected one of {', '.join(self._methods)}")
        request = Request(params, arrays, files, emit)
        with (
            self.same_random_numbers() if method in _ASIDE else nullcontext(),
            self.served_weights() if method in _AS_SERVED else nullcontext(),
        ):
            number = params.get("part")
            if number is None or method == "predict_scores":
                return self._methods[method](request)
            if "features" in arrays:
                request = replace(request, arrays={**arrays, "features": self._below(number, arrays["features"])})
            part: Handler = self._parts[number]
            return part._methods[method](request)

    @property
    def _methods(self) -> Mapping[str, Callable[[Request], dict[str, Any]]]:
        return {
            "warm_up": self.warm_up,
            "check": self.check,
            "build": self.build,
            "describe_loss": self.describe_loss,
            "fit": self.fit,
            "partial_fit": self.partial_fit,
            "evaluate": self.evaluate,
            "predict_classes": self.predict_classes,
            "artifact_names": self.artifact_names,
            "save": self.save,
            "export_onnx": self.export_onnx,
            "load": self.load,
            "check_answers": self.check_answers,
            "save_state": self.save_state,
            "restore_state": self.restore_state,
            "keep_champion": self.keep_champion,
            "describe_part": self.describe_part,
            "predict_scores": self.predict_scores,
        }

    def _below(self, number: int, features: Array) -> Array:
        """Return the outputs of the sub-models below ``number`` for ``features`` (n, ...)."""
        for part in self._parts[:number]:
            features = np.asarray(part.predict(features)[0], np.float32)
        return features

    @contextmanager
    def same_random_numbers(self) -> Iterator[None]:
        """Restore the random number generators after the block, whatever it draws."""
        before = self.random_numbers()
        try:
            yield
        finally:
            self.set_random_numbers(before)

    def served_weights(self) -> AbstractContextManager[None]:
        """Give the model the weights it would serve with for the block, if it trains with others."""
        return nullcontext()

    def _kept_champion(self) -> Any:
        if self._champion is None:
            raise BrokenError("no champion is kept: call keep_champion first")
        return self._champion

    def random_numbers(self) -> dict[str, Any]:
        """Return the states of the process's generators of random numbers, as ``State`` takes them."""
        return {"python": random.getstate(), "numpy": np.random.get_state(legacy=False)}

    def set_random_numbers(self, states: Mapping[str, Any]) -> None:
        """Restore the states that ``random_numbers`` returned."""
        random.setstate(states["python"])
        np.random.set_state(states["numpy"])

    def warm_up(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        """Run a first operation, which is slow in a new process. For processes that wait for a check."""
        return {}

    def check(self, request: Request) -> dict[str, Any]:
        """``{code, imports, distributed?}`` -> the model's report as JSON."""
        return self.build(request)

    @abstractmethod
    def build(self, request: Request) -> dict[str, Any]:
        """``{code, imports, seed?, distributed?}`` -> the model's report as JSON; keeps the model.

        A chain of sub-models instead: ``{chain: [{name, code, imports, loss_weight}], chain_training, seed?}``, from
        below. All methods then act on the whole, whose metrics are ``loss``, the weighted sum, and ``{name}_{metric}``
        of each exit where there are several; with ``part`` they act on one sub-model.
        """

    def describe_loss(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        """The array ``features`` (1, ...) -> ``{kind, ignored, outputs}``: see ``losses.describe_loss``.

        ``outputs`` are the model's ``[{name, shape, dtype}]`` for such samples, empty where they are unknown.
        """
        return {"kind": "", "ignored": None, "outputs": []}

    @abstractmethod
    def fit(self, request: Request) -> dict[str, Any]:
        """``{batch_size, arguments, pause_seconds?}``, arrays ``train_*``, ``validation_*`` -> ``{history, best,
        warnings}``.

        ``best`` is the best epoch, ``{epoch, monitor, value, restored}``; null where none had a number to judge by. The
        model ends with its weights where the arguments ask for that, and they are part of a saved state.

        With ``pause_seconds`` it stops at the end of the first epoch after this time, unless that is the last:
        ``{paused: true, epoch}``. The next ``fit`` with the same arguments continues there, also in another process
        with the restored state.

        Emits ``progress`` at most five times a second and ``epoch`` after each epoch. Features are given to the model
        as they were sent, types being cast as it needs them; any other preparation is described in ``preparation``, an
        object that ``load`` takes. With ``targets_are_features`` the labels are the features again, and get the same
        preparation.
        """

    @abstractmethod
    def partial_fit(self, request: Request) -> dict[str, Any]:
        """``{batch_size, arguments}``, arrays ``train_*`` -> ``{metrics: {name: float}, learning_rate, warnings}``.

        Trains for one pass in the given order. It continues where the previous pass stopped, with its weights and
        optimiser state. ``arguments`` are those of ``fit``; what they say of epochs and of the order has no effect.
        Otherwise as ``fit``, ``preparation`` and ``targets_are_features`` included; emits nothing.
        """

    @abstractmethod
    def evaluate(self, request: Request) -> dict[str, Any]:
        """``{batch_size, arguments, fit_arguments?, champion?}``, arrays ``features``, ``labels`` -> ``{metrics}``.

        Evaluates the weights that ``keep_champion`` kept where ``champion`` is true. Before training, the
        ``fit_arguments`` decide how samples are prepared. ``metrics`` are floats by name.
        """

    @abstractmethod
    def predict_classes(self, request: Request) -> dict[str, Any]:
        """``{batch_size}`` and the arrays ``features``, ``out`` (n,) int64 -> ``{classes}``; fills ``out``.

        Fills the array ``confidence`` (n,) float32 as well where there is one. It is the predicted class's probability.
        """

    @abstractmethod
    def save_state(self, request: Request) -> dict[str, Any]:
        """Write the file ``state``: weights, optimiser, random numbers, champion, where ``fit`` stands -> ``{}``.

        A fresh process with the same code continues from it exactly as this one would, bit by bit on a CPU. Called
        after samples were seen. Raises UserCodeError for a state that cannot be saved.
        """

    @abstractmethod
    def restore_state(self, request: Request) -> dict[str, Any]:
        """Take over the file ``state``, after ``build`` -> ``{preparation}``.

        Raises RefusedError where it is damaged or of another model; the model may then be unusable.
        """

    @abstractmethod
    def keep_champion(self, request: Request) -> dict[str, Any]:
        """Keep the present weights, replacing those kept before, for ``evaluate`` with ``champion`` -> ``{}``."""

    @abstractmethod
    def artifact_names(self, request: Request) -> dict[str, Any]:
        """-> ``{names, warnings?}``: the files that ``save`` writes, and warnings about them.

        Called after training, to find out which files reproduce the trained model.
        """

    @abstractmethod
    def save(self, request: Request) -> dict[str, Any]:
        """Write the trained model into the files passed -> ``{artifacts: {name: bytes}}``."""

    def export_onnx(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        """Write ``model.onnx`` and compare its answers on the array ``features`` -> ``{converted, ...}``.

        ``max_difference`` is the largest absolute difference to the framework's answers, ``reason`` says why
        ``converted`` is false. A model that does not convert is not an error. Called where the framework's description
        says that it ``converts``.
        """
        raise BrokenError("models of this framework are not converted to ONNX")

    @abstractmethod
    def load(self, request: Request) -> dict[str, Any]:
        """``{input: {dtype, shape}, max_batch?, code?, imports?, seed?, preparation?}``, an artifact -> ``{outputs}``.

        ``outputs`` lists ``{dtype, shape}``; each ``shape`` is one sample's. One sample was predicted when this
        returns; the predictor warms the batch sizes up.
        """

    def check_answers(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        """The array ``features``, samples of the training -> ``{warnings}``: reasons why answers in serving would
        surprise.

        Called after training and before the model is kept, to find out whether an answer depends on the other records
        in the batch.
        """
        return {"warnings": []}

    def describe_part(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        """The array ``features``, a few samples -> ``{input, outputs, preparation, seconds_per_sample}``.

        Builds a sub-model. Called for each one, from below, before any other method. ``input`` is the shape of one
        sample, ``outputs`` are ``[{name, shape, dtype}]``.
        """
        raise BrokenError("the model is not a chain of sub-models")

    def predict_scores(self, request: Request) -> dict[str, Any]:
        """``{part?, batch_size}``, arrays ``features`` (n, ...), ``out`` (n, scores) float32 -> ``{}``; fills ``out``.

        Fills in the raw prediction of that sub-model or of the whole model, flattened.
        """
        features, out, number = request.array("features"), request.array("out"), request.params.get("part")
        if number is None:
            predict = self._predict_of(features)
        else:
            part: Handler = self._parts[number]

            def predict(batch: Array) -> list[Array]:
                return part.predict(self._below(number, batch))

        for rows in batches_of(len(features), int(request.params["batch_size"])):
            answers = predict(features[rows])
            out[rows] = answers[-1].reshape(len(answers[-1]), -1)
        return {}

    def _predict_of(self, features: Array) -> Callable[[Array], list[Array]]:  # noqa: ARG002
        """Return a function that answers batches of samples like ``features`` (n, ...), as ``predict`` does after
        loading.
        """
        return self.predict

    @abstractmethod
    def predict(self, features: Array, /) -> list[Array]:
        """Run the loaded model on (batch, *sample_shape); returns one array (batch, ...) for each output."""


def batch_count(count: int, size: int) -> int:
    """Return how many batches ``batches_of`` makes."""
    return -(-count // size) - (count % size == 1 and count > size)


def batches_of(count: int, size: int) -> Iterator[slice]:
    """Yield slices of ``size`` that cover ``count`` rows; nothing for no rows.

    The last is shorter, unless it would hold one row alone, which joins the batch before: BatchNorm cannot train on
    one sample, and ``squeeze()`` would take its batch axis away.
    """
    batches = batch_count(count, size)
    for index in range(batches):
        yield slice(index * size, count if index == batches - 1 else (index + 1) * size)


def flat_metrics(name: str, value: Any) -> dict[str, float]:
    """Return a metric's value as numbers by name: ``f1_0, f1_1`` of a vector, ``name_0_1`` of a matrix, ``name_key``.

    A number, or an array of one, keeps its name. Of too many values to read, only the mean, minimum and maximum are
    kept. Raises UserCodeError for values that are not numbers.
    """
    if isinstance(value, Mapping):
        return {
            part: number
            for key, metric in value.items()
            for part, number in flat_metrics(f"{name}_{key}", metric).items()
        }
    if isinstance(value, (list, tuple)) and any(isinstance(element, Mapping) for element in value):
        return flat_metrics(name, dict(enumerate(value)))
    try:
        # NumPy reads tensors of both frameworks, but those of torch must leave their device and graph first.
        found = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UserCodeError(
            f"the metric {name!r} is {type(value).__name__} ({str(value)[:100]}): expected a number, an array of "
            "numbers, or a dictionary of them",
            kind="invalid",
        ) from error
    if found.size == 1:
        return {name: float(found.reshape(()))}
    if found.size > _MOST_VALUES:
        return {f"{name}_{statistic}": float(getattr(np, statistic)(found)) for statistic in ("mean", "min", "max")}
    return {"_".join([name, *map(str, index)]): float(number) for index, number in np.ndenumerate(found)}


def common_versions() -> dict[str, str]:
    """Versions of what every framework's results depend on."""
    return {"python": platform.python_version(), "numpy": np.__version__}


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder, for libraries that can only write to paths."""
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        yield Path(folder)


def write_to(descriptor: int, source: Path) -> int:
    """Copy a file into a descriptor that the runner opened; returns the bytes written. The descriptor stays open.

    Raises DiskFull where there is no room.
    """
    with disk_errors("the state folder"), source.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        sent = 0
        while sent < size:
            sent += os.sendfile(descriptor, file.fileno(), sent, size - sent)
    return sent


def open_to_read(descriptor: int) -> BinaryIO:
    """Open an artifact that the runner passed, from its beginning; the runner's descriptor stays open."""
    file = os.fdopen(os.dup(descriptor), "rb")
    file.seek(0)
    return file
