"""Framework: what a model is written in."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Framework"]


class Framework(StrEnum):
    """The framework that a model is written in.

    * ``tensorflow``: Keras on TensorFlow.
    * ``pytorch``: PyTorch, with modules of ``torch.nn``.
    """

    TENSORFLOW = "tensorflow"
    PYTORCH = "pytorch"
