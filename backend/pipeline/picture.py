"""Rows as boxes and lines: which box stands for what, what leads where, and the number at each hand-over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.configurations.models import Configuration
from backend.deployments.models import Deployment, TrainingResult
from backend.deployments.selectors import aggregate_state
from backend.inferences.models import Inference
from backend.pipeline.documents import PipelineEdge, PipelineNode, Score
from backend.streams.models import Announcement
from kafkaml.wire.evaluation import Baseline
from kafkaml.wire.state import RunState

__all__ = ["TopicStreams", "picture_of", "score_of", "tiers"]


@dataclass(frozen=True)
class TopicStreams:
    """The streams of the same topics, folded: the ``newest`` stands for all of them, ``members`` by their ids."""

    topics: tuple[str, ...]
    newest: Announcement
    members: frozenset[int]


def picture_of(
    *,
    streams: Sequence[TopicStreams],
    trained_on: Iterable[Announcement],
    idle: Sequence[Configuration],
    deployments: Sequence[Deployment],
    runs: Sequence[TrainingResult],
    serving: Sequence[Inference],
) -> dict[str, Any]:
    """Return ``nodes`` and ``edges``; an edge joins only nodes that are there. ``trained_on`` are streams of runs."""
    newest = {member: stream.newest.pk for stream in streams for member in stream.members}
    # A topic that an inference reads and that streams were announced of is one thing, and one box.
    own = {stream.topics[0]: f"stream:{stream.newest.pk}" for stream in reversed(streams) if len(stream.topics) == 1}
    inputs = dict.fromkeys(inference.input_topic for inference in serving)
    records = {stream.pk: stream.message.get("total_msg") for stream in trained_on}
    nodes = [
        *(_stream(stream) for stream in streams),
        *(_topic(name) for name in inputs if name not in own),
        *(_deployment(deployment, runs) for deployment in deployments),
        *(
            _node("configuration", configuration.pk, configuration.name, at=configuration.created_at)
            for configuration in idle
        ),
        *_runs(runs),
        *_inferences(serving),
        *_outputs(serving),
    ]
    present = {node.key for node in nodes}
    edges = [*_training_edges(runs, records, newest), *_serving_edges(serving, runs, own)]
    return {
        "nodes": nodes,
        "edges": [edge for edge in edges if edge.source in present and edge.target in present],
    }


def score_of(result: TrainingResult) -> Score | None:
    """Return the one number that says how good a run is: its accuracy, otherwise its loss, on the best
    available part.
    """
    outcome: Mapping[str, Any] = result.outcome or {}
    metrics: Mapping[str, Any] = result.metrics or {}
    parts = (
        # The platform computes its scores by one rule for all frameworks, so they come before the metrics of one.
        ("test", outcome.get("scores")),
        ("test", outcome.get("test_metrics")),
        ("validation", metrics.get("validation")),
        ("training", metrics.get("training")),
    )
    for wanted in ("accuracy", "loss"):
        for part, values in parts:
            for name, value in (values or {}).items():
                if wanted in name.lower() and isinstance(value, int | float):
                    return Score(name=name, value=value, part=part, useless=_useless(outcome))
    return None


def _useless(outcome: Mapping[str, Any]) -> bool:
    baseline, scores = outcome.get("baseline"), outcome.get("scores")
    if not baseline or not scores:
        return False
    return Baseline.model_validate(baseline).beaten_by(scores) is False


def tiers(uppers: Mapping[int, int | None]) -> dict[int, str]:
    """Return where each sub-model of a chain runs; ``uppers`` is the upper of each. Models alone are left out."""
    lower = {upper for upper in uppers.values() if upper is not None}
    return {
        key: "edge" if key not in lower else ("cloud" if upper is None or upper not in uppers else "fog")
        for key, upper in uppers.items()
        if key in lower or (upper is not None and upper in uppers)
    }


def _node(kind: Any, number: int | None, name: str, **values: Any) -> PipelineNode:
    return PipelineNode(key=f"{kind}:{name if number is None else number}", kind=kind, id=number, name=name, **values)


def _edge(source: str, target: str, kind: Any, **values: Any) -> PipelineEdge:
    return PipelineEdge(source=source, target=target, kind=kind, **values)


def _stream(streams: TopicStreams) -> PipelineNode:
    stream = streams.newest
    message = stream.control_message()
    ranges = [*message.ranges, *message.unsupervised_ranges]
    sizes = [stream_range.max_records for stream_range in ranges]
    records = None if None in sizes else sum(size or 0 for size in sizes)
    return _node(
        "stream",
        stream.pk,
        ", ".join(streams.topics[:3]),
        detail=message.description[:200],
        times=len(streams.members),
        at=stream.sent_at or stream.registered_at,
        records=message.total_msg if message.total_msg is not None else records,
    )


def _topic(name: str) -> PipelineNode:
    return _node("topic", None, name)


def _deployment(deployment: Deployment, runs: Iterable[TrainingResult]) -> PipelineNode:
    states = [run.state for run in runs if run.deployment_id == deployment.pk]
    return _node(
        "deployment",
        deployment.pk,
        deployment.configuration.name,
        state=str(aggregate_state(states)),
        at=deployment.created_at,
    )


def _runs(runs: Sequence[TrainingResult]) -> list[PipelineNode]:
    upper = _upper_runs(runs)
    tier = tiers({run.pk: upper.get(run.pk) for run in runs})
    return [
        _node(
            "run",
            run.pk,
            run.model.name,
            state=run.state,
            detail=run.model.framework,
            at=run.ended_at or run.started_at or run.created_at,
            tier=tier.get(run.pk, ""),
            progress=run.progress if run.state == RunState.RUNNING else None,
            score=score_of(run),
        )
        for run in runs
    ]


def _upper_runs(runs: Sequence[TrainingResult]) -> dict[int, int]:
    """Return, by run, the run of its model's upper model in the same deployment."""
    by_model = {(run.deployment_id, run.model_id): run.pk for run in runs}
    found = {run.pk: by_model.get((run.deployment_id, run.model.upper_model_id or 0)) for run in runs}
    return {key: upper for key, upper in found.items() if upper is not None}


