"""A model's inputs and outputs from the check of its code, for comparison with data."""

from __future__ import annotations

from backend.ml_models.models import MLModel
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.shapes import ModelSignature
from kafkaml.wire.framework import Framework

__all__ = ["signature_of"]


def signature_of(model: MLModel) -> ModelSignature:
    """Return the inputs and outputs of a model; empty where its code did not declare them."""
    return ModelSignature.from_report(model.report or {}, exact=FRAMEWORKS[Framework(model.framework)].exact_inputs)
