"""The program that is downloaded with the weights of a PyTorch model: its code, runnable without Kafka-ML."""

from __future__ import annotations

import inspect

from mlcode_executor.frameworks.program import fill_program
from mlcode_executor.frameworks.pytorch_input import Preparation, prepare
from mlcode_executor.frameworks.pytorch_named import AnyPreparation, NamedPreparation
from mlcode_executor.frameworks.pytorch_weights import load_weights

__all__ = ["write_program"]

_TEMPLATE = '''{future}"""A model trained by Kafka-ML: the code it was made from, and its weights.

Keep model.safetensors next to this file. ``python model.py`` shows the model; ``from model import load, predict``
uses it:

    model = load()
    answers = predict(samples)  # as they were sent{prepared}

Needs the packages torch, pytorch-ignite, numpy and safetensors{versions}.
"""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.metrics import *  # noqa: F403
from safetensors import safe_open
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset


{load_weights}

{prepare}

_load_weights, _prepare = load_weights, prepare
# As in training: what the code draws at random is the same again.
random.seed({seed})
np.random.seed({seed} % 2**32)
torch.manual_seed({seed})

# ---- imports ----
{imports}
# ---- code ----
{code}
# ---- end of the code ----
while hasattr(model, "_orig_mod") or isinstance(model, nn.DataParallel):
    model = getattr(model, "_orig_mod", None) or model.module


def load(weights=Path(__file__).with_name("model.safetensors")):
    """Return the trained model, ready to predict; it takes what ``prepare`` gives."""
    _load_weights(model, weights)
    model.eval()
    return model


def predict(samples):
    """Return the answers of the loaded model for {samples} as {sent}."""
    with torch.no_grad():
        return model({given})


if __name__ == "__main__":
    load()
    print(model)
    print(f"{{sum(parameter.numel() for parameter in model.parameters()):,}} parameters loaded")
'''


def write_program(
    code: str, imports: str, versions: dict[str, str], *, seed: int, preparation: AnyPreparation | None
) -> str:
    """Return the text of ``model.py``; without a preparation samples are given to the model as float32."""
    return fill_program(
        _TEMPLATE,
        code,
        imports,
        versions=f" (trained with torch {versions['torch']}, ignite {versions['ignite']})",
        load_weights=inspect.getsource(load_weights),
        prepare=inspect.getsource(prepare),
        prepared=f": {preparation.summary}" if preparation else "",
        seed=seed,
        **_predict(preparation),
    )


def _predict(preparation: AnyPreparation | None) -> dict[str, str]:
    """Return the expressions for what the program's ``predict`` receives and passes to the model."""
    if not isinstance(preparation, NamedPreparation):
        return {
            "samples": "samples (n, ...)",
            "sent": "they were sent to Kafka-ML",
            "given": _prepared("samples", preparation),
        }
    given = [
        f"{name!r}: {_prepared(f'samples[{name!r}]', preparation_of_input)}"
        for name, preparation_of_input in preparation.inputs.items()
    ]
    return {
        "samples": "a dictionary of arrays (n, ...), one for each input,",
        "sent": "the contract makes them",
        "given": f"**{{\n            {f',{chr(10)}            '.join(given)},\n        }}",
    }


def _prepared(samples: str, preparation: Preparation | None) -> str:
    scaled = bool(preparation and preparation.scaled)
    channels = preparation.channels if preparation else "kept"
    dtype = preparation.dtype if preparation else "float32"
    tensor = f"torch.as_tensor(np.asarray({samples}))"
    return f"_prepare({tensor}, scaled={scaled}, channels={channels!r}, dtype=torch.{dtype})"
