"""Plots for the notebooks by Matplotlib, which only JupyterLab's environment has (``make notebooks``)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt

from kafkaml.sdk.types import TrainingResult

__all__ = ["curves"]


def curves(results: Sequence[TrainingResult]) -> None:
    """Draw the loss of each training by epoch, on training and on validation samples."""
    figure, axes = plt.subplots(1, len(results), figsize=(5 * len(results), 3), squeeze=False)
    for axis, result in zip(axes[0], results, strict=True):
        epochs = [epoch.epoch for epoch in result.epochs]
        axis.plot(epochs, [epoch.training.get("loss") for epoch in result.epochs], marker=".", label="training")
        axis.plot(epochs, [epoch.validation.get("loss") for epoch in result.epochs], marker=".", label="validation")
        axis.set(title=result.model_name, xlabel="epoch", ylabel="loss")
        axis.legend()
    figure.tight_layout()
    plt.show()
