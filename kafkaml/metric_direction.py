"""The direction in which a metric improves, judged by its name. Pure.

Used by workers, which look for the best epoch, and by the backend, which keeps the best values for lists.
"""

from __future__ import annotations

from kafkaml.wire.choices import Direction

__all__ = ["known_direction"]

_LOWER_IS_BETTER = ("loss", "error", "mae", "mse", "mape", "msle", "divergence", "crossentropy", "hinge", "perplexity")
_HIGHER_IS_BETTER = ("acc", "precision", "recall", "auc", "f1", "iou", "r2", "similarity")


def known_direction(metric: str) -> Direction | None:
    """Return the direction in which a metric of this name improves; None where the name does not show it."""
    name = metric.lower()
    if any(word in name for word in _LOWER_IS_BETTER):
        return Direction.DOWN
    return Direction.UP if any(word in name for word in _HIGHER_IS_BETTER) else None
