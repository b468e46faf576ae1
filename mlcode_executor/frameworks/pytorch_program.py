"""The program that is downloaded with the weights of a PyTorch model: its code, runnable without Kafka-ML."""

from __future__ import annotations

import re

__all__ = ["write_program"]

_FUTURE = re.compile(r"^from __future__ import .*$", re.MULTILINE)

_TEMPLATE = '''{future}"""A model trained by Kafka-ML: the code it was made from, and its weights.

Keep model.safetensors beside this file. ``python model.py`` shows the model; ``from model import load`` uses it:

    model = load()
    scores = model(torch.as_tensor(samples, dtype=torch.float32))

Needs the packages torch, pytorch-ignite, numpy and safetensors{versions}.
"""

from pathlib import Path

import numpy as np
import torch
from ignite.metrics import *  # noqa: F403
from torch import nn

# ---- imports ----
{imports}
# ---- code ----
{code}
# ---- end of the code ----


def load(weights=Path(__file__).with_name("model.safetensors")):
    """Return the trained model, ready to predict."""
    from safetensors.torch import load_model

    load_model(model, weights)
    model.eval()
    return model


if __name__ == "__main__":
    load()
    print(model)
    print(f"{{sum(each.numel() for each in model.parameters()):,}} parameters loaded")
'''


def write_program(code: str, imports: str, versions: dict[str, str]) -> str:
    """Return the text of ``model.py``."""
    # Python wants these before everything else.
    future = "".join(f"{line}\n" for text in (imports, code) for line in _FUTURE.findall(text))
    return _TEMPLATE.format(
        future=future,
        imports=_FUTURE.sub("", imports),
        code=_FUTURE.sub("", code),
        versions=f" (trained with torch {versions['torch']}, ignite {versions['ignite']})",
    )
