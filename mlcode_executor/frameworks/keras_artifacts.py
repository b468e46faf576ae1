"""The files of a trained Keras model, and the test that they reproduce it.

A model is served by running its code once more and loading its weights: this does not deserialise layers, losses or
optimisers, which Keras often cannot. The whole model as Keras writes it is also kept where Keras can read it back. Both
are tried in the model process, after training, because nothing can be fixed later.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kafkaml.frameworks.tensorflow import TENSORFLOW
from mlcode_executor.frameworks.base import Array, scratch_folder
from mlcode_executor.frameworks.source import user_code

__all__ = [
    "PROGRAM",
    "WEIGHTS",
    "WHOLE",
    "Kept",
    "load_weights",
    "load_whole",
    "save_weights",
    "short_reason",
    "try_artifacts",
]

WEIGHTS, WHOLE = TENSORFLOW.artifacts
PROGRAM = "model.py"

# Tolerance for comparing answers. The operations are the same in the same order, so only sums on a GPU may differ.
_TOLERANCE = 1e-4
_MAX_REASON = 250
# Sources of randomness in user code, the likeliest first.
_UNREPEATABLE = re.compile(
    r"default_rng\(\s*\)|RandomState\(\s*\)|SystemRandom|os\.urandom|secrets\.|uuid\d?\.|uuid[14]\(|"
    r"\btime(_ns|\.time|\.perf_counter)?\(|datetime\.now|Generator\.from_non_deterministic_state"
)

# Activations of TensorFlow that Keras writes under these names but cannot read back.
_TENSORFLOW_FUNCTIONS = {
    activation.__name__: activation
    for activation in (
        tf.nn.softmax,
        tf.nn.log_softmax,
        tf.nn.leaky_relu,
        tf.nn.crelu,
        tf.nn.swish,
        tf.nn.relu6,
        tf.nn.selu,
    )
}

Answer = Callable[[Any, Array], list[Array]]


@dataclass(frozen=True)
class Kept:
    """The files to keep of a trained model, and warnings about them."""

    names: tuple[str, ...] = (WEIGHTS, PROGRAM, WHOLE)
    warnings: tuple[str, ...] = ()


def save_weights(model: Any, path: Path) -> None:
    """Write the weights without the optimiser's state, which is twice as large and never loaded."""
    keras.saving.save_weights(model, path, objects_to_skip=_skipped(model))


def load_weights(model: Any, path: Path) -> None:
    """Read weights (of ``model.weights.h5`` or ``model.keras``) into a built model."""
    skipped = {"objects_to_skip": _skipped(model)} if path.suffix == ".h5" else {}
    keras.saving.load_weights(model, path, **skipped)


def load_whole(path: Path, custom_objects: Mapping[str, Any]) -> Any:
    """Return the model in ``model.keras``, not compiled.

    Lambda layers bring code along. It is the user's own, which has run in this process already.
    """
    known = {**_TENSORFLOW_FUNCTIONS, **custom_objects}
    return keras.saving.load_model(path, custom_objects=known, compile=False, safe_mode=False)


def try_artifacts(
    model: Any,
    samples: Array,
    *,
    code: str,
    answer: Answer,
    rebuild: Callable[[], Any],
    custom_objects: Mapping[str, Any],
) -> Kept:
    """Save ``model``, rebuild it in both ways, and compare the answers on ``samples`` (a few). Never raises."""
    expected = answer(model, samples)
    if _difference(expected, answer(model, samples)):
        return Kept(
            warnings=(
                (
                    "the model answers the same samples differently each time, so nobody can check whether the kept "
                    "files "
                    "answer as the trained model does"
                ),
            )
        )
    with scratch_folder() as folder:

        def by_code() -> Any:
            save_weights(model, folder / WEIGHTS)
            again = rebuild()
            load_weights(again, folder / WEIGHTS)
            return again

        def by_keras() -> Any:
            model.save(folder / WHOLE)
            return load_whole(folder / WHOLE, custom_objects)

        rebuilt, whole = (_failure(make, samples, expected, answer) for make in (by_code, by_keras))
    if not rebuilt and not whole:
        return Kept()
    if not rebuilt:
        return Kept(
            (WEIGHTS, PROGRAM),
            (
                (
                    f"no {WHOLE} is kept, because Keras cannot restore it on its own: {whole}; {WEIGHTS} and {PROGRAM} "
                    "hold the model"
                ),
            ),
        )
    where = _unrepeatable_line(code)
    if not whole:
        return Kept(
            (WHOLE,),
            (
                (
                    f"only {WHOLE} is kept: the code does not give the trained model again when it runs once more: "
                    f"{rebuilt}{where}"
                ),
            ),
        )
    return Kept(
        (WEIGHTS, PROGRAM),
        (
            (
                "THE TRAINED MODEL CANNOT BE RESTORED: served from its weights it answers differently than in its "
                f"training: {rebuilt}{where}; and Keras cannot restore it: {whole}"
            ),
        ),
    )


def _skipped(model: Any) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)
    return [] if optimizer is None else [optimizer]


def _failure(make: Callable[[], Any], samples: Array, expected: list[Array], answer: Answer) -> str:
    """Return why the model that ``make`` gives is not the trained one; empty when it is."""
    try:
        # Suppress output, because the code already printed it when it ran for the training.
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
            user_code(),
        ):
            warnings.simplefilter("ignore")
            return _difference(expected, answer(make(), samples))
    except Exception as error:  # noqa: BLE001  whatever it is, the training's result does not depend on it
        return short_reason(str(getattr(error, "message", error)))


def short_reason(text: str) -> str:
    """Return the innermost reason in a message of Keras', in one line."""
    text = " ".join(re.sub(r"\x1b\[\d*m", "", text).split())
    # Keras puts the whole configuration of the model before the reason.
    text = text.rsplit("Exception encountered: ", 1)[-1]
    return text if len(text) <= _MAX_REASON else f"{text[:_MAX_REASON]}..."


def _difference(expected: list[Array], found: list[Array]) -> str:
    wanted_shapes, shapes = [answer.shape for answer in expected], [answer.shape for answer in found]
    if wanted_shapes != shapes:
        return f"its answers have the shapes {shapes}, not {wanted_shapes}"
    for one, other in zip(expected, found, strict=True):
        if not np.allclose(one, other, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
            largest = np.nanmax(np.abs(one.astype(np.float64) - other.astype(np.float64)))
            return f"its answers differ by up to {largest:.3g}"
    return ""


def _unrepeatable_line(code: str) -> str:
    for number, line in enumerate(code.splitlines(), 1):
        if found := _UNREPEATABLE.search(line.split("#", 1)[0]):
            return f" (line {number}: {found.group()} gives another value each time; give it a seed)"
        if re.search(r"\btf\.Variable\(|\bK\.variable\(", line):
            return f" (line {number}: Keras does not keep a tf.Variable; write self.add_weight(...) instead)"
    return ""