def _upper_inferences(serving: Sequence[Inference]) -> dict[int, int]:
    """Return, by inference, the inference to which it hands up the records of which it is not sure."""
    readers = {inference.input_topic: inference.pk for inference in reversed(serving)}
    return {
        inference.pk: readers[inference.upper_topic]
        for inference in serving
        if inference.upper_topic and inference.upper_topic in readers
    }


def _inferences(serving: Sequence[Inference]) -> list[PipelineNode]:
    upper = _upper_inferences(serving)
    tier = tiers({inference.pk: upper.get(inference.pk) for inference in serving})
    return [
        _node(
            "inference",
            inference.pk,
            inference.result.model.name,
            state=inference.shown_state,
            detail=_serving(inference) if inference.failing is None else inference.failing["reason"],
            at=inference.started_at or inference.created_at,
            tier=tier.get(inference.pk, ""),
            **_flow(inference),
        )
        for inference in serving
    ]


def _serving(inference: Inference) -> str:
    ready, launched = inference.ready_replicas, inference.current_replicas
    return f"{ready} of {launched} replicas" if launched else f"{ready} serving elsewhere"


def _outputs(serving: Sequence[Inference]) -> list[PipelineNode]:
    flows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for inference in serving:
        flows[inference.output_topic].append(_part(inference, _flow(inference), up=False))
    return [
        _node(
            "output",
            None,
            topic,
            rate=sum(flow["rate"] or 0.0 for flow in found),
            records=sum(flow["records"] for flow in found),
        )
        for topic, found in flows.items()
    ]


def _flow(inference: Inference) -> dict[str, Any]:
    """Return the rate of an inference (0 if its replicas have gone silent), its lag, and its records in all."""
    totals = inference.totals
    running = inference.state == RunState.RUNNING
    return {"rate": totals.rate if running else None, "lag": totals.lag, "records": totals.predicted}


def _part(inference: Inference, flow: Mapping[str, Any], *, up: bool) -> dict[str, Any]:
    """Return the part of a flow that a tier hands up or answers. The rate goes by the shares under its limit."""
    exits = inference.exits
    left = 1.0 if exits is None or exits.share is None else exits.share
    share = 1 - left if up else left
    return {
        "rate": None if flow["rate"] is None else flow["rate"] * share,
        "records": inference.sent_up if up else inference.predicted - inference.sent_up,
    }


def _training_edges(
    runs: Sequence[TrainingResult], records: Mapping[int, int | None], newest: Mapping[int, int]
) -> list[PipelineEdge]:
    edges: dict[tuple[str, str], PipelineEdge] = {}
    upper = _upper_runs(runs)
    for run in runs:
        deployment = f"deployment:{run.deployment_id}"
        if run.stream_id is not None:
            ends = (f"stream:{newest.get(run.stream_id, run.stream_id)}", deployment)
            known = edges.get(ends)
            states = [run.state, *([known.state] if known else [])]
            edges[ends] = _edge(*ends, "trains", state=str(aggregate_state(states)), records=records.get(run.stream_id))
        edges[deployment, f"run:{run.pk}"] = _edge(deployment, f"run:{run.pk}", "holds", state=run.state)
        if run.pk in upper:
            ends = (f"run:{run.pk}", f"run:{upper[run.pk]}")
            edges[ends] = _edge(*ends, "upper", state=run.state)
    return list(edges.values())


def _serving_edges(
    serving: Sequence[Inference], runs: Sequence[TrainingResult], own: Mapping[str, str]
) -> list[PipelineEdge]:
    """Return the lines to and from inferences. ``own`` are the boxes of topics that have streams."""
    scores = {run.pk: score_of(run) for run in runs}
    upper = _upper_inferences(serving)
    flows = {inference.pk: _flow(inference) for inference in serving}
    edges: list[PipelineEdge] = []
    for inference in serving:
        key, flow = f"inference:{inference.pk}", flows[inference.pk]
        state = inference.shown_state
        read = inference.totals.read_rate if inference.state == RunState.RUNNING else None
        edges += [
            _edge(f"run:{inference.result_id}", key, "serves", state=state, score=scores.get(inference.result_id)),
            _edge(
                own.get(inference.input_topic, f"topic:{inference.input_topic}"),
                key,
                "reads",
                state=state,
                rate=read,
                lag=flow["lag"],
            ),
            _edge(key, f"output:{inference.output_topic}", "writes", state=state, **_part(inference, flow, up=False)),
        ]
        if inference.pk in upper:
            above = f"inference:{upper[inference.pk]}"
            edges.append(_edge(key, above, "upper", state=state, **_part(inference, flow, up=True)))
    return edges
