"""Metrics of trainings, drawn again as they become known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from kafkaml.sdk.types import TrainingResult

__all__ = ["LiveMetrics"]


class LiveMetrics:
    """A table of trainings that is drawn again whenever a metric becomes known.

    It shows the loss and one more metric: the accuracy, or the first that there is.
    """

    def __init__(self, console: Console) -> None:
        self._results: dict[int, TrainingResult] = {}
        self._live = Live(console=console, refresh_per_second=8, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, result: TrainingResult) -> None:
        """Show ``result`` as it is now."""
        self._results[result.id] = result
        names = dict.fromkeys(
            _first(training_result.epochs[-1].training)
            for training_result in self._results.values()
            if training_result.epochs
        )
        title = f"{', '.join(filter(None, names)) or 'metric'} / loss"
        table = Table(box=None, padding=(0, 2, 0, 0), title=title, title_justify="left", title_style="dim")
        for title in ("model", "state", "epoch", "training", "validation", "test"):
            table.add_column(title, no_wrap=True)
        for shown in sorted(self._results.values(), key=lambda result: result.id):
            last = shown.epochs[-1] if shown.epochs else None
            epochs = shown.progress.epochs if shown.progress else (last.epoch if last else "")
            table.add_row(
                shown.model_name,
                f"[{'green' if shown.state == 'finished' else 'cyan'}]{shown.state}[/]",
                f"{last.epoch}/{epochs}" if last else "",
                _metrics(last.training) if last else "",
                _metrics(last.validation) if last else "",
                _metrics(shown.test_metrics),
            )
        self._live.update(table)


def _first(metrics: Mapping[str, float]) -> str:
    """The metric that is shown besides the loss."""
    others = [name for name in metrics if "loss" not in name]
    return min(others, key=lambda name: ("accuracy" not in name, name), default="")


def _metrics(metrics: Mapping[str, float]) -> str:
    return " / ".join(f"{metrics[name]:.3f}" for name in (_first(metrics), "loss") if name in metrics)
