"""What the demo shows: metrics while they come, a few images with what was predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.live import Live
from rich.table import Table

from examples.digits.data import Digits
from kafkaml.sdk.types import TrainingResult

_SHADES = " .:-=+*#%@"


class LiveMetrics:
    """A table of trainings that is drawn anew with each thing that becomes known."""

    def __init__(self, console: Console) -> None:
        self._results: dict[int, TrainingResult] = {}
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, result: TrainingResult) -> None:
        """Show ``result`` as it is now."""
        self._results[result.id] = result
        table = Table(box=None, padding=(0, 2, 0, 0), title="accuracy / loss", title_justify="left", title_style="dim")
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


def _metrics(metrics: Mapping[str, float]) -> str:
    return " / ".join(f"{metrics[name]:.3f}" for name in ("accuracy", "loss") if name in metrics)


def some_images(
    console: Console, digits: Digits, predictions: Mapping[str, npt.NDArray[np.int64]], *, count: int = 4
) -> None:
    """Print a few images as characters, with the true class and what each model said."""
    console.print()
    for row in range(8):
        lines = ("".join(_SHADES[int(pixel) * 9 // 255] * 2 for pixel in image[row]) for image in digits.images[:count])
        console.print("  " + "  ".join(lines), markup=False)
    for title, values in {"true class": digits.labels, **predictions}.items():
        name = title.removeprefix("digits-")
        console.print("  " + "  ".join(f"{name}: {value}".ljust(16) for value in values[:count]), markup=False)
