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
    """A table of trainings that is drawn again with each thing that becomes known.

    Of the metrics it shows one besides the loss: the accuracy, or the first that there is.
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
        names = dict.fromkeys(_first(each.epochs[-1].training) for each in self._results.values() if each.epochs)
        title = f"{', '.join(filter(None, names)) or 'metric'} / loss"
        table = Table(box=None, padding=(0, 2, 0, 0), title=title, title_justify="left", title_style="dim")
        for title in ("model", "state", "epoch", "training", "validation", "test"):
            table.add_column(title, no_wrap=True)
        for each in sorted(self._results.values(), key=lambda each: each.id):
            last = each.epochs[-1] if each.epochs else None
            epochs = each.progress.epochs if each.progress else (last.epoch if last else "")
            table.add_row(
                each.model_name,
                f"[{'green' if each.state == 'finished' else 'cyan'}]{each.state}[/]",
                f"{last.epoch}/{epochs}" if last else "",
                _metrics(last.training) if last else "",
                _metrics(last.validation) if last else "",
                _metrics(each.test_metrics),
            )
        self._live.update(table)


def _first(metrics: Mapping[str, float]) -> str:
    """The metric that is shown besides the loss."""
    others = [name for name in metrics if "loss" not in name]
    return min(others, key=lambda name: ("accuracy" not in name, name), default="")


def _metrics(metrics: Mapping[str, float]) -> str:
    return " / ".join(f"{metrics[name]:.3f}" for name in (_first(metrics), "loss") if name in metrics)
