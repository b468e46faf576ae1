"""LoadedModel: a model that answers or is ready to. Made by ``service``, swapped by ``swapping``, used by the loop."""

from __future__ import annotations

from dataclasses import dataclass

from kafkaml.wire.inference import ServedModel
from model_inference.predicting import RecoveringPredictor
from model_inference.provenance import Provenance

__all__ = ["LoadedModel"]


@dataclass(frozen=True)
class LoadedModel:
    """One version of a model, its process, and the headers that say which version answered."""

    model: ServedModel
    predictor: RecoveringPredictor
    provenance: Provenance

    @classmethod
    def of(
        cls, inference_id: int, model: ServedModel, predictor: RecoveringPredictor, *, tier: str = ""
    ) -> LoadedModel:
        """Return the model with the headers that its answers get."""
        return cls(model, predictor, Provenance.of(inference_id, model, tier=tier))

    def close(self) -> None:
        """End its process."""
        self.predictor.close()
