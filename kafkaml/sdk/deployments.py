"""``client.deployments``: configurations put to work."""

from __future__ import annotations

from kafkaml.sdk import types
from kafkaml.sdk.collection import Collection

__all__ = ["Deployments"]


class Deployments(Collection[types.Deployment]):
    """Configurations put to work."""

    path = "/deployments/"
    kind = types.Deployment

    def create(
        self,
        *,
        configuration: int,
        batch_size: int = 32,
        tensorflow_fit_arguments: str = "",
        tensorflow_evaluation_arguments: str = "",
        pytorch_fit_arguments: str = "",
        pytorch_evaluation_arguments: str = "",
        confusion_matrix: bool = False,
        split: str | None = None,
        targets: str = "labels",
        seed: int | None = None,
        gpu: int = 0,
    ) -> types.Deployment:
        """Deploy; arguments are written as in a call, for example ``epochs=5, shuffle=True``.

        ``split`` ``"content"`` tests on random samples, ``"time"`` on the newest; None means content, or time where the
        fit arguments say ``shuffle=False``. With ``targets="features"`` the samples are their own labels
        (autoencoders).
        """
        return self._create(
            {
                "configuration": configuration,
                "batch_size": batch_size,
                "tensorflow_fit_arguments": tensorflow_fit_arguments,
                "tensorflow_evaluation_arguments": tensorflow_evaluation_arguments,
                "pytorch_fit_arguments": pytorch_fit_arguments,
                "pytorch_evaluation_arguments": pytorch_evaluation_arguments,
                "confusion_matrix": confusion_matrix,
                "split": split,
                "targets": targets,
                "seed": seed,
                "gpu": gpu,
            }
        )

    def stop(self, identifier: int) -> None:
        """Stop the trainings of a deployment that have not ended."""
        self._act(identifier, "stop")
