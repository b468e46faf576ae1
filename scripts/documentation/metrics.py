"""The page of figures: scores, metrics and arguments of trainings, and the metrics of inferences."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from kafkaml.frameworks import FRAMEWORKS, Arguments, Purpose
from kafkaml.prometheus.definitions import every_definition
from kafkaml.wire.message import Message
from kafkaml.wire.progress import EpochMetrics, Progress, WindowPlace
from kafkaml.wire.replica import Compared, Counts, Exits, LiveComparison, ReplicaState, Totals
from kafkaml.wire.scores import SCORE_DIRECTIONS, Score

__all__ = ["page"]

_INTRODUCTION = """\
# Metrics, scores and arguments
Written from the code that computes, checks and sends them. They have the same names in the web UI, in `kafka-ml results
show`, in `kafka-ml inferences show` and in the API's answers.
"""
_OF_TRAINING = (Progress, EpochMetrics, WindowPlace)
_OF_INFERENCE = (Counts, Totals, Exits, Compared, LiveComparison)


def page() -> str:
    """Return the page."""
    return _INTRODUCTION + "".join([*_scores(), *_frameworks(), *_messages(), *_prometheus()])


def _scores() -> Iterator[str]:
    yield f"\n## Scores\n{_docstring(Score)}\n\n| score | better |\n|---|---|\n"
    yield from (f"| `{score}` | {'higher' if SCORE_DIRECTIONS[score] == 'up' else 'lower'} |\n" for score in Score)


def _frameworks() -> Iterator[str]:
    for framework in FRAMEWORKS.values():
        for purpose in Purpose:
            yield f"\n## {framework.title}: arguments of {purpose}\n"
            yield from _arguments(framework.arguments[purpose])
        if framework.elsewhere:
            yield "\nNot given here:\n\n| argument | why |\n|---|---|\n"
            yield from (f"| `{name}` | {why} |\n" for name, why in framework.elsewhere.items())
        chain = framework.chain
        if chain is None:
            continue
        yield f"\n## {framework.title}: distributed models\n\n| field | accepted |\n|---|---|\n"
        for field, names in (("optimizer", chain.optimizers), ("loss", chain.losses), ("metrics", chain.metrics)):
            yield f"| `{field}` | {', '.join(f'`{name}`' for name in names)} |\n"


def _arguments(arguments: Arguments) -> Iterator[str]:
    yield f"{arguments.about}, for example `{arguments.example}`.\n\n"
    yield "| argument | expected | default | meaning |\n|---|---|---|---|\n"
    for name, value in arguments.accepted.items():
        meaning = f"another name of `{value.alias_of}`" if value.alias_of else value.meaning
        yield f"| `{name}` | {value.kind.expected} | `{value.default}` | {meaning} |\n"


def _messages() -> Iterator[str]:
    yield "\n## A training run in progress\n"
    yield from (_message(message) for message in _OF_TRAINING)
    yield f"\n## An inference\nStates of a replica: {', '.join(f'`{state}`' for state in ReplicaState)}.\n"
    yield f"{_docstring(ReplicaState)}\n"
    yield from (_message(message) for message in _OF_INFERENCE)


def _prometheus() -> Iterator[str]:
    yield "\n## For Prometheus\nEach process has these; [monitoring](../monitoring.md) says where they are served.\n\n"
    yield "| metric | kind | labels | meaning |\n|---|---|---|---|\n"
    for metric in every_definition():
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        kind = type(metric).__name__.removesuffix("Of").lower()
        yield f"| `{metric.name}` | {kind} | {labels} | {metric.meaning} |\n"
    yield "\nEach process also reports `process_cpu_seconds_total`, `process_resident_memory_bytes`, "
    yield "`process_virtual_memory_bytes`, `process_open_fds`, `process_max_fds` and `process_start_time_seconds`.\n"


def _message(kind: type[Message]) -> str:
    fields = ", ".join(f"`{name}`" for name in kind.model_fields)
    return f"\n### {kind.__name__}\n{_docstring(kind)}\n\nFields: {fields}.\n"


def _docstring(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").replace("``", "`")
