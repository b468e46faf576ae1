"""What the demo prints: a confusion matrix, and a few images with their predictions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from examples.digits.data import Digits
from kafkaml.sdk.types import TrainingResult

_SHADES = " .:-=+*#%@"


def confusion(console: Console, result: TrainingResult) -> None:
    """Print the confusion matrix of the test images: a row for each true class, a column for each predicted one."""
    report = result.confusion_matrix
    if report is None:
        return
    table = Table(box=None, padding=(0, 1, 0, 0), title="rows: true, columns: predicted", title_style="dim")
    for title in ("", *report.labels):
        table.add_column(str(title), justify="right", style="bold" if title == "" else "")
    for label, row in zip(report.labels, report.matrix, strict=True):
        table.add_row(str(label), *("[dim]·[/]" if count == 0 else str(count) for count in row))
    console.print(table)


def some_images(
    console: Console, digits: Digits, predictions: Mapping[str, npt.NDArray[np.int64]], *, count: int = 4
) -> None:
    """Print a few images as characters, with the true class and the prediction of each model."""
    console.print()
    for row in range(8):
        lines = ("".join(_SHADES[int(pixel) * 9 // 255] * 2 for pixel in image[row]) for image in digits.images[:count])
        console.print("  " + "  ".join(lines), markup=False)
    for title, values in {"true class": digits.labels, **predictions}.items():
        name = title.removeprefix("digits-")
        console.print("  " + "  ".join(f"{name}: {value}".ljust(16) for value in values[:count]), markup=False)
