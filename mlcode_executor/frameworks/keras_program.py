"""The program that is downloaded with the weights of a Keras model: its code, runnable without Kafka-ML."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from mlcode_executor.frameworks.base import Array
from mlcode_executor.frameworks.program import fill_program

__all__ = ["accept_integer_shapes", "seed_generators", "write_program"]

_TEMPLATE = '''{future}"""A model trained by Kafka-ML: the code it was made from, and its weights.

Keep model.weights.h5 next to this file. ``python model.py`` shows the model; ``from model import load`` uses it:

    model = load()
    answers = model.predict(samples)  # samples: {samples}

Needs the packages tensorflow, keras and numpy{versions}.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

# Draws the same random constants as the training did.
keras.utils.set_random_seed({seed})
{compatibility}
# ---- imports ----
{imports}
# ---- code ----
{code}
# ---- end of the code ----


def load(weights=Path(__file__).with_name("model.weights.h5")):
    """Return the trained model, ready to predict."""
{first_call}    # The state of the optimiser is not kept.
    keras.saving.load_weights(model, weights, objects_to_skip=[model.optimizer] if model.compiled else [])
    return model


if __name__ == "__main__":
    load()
    model.summary()
'''

# A model without a declared input gets its weights with its first samples.
_FIRST_CALL = """    if not model.built:
        model({zeros}, training=False)
"""


_UNSEEDED = re.compile(r"default_rng\(\s*\)")
_INTEGER_SHAPE = re.compile(r"Input\(\s*(shape\s*=\s*)?\d")


def accept_integer_shapes() -> None:
    """Accept ``keras.Input(shape=64)``, which Keras 2 accepted and tutorials use."""
    original = keras.layers.InputLayer.__init__

    def init(self, shape=None, *arguments, **options):  # type: ignore[no-untyped-def]
        original(self, (shape,) if isinstance(shape, int) else shape, *arguments, **options)

    keras.layers.InputLayer.__init__ = init


def seed_generators() -> None:
    """Let ``np.random.default_rng()`` without a seed give the same numbers each time that the code runs."""
    original = np.random.default_rng

    def default_rng(seed=None):  # type: ignore[no-untyped-def]
        return original(np.random.randint(2**31) if seed is None else seed)

    np.random.default_rng = default_rng


def write_program(
    code: str,
    imports: str,
    *,
    seed: int,
    sample: Any,
    declares_input: bool,
    versions: Mapping[str, str],
) -> str:
    """Return the text of ``model.py``. ``sample`` is one sample as the model took it, None if none was seen.

    With several inputs it holds one array each, in the model's own structure.
    """
    samples = _described(sample)
    text = f"{imports}\n{code}"
    needed = [
        function
        for function, pattern in ((accept_integer_shapes, _INTEGER_SHAPE), (seed_generators, _UNSEEDED))
        if pattern.search(text)
    ]
    compatibility = "".join(f"\n\n{inspect.getsource(function)}\n\n{function.__name__}()\n" for function in needed)
    return fill_program(
        _TEMPLATE,
        code,
        imports,
        samples=samples,
        seed=str(seed % 2**32),
        compatibility=compatibility,
        first_call="" if declares_input or sample is None else _FIRST_CALL.format(zeros=_zeros(sample)),
        versions=f" (trained with tensorflow {versions['tensorflow']}, keras {versions['keras']})",
    )


def _described(sample: Any) -> str:
    """Describe samples, as one array or several."""
    if sample is None:
        return "(n, ...) as they were sent, trained with numbers"
    if isinstance(sample, np.ndarray):
        return f"(n, {_shape(sample)}) as they were sent, trained with {sample.dtype}"
    if isinstance(sample, Mapping):
        return "{" + ", ".join(f"{name!r}: {_described(array)}" for name, array in sample.items()) + "}"
    return f"[{', '.join(map(_described, sample))}]"


def _zeros(sample: Any) -> str:
    if isinstance(sample, Mapping):
        return "{" + ", ".join(f"{name!r}: {_zeros(array)}" for name, array in sample.items()) + "}"
    if not isinstance(sample, np.ndarray):
        return f"[{', '.join(map(_zeros, sample))}]"
    return f'np.zeros((1, {_shape(sample)}), "{sample.dtype}")'


def _shape(sample: Array) -> str:
    return ", ".join(map(str, sample.shape)) + "," * (sample.ndim == 1)
