"""What the home page draws, read with a constant number of queries and bounded in every column.

What is active comes first, then what belongs to it, then the newest; the rest is only counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from django.db.models import Case, Count, IntegerField, Max, Min, Model, Q, QuerySet, Sum, Value, When

from backend.configurations.models import Configuration
from backend.deployments.models import Deployment, TrainingResult
from backend.deployments.selectors import with_outcome
from backend.inferences.models import Inference
from backend.inferences.selectors import inferences
from backend.ml_models.models import MLModel
from backend.pipeline.documents import Pipeline, PipelineFacts, PipelineTotals
from backend.pipeline.picture import TopicStreams, picture_of
from backend.runs.models import ENDED_STATES
from backend.streams.models import Announcement
from kafkaml.stream_range import parse_ranges
from kafkaml.wire.state import RunState

__all__ = ["PER_COLUMN", "Only", "PictureSearch", "pipeline"]

M = TypeVar("M", bound=Model)

PER_COLUMN = 12
# The number of newest streams in which the latest per topic is found; older ones are only on their own page.
_FOLDED_STREAMS = 5_000
# The rank of topics that nothing shown uses.
_UNUSED = 2
_LONG = ("code", "imports", "log_tail", "failed_confusion_matrix", "model__code", "model__imports", "model__report")


class Only(StrEnum):
    """Which boxes are shown.

    * ``active``: Those that wait or run.
    * ``failing``: Those that fail.
    """

    ACTIVE = "active"
    FAILING = "failing"


@dataclass(frozen=True)
class PictureSearch:
    """Text in names (of models, configurations and topics; "" for all), a state and a time (None for all).

    What has not ended, and what was made or ended at ``since`` or later, is of that time.
    """

    text: str = ""
    only: Only | None = None
    since: datetime | None = None

    def runs(self) -> Q:
        """Return the condition of runs, extended to their whole deployment, because lines lead from box to box within
        it.
        """
        state = {None: Q(), Only.ACTIVE: ~_ENDED, Only.FAILING: Q(state=RunState.FAILED)}[self.only] & self._recent()
        return state & Q(deployment__in=self._deployments()) if self.text else state

    def inferences(self) -> Q:
        """Return the condition that picks inferences, as ``runs`` does for runs."""
        failing = Q(state=RunState.FAILED) | Q(failing__isnull=False)
        state = {None: Q(), Only.ACTIVE: ~_ENDED, Only.FAILING: failing}[self.only] & self._recent()
        return state & Q(result__deployment__in=self._deployments()) if self.text else state

    def _recent(self) -> Q:
        return Q() if self.since is None else ~_ENDED | Q(ended_at__gte=self.since)

    def _deployments(self) -> QuerySet[TrainingResult, Any]:
        announced = ("stream__message__topic", "stream__message__unsupervised_topic")
        named = _any_contains(self.text, "model__name", "deployment__configuration__name", *announced)
        served = Inference.objects.filter(_any_contains(self.text, "input_topic", "output_topic"))
        found = TrainingResult.objects.filter(named | Q(pk__in=served.values("result")))
        return found.values("deployment")


_ENDED = Q(state__in=ENDED_STATES)


def _any_contains(text: str, *fields: str) -> Q:
    found = Q()
    for field in fields:
        found |= Q(**{f"{field}__icontains": text})
    return found


def pipeline(search: PictureSearch) -> Pipeline:
    """Return facts, totals and the picture: 11 queries whatever there is."""
    facts, totals = _totals()
    serving = _first(inferences().filter(search.inferences()), active=True)
    runs = _runs(serving, search)
    deployments = {run.deployment_id: run.deployment for run in runs}
    streams, trained_on = _streams({run.stream_id for run in runs if run.stream_id}, serving, search)
    # Configurations without a deployment are shown too, so that making one changes the picture.
    idle = list(
        Configuration.objects.filter(deployments__isnull=True, name__icontains=search.text)
        .filter(Q() if search.since is None else Q(updated_at__gte=search.since))
        .order_by("-id")[: max(PER_COLUMN - len(deployments), 0)]
    )
    picture = picture_of(
        streams=streams,
        trained_on=trained_on,
        idle=idle,
        deployments=list(deployments.values()),
        runs=runs,
        serving=serving,
    )
    return Pipeline(facts=facts, totals=totals, most=PER_COLUMN, **picture)


def _runs(serving: Iterable[Inference], search: PictureSearch) -> list[TrainingResult]:
    served = {inference.result_id for inference in serving}
    rows = TrainingResult.objects.select_related("model", "deployment__configuration").defer(*_LONG)
    # Skip the filter without a condition, because Django reads "no condition, or served" as "served".
    if found := search.runs():
        rows = rows.filter(found | Q(pk__in=served))
    return _first(with_outcome(rows), active=True, wanted=served)


def _streams(
    wanted: set[int], serving: Iterable[Inference], search: PictureSearch
) -> tuple[list[TopicStreams], Collection[Announcement]]:
    """Return the streams of each topic as one: first folded, then as many as a column shows; and the wanted ones.

    Topics that runs were trained on come first, then those that inferences read, then those with the text in their
    names, the newest before others. Of topics that nothing shown uses, old ones are left out.
    """
    newest = Q(pk__in=Announcement.objects.order_by("-pk").values("pk")[:_FOLDED_STREAMS])
    known = Announcement.objects.filter(newest | Q(pk__in=wanted)).order_by("-pk")
    members: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for pk, *ranges in known.values_list("pk", "message__topic", "message__unsupervised_topic"):
        topics = dict.fromkeys(stream_range.topic for text in ranges if text for stream_range in parse_ranges(text))
        members[tuple(topics)].append(pk)
    read = {inference.input_topic for inference in serving}

    def rank(topics: tuple[str, ...]) -> int:
        if not wanted.isdisjoint(members[topics]):
            return 0
        if read.intersection(topics):
            return 1
        return _UNUSED if any(search.text.lower() in topic.lower() for topic in topics) else _UNUSED + 1

    # The sort is stable, so within a rank the newest is first.
    shown = sorted(members, key=rank)[:PER_COLUMN]
    rows = Announcement.objects.in_bulk([*wanted, *(members[topics][0] for topics in shown)])
    folded = [
        TopicStreams(topics, newest_stream, frozenset(members[topics]))
        for topics in shown
        if (newest_stream := rows[members[topics][0]])
        and (search.since is None or rank(topics) < _UNUSED or newest_stream.registered_at >= search.since)
    ]
    return folded, rows.values()


def _first(rows: QuerySet[M], *, active: bool = False, wanted: Collection[int] = ()) -> list[M]:
    """Return the rows that a column shows: active ones, wanted ones, then the newest."""
    whens = [When(~Q(state__in=ENDED_STATES), then=Value(0))] if active else []
    if wanted:
        whens.append(When(pk__in=wanted, then=Value(1)))
    order = Case(*whens, default=Value(2), output_field=IntegerField())
    return list(rows.annotate(picture_order=order).order_by("picture_order", "-pk")[:PER_COLUMN])


def _totals() -> tuple[PipelineFacts, PipelineTotals]:
    newest = {"count": Count("pk"), "newest": Max("pk")}
    models = MLModel.objects.aggregate(**newest)
    configurations = Configuration.objects.aggregate(**newest)
    deployments = Deployment.objects.aggregate(**newest)
    streams = Announcement.objects.aggregate(**newest)
    runs = TrainingResult.objects.aggregate(
        count=Count("pk"),
        active=Count("pk", filter=~Q(state__in=ENDED_STATES)),
        waiting=Count("pk", filter=Q(state__in=(RunState.CREATED, RunState.WAITING))),
        newest=Max("pk", filter=Q(state=RunState.FINISHED)),
    )
    served = Inference.objects.aggregate(
        count=Count("pk"),
        active=Count("pk", filter=~Q(state__in=ENDED_STATES)),
        newest=Max("pk"),
        started=Min("pk", filter=Q(started_at__isnull=False)),
        predicted=Sum("predicted"),
    )
    facts = PipelineFacts(
        model=models["newest"],
        configuration=configurations["newest"],
        deployment=deployments["newest"],
        stream=streams["newest"],
        result=runs["newest"],
        inference=served["newest"] if served["started"] is not None else None,
        predicted=served["predicted"] or 0,
    )
    totals = PipelineTotals(
        models=models["count"],
        configurations=configurations["count"],
        deployments=deployments["count"],
        streams=streams["count"],
        runs=runs["count"],
        active_runs=runs["active"],
        waiting_runs=runs["waiting"],
        inferences=served["count"],
        active_inferences=served["active"],
    )
    return facts, totals
