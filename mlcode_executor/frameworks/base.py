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

# The confusion matrix of twelve classes.
_MOST_VALUES = 144
# What is done beside the training: whether and when it is done changes no weight.
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
# What is asked of the model as it would serve.
_AS_SERVED = _ASIDE - {"save_state"} | {"keep_champion"}


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: ``shape`` with the batch axis first, None where a size is not fixed."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class ModelReport:
    """What is known of a model once its code ran. ``warnings`` need a look, ``notes`` only say what is known.

    ``metrics`` names what an evaluation will give; empty where only an evaluation can tell. ``labels`` is what the loss
    takes as labels, as ``losses.describe_loss`` calls it; empty where nobody knows. ``proven``: the one input is a
    vector, and one of another length was tried and refused.
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
    """One call: plain parameters, arrays by name (mapped, mostly read-only), and writable or readable descriptors."""

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

    # What ``keep_champion`` kept, as the framework's exchange of weights takes it.
    _champion: Any = None
    # The handlers of the sub-models, from below, where the model is a chain of them.
    _parts: Sequence[Handler] = ()

    def call(
        self, method: str, params: Mapping[str, Any], arrays: Mapping[str, Array], files: Mapping[str, int], emit: Emit
    ) -> dict[str, Any]:
        """Run one method by name; with the parameter ``part``, that of the sub-model so numbered from below.

        Its ``features`` are then what the sub-models below make of those given.
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
        """Return what the sub-models below ``number`` make of ``features`` (n, ...)."""
        for part in self._parts[:number]:
            features = np.asarray(part.predict(features)[0], np.float32)
        return features

    @contextmanager
    def same_random_numbers(self) -> Iterator[None]:
        """Leave the generators of random numbers as they were before the block, whatever it draws."""
        before = self.random_numbers()
        try:
            yield
        finally:
            self.set_random_numbers(before)

    def served_weights(self) -> AbstractContextManager[None]:
        """Let the model have the weights that it would serve with until the block ends, if it trains with others."""
        return nullcontext()

    def _kept_champion(self) -> Any:
        if self._champion is None:
            raise BrokenError("no champion is kept: call keep_champion first")
        return self._champion

    def random_numbers(self) -> dict[str, Any]:
        """Return the states of the process's generators of random numbers, as ``State`` takes them."""
        return {"python": random.getstate(), "numpy": np.random.get_state(legacy=False)}

    def set_random_numbers(self, states: Mapping[str, Any]) -> None:
        """Set what ``random_numbers`` returned."""
        random.setstate(states["python"])
        np.random.set_state(states["numpy"])

    def warm_up(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        """Do what the first operation in a process would spend its time on; for processes that wait for a check."""
        return {}

    def check(self, request: Request) -> dict[str, Any]:
        """``{code, imports, distributed?}`` -> the model's report as JSON."""
        return self.build(request)

    @abstractmethod
    def build(self, request: Request) -> dict[str, Any]:
        """``{code, imports, seed?, distributed?}`` -> the model's report as JSON; keeps the model.

        A chain of sub-models instead: ``{chain: [{name, code, imports, loss_weight}], chain_training, seed?}``, from
        below. All methods then act on the whole, whose metrics are ``loss``, the weighted sum, and
        ``{name}_{metric}`` of each exit where there are several; with ``part`` they act on one sub-model.
        """

    def describe_loss(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        """The array ``features`` (1, ...) -> ``{kind, ignored, outputs}``: see ``losses.describe_loss``.

        ``outputs`` are the model's ``[{name, shape, dtype}]`` for such samples, empty where they cannot be told.
        """
        return {"kind": "", "ignored": None, "outputs": []}

    @abstractmethod
    def fit(self, request: Request) -> dict[str, Any]:
        """``{batch_size, arguments, pause_seconds?}``, arrays ``train_*``, ``validation_*`` -> ``{history, best,
        warnings}``.

        ``best`` is the best epoch, ``{epoch, monitor, value, restored}``; null where none had a number to judge by. The
        model ends with its weights where the arguments ask for that, and they are part of a saved state.

        With ``pause_seconds`` it stops after the first epoch that ends so long after its beginning, unless that is the
        last: ``{paused: true, epoch}``. The next ``fit``, given the same, goes on there; so does one in another process
        where the state was restored.

        Emits ``progress`` at most five times a second and ``epoch`` after each epoch. Features are given to the model
        as they were sent, types being cast as it needs them; what else is done to them is in ``preparation``, an
        object that ``load`` takes. With ``targets_are_features`` the labels are the features once more, and the same
        is done to them.
        """

    @abstractmethod
    def partial_fit(self, request: Request) -> dict[str, Any]:
        """``{batch_size, arguments}``, arrays ``train_*`` -> ``{metrics: {name: float}, learning_rate, warnings}``.

        Trains for one pass, in the order given, and goes on where the pass before it stopped: weights and the state of
        the optimiser stay. ``arguments`` are those of ``fit``; what they say of epochs and of the order has no effect.
        Otherwise as ``fit``, ``preparation`` and ``targets_are_features`` included; emits nothing.
        """

    @abstractmethod
    def evaluate(self, request: Request) -> dict[str, Any]:
        """``{batch_size, arguments, fit_arguments?, champion?}``, arrays ``features``, ``labels`` -> ``{metrics}``.

        Of the weights that ``keep_champion`` kept, where ``champion`` is true. Before training the ``fit_arguments``
        tell how samples will be prepared. ``metrics`` are floats by name.
        """

    @abstractmethod
    def predict_classes(self, request: Request) -> dict[str, Any]:
        """``{batch_size}`` and the arrays ``features``, ``out`` (n,) int64 -> ``{classes}``; fills ``out``.

        Fills the array ``confidence`` (n,) float32 as well where there is one: the predicted class's probability.
        """

    @abstractmethod
    def save_state(self, request: Request) -> dict[str, Any]:
        """Write the file ``state``: weights, optimiser, random numbers, champion, where ``fit`` stands -> ``{}``.

        From there a fresh process of the same code goes on as this one does, on a CPU to the last bit. Comes after
        samples were seen. Raises UserCodeError for what no file can hold.
        """

    @abstractmethod
    def restore_state(self, request: Request) -> dict[str, Any]:
        """Take over the file ``state``, after ``build`` -> ``{preparation}``.

        RefusedError where it is torn or of another model; the model may then be of no more use.
        """

    @abstractmethod
    def keep_champion(self, request: Request) -> dict[str, Any]:
        """Keep the weights as they are, instead of those kept before, for ``evaluate`` with ``champion`` -> ``{}``."""

    @abstractmethod
    def artifact_names(self, request: Request) -> dict[str, Any]:
        """-> ``{names, warnings?}``: the files that ``save`` writes, and what a person must know of them.

        Asked after training: here it is found out which files give the trained model again.
        """

    @abstractmethod
    def save(self, request: Request) -> dict[str, Any]:
        """Write the trained model into the files passed -> ``{artifacts: {name: bytes}}``."""

    @abstractmethod
    def export_onnx(self, request: Request) -> dict[str, Any]:
        """Write ``model.onnx`` and compare its answers on the array ``features`` -> ``{converted, ...}``.

        ``max_difference`` is the largest absolute difference to the framework's answers, ``reason`` says why
        ``converted`` is false. A model that does not convert is no error.
        """

    @abstractmethod
    def load(self, request: Request) -> dict[str, Any]:
        """``{input: {dtype, shape}, max_batch?, code?, imports?, seed?, preparation?}``, an artifact -> ``{outputs}``.

        ``outputs`` lists ``{dtype, shape}``; each ``shape`` is one sample's. One sample was predicted when this
        returns; the predictor warms the batch sizes up.
        """

    def check_answers(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        """The array ``features``, samples of the training -> ``{warnings}``: why answers in serving would surprise.

        Asked after training and before the model is kept: whether an answer depends on the records beside it.
        """
        return {"warnings": []}

    def describe_part(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        """The array ``features``, a few samples -> ``{input, outputs, preparation, seconds_per_sample}``.

        Of a sub-model, from below one after the other, before anything else is asked of it: makes it ready. ``input``
        is the shape of one sample, ``outputs`` are ``[{name, shape, dtype}]``.
        """
        raise BrokenError("the model is no chain of sub-models")

    def predict_scores(self, request: Request) -> dict[str, Any]:
        """``{part?, batch_size}``, arrays ``features`` (n, ...), ``out`` (n, scores) float32 -> ``{}``; fills ``out``.

        With the prediction of that sub-model, or of the whole model, flattened, as it answers it.
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
        """Return what answers batches of samples like ``features`` (n, ...), as ``predict`` does once it is loaded."""
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

    A number, or an array of one, keeps its name. Of more values than a person can look at only the mean, the least
    and the greatest are kept. Raises UserCodeError for what is no number.
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
        # Tensors of both frameworks; those of torch must leave their device and graph first.
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
    """A folder that is gone afterwards, for libraries that write to paths only."""
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        yield Path(folder)


def write_to(descriptor: int, source: Path) -> int:
    """Copy a file into a descriptor that the runner opened; returns the bytes written. The descriptor stays open."""
    with source.open("rb") as file:
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
