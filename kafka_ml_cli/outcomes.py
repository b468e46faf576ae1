"""What a training came to, printed: epochs, scores, the confusion matrix. Used by ``kafka-ml results``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafka_ml_cli.output import console, print_table
from kafka_ml_cli.progress import best_epoch_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.text import Text

    from kafkaml.sdk.types import ConfusionReport, TrainingResult
    from kafkaml.wire.evaluation import Baseline, Importance
    from kafkaml.wire.outcome import Outcome
    from kafkaml.wire.scores import Score
    from kafkaml.wire.semi_supervised import PseudoLabels

__all__ = ["metrics_text", "number_text", "print_confusion_matrix", "print_epochs", "print_outcome"]

# The columns that are printed; the page of the result shows all.
_MOST_COLUMNS = 8


def print_epochs(epochs: Any) -> None:
    """Print a line per epoch or window. For a window it also says how the model did on it before learning it."""
    if not epochs:
        return
    names = list(dict.fromkeys(name for epoch in epochs for name in epoch.training))
    checked = list(dict.fromkeys(name for epoch in epochs for name in epoch.validation))
    columns: list[Any] = [("epoch", lambda row: row.epoch), ("seconds", lambda row: f"{row.seconds:.2f}")]
    if any(epoch.window for epoch in epochs):
        tried = list(dict.fromkeys(name for epoch in epochs for name in epoch.before))
        columns[0] = ("window", lambda row: row.epoch)
        columns += [("records", lambda row: row.window and row.window.records)]
        columns += [("behind", lambda row: row.window and row.window.lag)]
        columns += [(f"{name} before", lambda row, name=name: number_text(row.before.get(name))) for name in tried]
    columns += [(name, lambda row, name=name: number_text(row.training.get(name))) for name in names]
    columns += [
        (f"validation {name}", lambda row, name=name: number_text(row.validation.get(name))) for name in checked
    ]
    rates = list(dict.fromkeys(name for epoch in epochs for name in epoch.learning_rate))
    columns += [
        (name.replace("_", " "), lambda row, name=name: number_text(row.learning_rate.get(name))) for name in rates
    ]
    best = epochs[-1].best_epoch
    if best is not None:
        columns += [("best", lambda row: "*" if row.epoch == best else "")]
    console().print()
    print_table(epochs, columns, nothing="")


def print_outcome(found: TrainingResult, outcome: Outcome) -> None:
    """Print scores against their baseline, test metrics and how they came about."""
    from kafkaml.terminal import styled

    if found.scores:
        console().print(styled("\n[bold]score[/] {scores}", scores=metrics_text(found.scores)))
    if outcome.baseline:
        console().print(_compared(outcome.baseline, found.scores), soft_wrap=True)
    if found.evaluation and found.evaluation.curves:
        two = found.evaluation.curves
        areas = {"ROC AUC": two.roc_auc, "average precision": two.average_precision}
        console().print(styled("[dim]{what}[/] {areas}", what=f"of {two.positive}", areas=metrics_text(areas)))
    if found.evaluation and (importance := found.evaluation.importance):
        console().print(_important(importance), soft_wrap=True)
    console().print(styled("\n[bold]test[/] {metrics}", metrics=metrics_text(found.test_metrics) or "no metrics"))
    if summary := outcome.preparation.get("summary"):
        console().print(styled("[dim]features[/] {summary}", summary=str(summary)), soft_wrap=True)
    if best := outcome.best_epoch:
        console().print(styled("[dim]best epoch[/] {text}", text=best_epoch_text(best)), soft_wrap=True)
    if split := outcome.split:
        console().print(styled("[dim]split[/] {split}", split=split), soft_wrap=True)
    for round_ in outcome.pseudo_labels:
        console().print(styled("[dim]pseudo-labels[/] {round}", round=_round(round_)), soft_wrap=True)


def print_confusion_matrix(found: ConfusionReport | None) -> None:
    """Print rows of true labels against columns of predicted ones."""
    from rich.table import Table
    from rich.text import Text

    from kafkaml.terminal import visible

    if not found:
        return
    labels = found.labels or [str(index) for index in range(len(found.matrix))]
    console().print("confusion matrix (rows: true, columns: predicted)", style="dim")
    table = Table(box=None)
    table.add_column("")
    for label in labels:
        table.add_column(Text(visible(label)), justify="right", header_style="bold")
    for row, (label, counts) in enumerate(zip(labels, found.matrix, strict=False)):
        cells = [
            Text(str(count), style="green")
            if column == row
            else Text(str(count or "·"), style="red" if count else "dim")
            for column, count in enumerate(counts)
        ]
        table.add_row(Text(visible(label), style="bold"), *cells)
    console().print(table)


def _round(report: PseudoLabels) -> str:
    again = "" if report.agreement is None else f", {report.agreement:.0%} of those before predicted the same again"
    return (
        f"round {report.round}: {report.chosen:,} of {report.unlabelled:,} chosen, {report.added:,} of them new{again}"
    )


def _important(importance: Importance) -> Text:
    """Return the most important columns, each with what the score loses without it."""
    from kafkaml.terminal import styled

    most = {column.column: column.importance for column in importance.columns[:_MOST_COLUMNS]}
    left = len(importance.columns) - len(most)
    return styled(
        "[dim]{score} depends on[/] {columns}{more}",
        score=importance.score.replace("_", " "),
        columns=metrics_text(most),
        more=f"  and {left} more" if left else "",
    )


def _compared(baseline: Baseline, scores: Mapping[Score, float]) -> Text:
    """Return the score of always giving the same answer, and whether the model is no better than that."""
    from kafkaml.terminal import styled

    floor = metrics_text(baseline.scores)
    if baseline.beaten_by(scores) is False:
        return styled("[yellow]no better than always saying {answer}[/] {floor}", answer=baseline.answer, floor=floor)
    return styled("[dim]always saying {answer}[/] {floor}", answer=baseline.answer, floor=floor)


def metrics_text(metrics: Any) -> str:
    """Return names with their values, in one line."""
    return "  ".join(f"{name} {number_text(value)}" for name, value in metrics.items())


def number_text(value: float | None) -> str:
    """Return a number with four digits; nothing for one that is not known."""
    return "" if value is None else f"{value:.4g}"
