"""Words for how far a training is, how long it will still take, and which of its epochs is the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kafkaml.wire.best_epoch import BestEpoch
    from kafkaml.wire.progress import Progress

__all__ = ["best_epoch_text", "human_duration", "progress_text"]

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def progress_text(progress: Progress | None) -> str:
    """Return ``epoch 3 of 10, about 2 min left``; empty while nothing is learnt yet."""
    if progress is None or not progress.epochs:
        return ""
    text = f"epoch {progress.epoch} of {progress.epochs}"
    if progress.remaining_seconds is None:
        return text
    how = "at most" if progress.may_end_sooner else "about"
    return f"{text}, {how} {human_duration(progress.remaining_seconds)} left"


def best_epoch_text(best: BestEpoch) -> str:
    """Return which epoch is the best, whether training ended before its time, and whose weights the result has."""
    early = f"; stopped early after {best.trained:,}" if best.stopped_early else ""
    weights = "its weights are the result's" if best.restored else "the result has the last epoch's weights"
    return f"{best.epoch:,} of {best.epochs:,} ({best.monitor} {best.value:.4g}){early}; {weights}"


def human_duration(seconds: float) -> str:
    """Return the two largest units: ``2 h 5 min``, ``40 s``."""
    parts: list[str] = []
    left = max(1, round(seconds))
    for name, size in _UNITS:
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size} {name}")
            left %= size
        elif parts:
            break
    return " ".join(parts)
