"""Hints: advice from the curves and the confusion matrix of a finished training. Pure; computed for display.

Rules of thumb: there are none where little was trained, and each names one thing to try first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from kafkaml.wire.best_epoch import BestEpoch
from kafkaml.wire.hint import Hint, HintCode
from kafkaml.wire.outcome import ConfusionMatrix
from kafkaml.wire.progress import EpochMetrics

__all__ = ["training_hints"]

_LOSS = "loss"
# Fewer epochs do not make a curve, fewer samples do not show a balance.
_MIN_EPOCHS = 4
_MIN_SAMPLES = 20
# A loss that never fell by this share of itself has not moved.
_MOVED = 0.01
# A loss counts as worse when it exceeds an earlier one by this share of it.
_WORSE = 0.1
# The share of the total gain that the last fifth of the epochs still contributed.
_STILL_FALLING = 0.03
_NEAR_MAJORITY = 0.005


def training_hints(
    epochs: Sequence[EpochMetrics], matrix: ConfusionMatrix | None = None, best: BestEpoch | None = None
) -> list[Hint]:
    """Return hints, the one that explains most first. ``epochs`` are of one training, in order, the first among them.

    A selection of epochs that shows the curve is enough. ``best`` is the best epoch of the outcome. The list is empty
    without any finding.
    """
    curves = [
        # Epochs after the one whose weights are kept are not in the model.
        epoch
        for epoch in _of_curves(epochs)
        if epoch.code != HintCode.OVERFITTING or best is None or not best.restored
    ]
    # A hint from the curves, if any, also explains why only one class is predicted.
    return curves if curves and curves[0].code == HintCode.DIVERGED else [*_of_matrix(matrix), *curves]


def _of_curves(epochs: Sequence[EpochMetrics]) -> Iterator[Hint]:
    trained = [(epoch.epoch, epoch.training[_LOSS]) for epoch in epochs if _LOSS in epoch.training]
    if not trained:
        return
    (_, first), (last_epoch, last) = trained[0], trained[-1]
    best_epoch, best = min(trained, key=lambda point: point[1] if math.isfinite(point[1]) else math.inf)
    odd = next((epoch for epoch, loss in trained if not math.isfinite(loss)), None)
    if odd is not None:
        yield Hint(
            code=HintCode.DIVERGED,
            message=f"the loss is not a number from epoch {odd} on: the training diverged",
            advice="learn ten times slower (learning_rate), and scale features that are not around 0 to 1",
        )
        return
    if last_epoch < _MIN_EPOCHS:
        return
    if last > first + abs(first) * _WORSE:
        yield Hint(
            code=HintCode.DIVERGED,
            message=f"the loss rose from {first:.4g} to {last:.4g}: the training diverged",
            advice="learn ten times slower (learning_rate), and scale features that are not around 0 to 1",
        )
        return
    if first - best <= abs(first) * _MOVED:
        yield Hint(
            code=HintCode.NOT_LEARNING,
            message=f"the loss has hardly moved in {last_epoch} epochs ({first:.4g} to {best:.4g})",
            advice="scale the features (a data set does it: scaling), then learn ten times faster (learning_rate)",
        )
        return
    yield from _of_validation(epochs, best_epoch, last_epoch)


def _of_validation(epochs: Sequence[EpochMetrics], best_epoch: int, last_epoch: int) -> Iterator[Hint]:
    held_out = [(epoch.epoch, epoch.validation[_LOSS]) for epoch in epochs if _LOSS in epoch.validation]
    finite = [point for point in held_out if math.isfinite(point[1])]
    if len(finite) > 1:
        turned, lowest = min(finite, key=lambda point: point[1])
        last = finite[-1][1]
        # The model overfits if its validation loss rises while its training loss still falls.
        if turned < best_epoch and turned <= 0.8 * last_epoch and last > lowest + abs(lowest) * _WORSE:
            yield Hint(
                code=HintCode.OVERFITTING,
                message=f"from epoch {turned} on it got worse on samples that it does not learn: validation loss "
                f"{lowest:.4g}, then {last:.4g}",
                advice=f"keep the weights of that epoch (early_stopping={max(5, round(0.2 * turned))}), or add "
                "dropout, or more data",
            )
            return
    followed = finite or [(epoch.epoch, epoch.training[_LOSS]) for epoch in epochs if _LOSS in epoch.training]
    before = [loss for epoch, loss in followed if epoch <= 0.8 * last_epoch]
    if before and before[-1] - followed[-1][1] > (followed[0][1] - followed[-1][1]) * _STILL_FALLING > 0:
        what = "validation loss" if finite else "loss"
        yield Hint(
            code=HintCode.STILL_IMPROVING,
            message=f"the {what} was still falling at the end ({before[-1]:.4g} to {followed[-1][1]:.4g} in the last "
            "fifth of the epochs)",
            advice=f"train longer: {2 * last_epoch} epochs",
        )


def _of_matrix(matrix: ConfusionMatrix | None) -> Iterator[Hint]:
    counts = [] if matrix is None else [list(row) for row in matrix.matrix]
    total = sum(map(sum, counts))
    if matrix is None or len(counts) < 2 or total < _MIN_SAMPLES:
        return
    truths, predictions = [sum(row) for row in counts], [sum(column) for column in zip(*counts, strict=True)]
    most = max(range(len(truths)), key=truths.__getitem__)
    share = truths[most] / total
    right = sum(counts[index][index] for index in range(len(counts))) / total
    advice = "check that the features say anything about the label, scale them, and weight or sample rare classes more"
    if share == 1:
        return
    if max(predictions) == total:
        only = matrix.labels[predictions.index(total)]
        yield Hint(
            code=HintCode.ONE_CLASS,
            message=f"the model predicts {only} for every sample, which is right for {right:.1%} of them",
            advice=advice,
        )
    elif right <= share + _NEAR_MAJORITY:
        yield Hint(
            code=HintCode.MAJORITY,
            message=f"the model is right for {right:.1%}; always saying {matrix.labels[most]} would be for {share:.1%}",
            advice=advice,
        )
