"""Reading deployments and results."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.fields.json import KeyTextTransform, KeyTransform

from backend.api.uses import use_count
from backend.deployments import history
from backend.deployments.models import Artifact, Deployment, EpochRecord, TrainingResult
from backend.runs.models import ENDED_STATES, DesiredState
from backend.streams.models import Announcement
from backend.streams.selectors import first_of_the_same
from kafkaml.training_hints import training_hints
from kafkaml.wire.best_epoch import BestEpoch
from kafkaml.wire.choices import TrainingMode
from kafkaml.wire.hint import Hint
from kafkaml.wire.outcome import ConfusionMatrix
from kafkaml.wire.progress import EpochMetrics
from kafkaml.wire.state import RunState

__all__ = [
    "SHOWN_EPOCHS",
    "addressees",
    "aggregate_state",
    "deployments",
    "in_state",
    "listed_results",
    "result_epochs",
    "result_hints",
    "results",
    "with_outcome",
]

# The most points that a curve on a page can show. A result with more epochs, or windows, shows the most telling ones.
SHOWN_EPOCHS = 500

# A deployment's state is the first of these that any of its results is in.
_PRECEDENCE = (
    RunState.RUNNING,
    RunState.WAITING,
    RunState.CREATED,
    RunState.FAILED,
    RunState.STOPPED,
    RunState.FINISHED,
)
# The number of cached results, each with at most twice as many epochs, about 10 MB.
_KEPT_RESULTS, _KEPT_EPOCHS = 4, 1000
_read_before: dict[int, list[Mapping[str, Any]]] = {}
_keeping = threading.Lock()
_LONG = ("code", "imports", "log_tail", "failed_confusion_matrix", "model__code", "model__imports", "model__report")
_LONG_OF_VERSION = ("code", "imports", "confusion_matrix", "evaluation")


def deployments() -> QuerySet[Deployment]:
    """Return deployments with their results: three queries whatever the number of rows, with the count."""
    rows = TrainingResult.objects.select_related("model").defer(*_LONG, "failed_outcome", "history").order_by("id")
    announced = Announcement.objects.filter(deployment_number=OuterRef("pk")).order_by("-id")
    return (
        Deployment.objects.select_related("configuration", "dataset__dataset")  # type: ignore[no-redef]  # declared by the model
        .annotate(
            last_stream=Subquery(announced.values("pk")[:1]),
            last_stream_online=Subquery(announced.values("message__incremental")[:1]),
            several_inputs=_several_inputs(),
            last_stream_format=Subquery(announced.values("message__input_format")[:1]),
            last_stream_unlabelled=Subquery(announced.values("message__unsupervised_topic")[:1]),
        )
        .prefetch_related(Prefetch("results", queryset=rows, to_attr="result_rows"))
        .order_by("-id")
    )


def addressees() -> QuerySet[Deployment]:
    """Return the rows that a stream can be announced to, as ``backend.streams.addressees`` describes them."""
    runs = TrainingResult.objects.filter(deployment=OuterRef("pk"))
    waiting = runs.filter(stream=None, desired=DesiredState.RUN).exclude(state__in=ENDED_STATES)
    return Deployment.objects.annotate(  # type: ignore[no-redef]  # declared by the model
        several_inputs=_several_inputs(),
        waits=Exists(waiting),
        ended=~Exists(runs.exclude(state__in=ENDED_STATES)),
    )


def _several_inputs() -> Exists:
    """Whether a model of a deployment takes more than one input, as far as its check reported."""
    # The upper models of a chain take the output of the one below.
    lowest = Q(tier=None) | Q(tier=0)
    return Exists(
        TrainingResult.objects.filter(lowest, deployment=OuterRef("pk"), model__report__inputs__1__isnull=False)
    )


def in_state(rows: QuerySet[Deployment], state: RunState) -> QuerySet[Deployment]:
    """Keep the deployments whose ``aggregate_state`` is ``state``."""

    def has(wanted: RunState) -> Exists:
        return Exists(TrainingResult.objects.filter(deployment=OuterRef("pk"), state=wanted))

    before = _PRECEDENCE[: _PRECEDENCE.index(state)]
    return rows.filter(has(state), *(~has(earlier) for earlier in before))


def listed_results() -> QuerySet[TrainingResult]:
    """Return results for lists: three queries whatever the number of rows, with the count."""
    beside = ("model", "stream", "deployment__configuration")
    rows = with_outcome(TrainingResult.objects.select_related(*beside).defer(*_LONG, "stream__message"))
    return _counted(rows).prefetch_related(_artifacts()).order_by("-id")


def results() -> QuerySet[TrainingResult]:
    """Return results with everything that the page of a single result shows."""
    rows = TrainingResult.objects.select_related("model", "deployment__configuration", "stream", "current_version")
    return _counted(rows).prefetch_related(_artifacts())


def with_outcome(rows: QuerySet[TrainingResult]) -> QuerySet[TrainingResult]:
    """Return the rows with what ``TrainingResult.outcome`` reads, but without the large fields of their versions."""
    return rows.select_related("current_version").defer(*(f"current_version__{field}" for field in _LONG_OF_VERSION))


def result_epochs(result: TrainingResult, points: int) -> tuple[int, list[Mapping[str, Any]]]:
    """Return how many epochs a result has, and the EpochMetrics of at most ``points`` of them, as JSON objects.

    A page asks again after each new epoch, so this process caches the epochs of long trainings.
    """
    rows = EpochRecord.objects.filter(result=result).order_by("epoch")
    read = _read_before.get(result.pk, []) if points <= _KEPT_EPOCHS // 2 else []
    fresh = list(rows.filter(epoch__gte=read[-1]["epoch"]).values_list("document", flat=True)) if read else []
    if read and fresh[:1] == read[-1:]:
        documents, total = [*read, *fresh[1:]], rows.count()
    else:
        # The cache does not help on the first read, and after the training restarted or went back to a checkpoint.
        documents = list(rows.values_list("document", flat=True))
        total = len(documents)
    if points <= _KEPT_EPOCHS // 2 < total // 2:
        _keep_read(result.pk, documents)
    return total, history.thinned(documents, points)


def result_hints(result: TrainingResult, epochs: Sequence[Mapping[str, Any]]) -> Sequence[Hint]:
    """Return the hints from the curves of a finished training; empty where it learnt online.

    ``epochs`` are those that ``result_epochs`` shows of it.
    """
    if result.state != RunState.FINISHED or TrainingMode(result.deployment.mode).online:
        return ()
    matrix, best = result.confusion_matrix, (result.outcome or {}).get("best_epoch")
    return training_hints(
        [EpochMetrics.model_validate(epoch) for epoch in epochs],
        None if matrix is None else ConfusionMatrix.model_validate(matrix),
        None if best is None else BestEpoch.model_validate(best),
    )


def _keep_read(pk: int, documents: list[Mapping[str, Any]]) -> None:
    kept = documents if len(documents) <= 2 * _KEPT_EPOCHS else history.thinned(documents, _KEPT_EPOCHS)
    with _keeping:
        _read_before.pop(pk, None)
        _read_before[pk] = kept
        while len(_read_before) > _KEPT_RESULTS:
            del _read_before[next(iter(_read_before))]


def _counted(rows: QuerySet[TrainingResult]) -> QuerySet[TrainingResult]:
    return rows.annotate(  # type: ignore[no-redef]  # declared by the model
        version_count=use_count(TrainingResult, "versions"),
        stream_same_as=first_of_the_same("stream__"),
        stream_ranges=KeyTextTransform("topic", "stream__message"),
        stream_dataset=KeyTransform("dataset", KeyTransform("input_config", "stream__message")),
    )


def _artifacts() -> Prefetch[str]:
    shown = Artifact.objects.filter(Q(version=None) | Q(version=F("result__current_version"))).order_by("name")
    # Prefetch into a list, because a related manager per row would cost more than reading the rows.
    return Prefetch("artifacts", queryset=shown, to_attr="stored_artifacts")


def aggregate_state(states: Iterable[str]) -> RunState:
    """Return the state of a deployment whose results are in ``states``."""
    present = set(states)
    return next((state for state in _PRECEDENCE if state in present), RunState.CREATED)
