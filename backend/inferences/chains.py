"""Puts a whole chain into service: proposes topics and limits, and makes all tiers or none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from django.db import transaction
from rest_framework import serializers

from backend.api.actors import Actor
from backend.api.errors import InvalidField, InvalidFields, NotFound
from backend.deployments.exits import exit_curves
from backend.deployments.models import TrainingResult
from backend.inferences.models import Inference
from backend.inferences.serializers import InferenceWriteSerializer
from backend.inferences.services import create_inference
from backend.inferences.tiers import exit_of, least_limit
from backend.runs.models import ENDED_STATES
from kafkaml.wire.chain import ChainProposal, TierProposal
from kafkaml.wire.distributed import Scores

__all__ = ["deploy_chain", "proposal"]

# Fields about the chain's input. Intermediates are read as they are written, from the beginning.
_OF_THE_LOWEST = ("start", "input_format", "input_config")
# Leaves room for the rest of a topic's name behind its prefix.
_MAX_PREFIX = 100


def proposal(result: TrainingResult, *, prefix: str = "", joining: bool = False) -> ChainProposal:
    """Return how the chain that ``result`` is part of could be served; topics begin with ``prefix``.

    ``joining``: tiers that are already served keep their topics, and the proposals for the others fit them.

    Raises InvalidField where it is of no chain, or not trained.
    """
    run = result.run
    if run.tier is None:
        raise InvalidField(
            "result",
            f"result {result.pk} is of {result.model.name}, no sub-model of a chain: expected one that is",
            hint="make an inference of it",
        )
    parts = run.parts()
    if missing := [part.model.name for part in parts if part.current_version is None]:
        raise InvalidField(
            "result", f"{', '.join(missing)} has no version yet: expected a chain that was trained", hint="wait for it"
        )
    served = _served(parts) if joining else {}
    begin = _free_prefix(prefix or _slug(run.deployment.configuration.name), parts, besides=served.values())
    topics = [f"{begin}-in", *(f"{begin}-{_slug(part.model.name)}" for part in parts[1:])]
    for index, part in enumerate(parts):
        topics[index] = _joint(served.get(part.pk), served.get(parts[index - 1].pk) if index else None, topics[index])
    outputs = [inference.output_topic for inference in served.values()]
    limits, obstacle = _limits(run)
    exits = [None if part.current_version is None else exit_of(part.current_version) for part in parts]
    return ChainProposal(
        result=run.pk,
        input_topic=topics[0],
        output_topic=outputs[0] if outputs else f"{begin}-out",
        tiers=[
            TierProposal(
                result=part.pk,
                model=part.model_id,
                model_name=part.model.name,
                input_topic=topics[index],
                upper_topic=topics[index + 1] if index + 1 < len(parts) else "",
                limit=limits.get(part.pk),
                least_limit=None
                if found is None or found.scores is Scores.VALUES or part is run
                else least_limit(found),
                served_by=served[part.pk].pk if part.pk in served else None,
            )
            for index, (part, found) in enumerate(zip(parts, exits, strict=True))
        ],
        obstacle=obstacle,
    )


def _served(parts: Sequence[TrainingResult]) -> dict[int, Inference]:
    """Return the newest inference that has not ended of each result that has one, from below."""
    active = Inference.objects.filter(result__in=parts, shadow_of=None).exclude(state__in=ENDED_STATES).order_by("pk")
    newest = {inference.result_id: inference for inference in active}
    return {part.pk: newest[part.pk] for part in parts if part.pk in newest}


def _joint(own: Inference | None, below: Inference | None, free: str) -> str:
    """Return the topic from which a tier reads: its own, otherwise the tier below's upper topic, otherwise
    a free one.
    """
    if own is not None:
        return own.input_topic
    return below.upper_topic if below is not None and below.upper_topic else free


def _limits(run: TrainingResult) -> tuple[Mapping[int, float | None], str]:
    """Return the limits that a training's samples suggest, by result. Without such samples: none, and why."""
    try:
        return {tier.result: tier.proposed for tier in exit_curves(run).tiers}, ""
    except NotFound as error:
        return {}, error.message


def deploy_chain(
    *, actor: Actor, result: TrainingResult, tiers: Sequence[Mapping[str, Any]], prefix: str = "", **common: Any
) -> list[Inference]:
    """Make an inference of each sub-model of a chain, in one transaction; return them from below.

    ``tiers`` are fields of inferences, each with its ``result``; ``common`` holds fields for all tiers. Other fields
    are as in the proposal. ``input_topic`` and ``output_topic`` in ``common`` are the chain's. Format and ``start`` are
    those of the lowest tier; the tiers above read everything that is handed up to them. Raises InvalidFields, by
    ``tiers.N.field``.
    """
    proposed = proposal(result, prefix=prefix)
    bodies = _bodies(proposed, tiers, common)
    made = []
    with transaction.atomic():
        for index, body in enumerate(bodies):
            with _at(f"tiers.{index}"):
                serializer = InferenceWriteSerializer(data=body)
                serializer.is_valid(raise_exception=True)
                made.append(create_inference(actor=actor, **serializer.validated_data))
    return made


def _bodies(
    proposed: ChainProposal, tiers: Sequence[Mapping[str, Any]], common: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the requested fields of each tier, from below."""
    given = {tier["result"]: tier for tier in tiers}
    known = {tier.result: tier for tier in proposed.tiers}
    if unknown := [number for number in given if number not in known]:
        expected = ", ".join(f"{tier.result} ({tier.model_name})" for tier in proposed.tiers)
        raise InvalidField("tiers", f"result {unknown[0]} is of another run: expected one each of {expected}")
    if len(given) < len(tiers):
        raise InvalidField("tiers", "a result is given twice: expected each sub-model once")
    shared = {name: value for name, value in common.items() if name not in ("input_topic", *_OF_THE_LOWEST)}
    bodies: list[dict[str, Any]] = []
    for tier in proposed.tiers:
        first, top = not bodies, not tier.upper_topic
        own = {"output_topic": proposed.output_topic, "upper_topic": tier.upper_topic, "limit": tier.limit}
        body = {**own, **shared, **given.get(tier.result, {}), "result": tier.result}
        if first:
            body = {**{name: common[name] for name in _OF_THE_LOWEST if name in common}, **body}
            body.setdefault("input_topic", common.get("input_topic") or proposed.input_topic)
        else:
            # A tier reads the upper topic of the tier below, which may be on the upper tier's own cluster.
            body["input_topic"] = bodies[-1]["upper_topic"]
        if not top and body["limit"] is None:
            raise InvalidField(
                f"tiers.{len(bodies)}.limit",
                f"missing: {tier.model_name} hands up what is less sure than a limit; expected more than "
                f"{tier.least_limit or 0:.4g}, at most 1",
                hint=proposed.obstacle,
            )
        bodies.append(body)
    return bodies


def _free_prefix(wanted: str, parts: Sequence[TrainingResult], *, besides: Iterable[Inference]) -> str:
    """Return ``wanted``, with a number appended where inferences, other than ``besides``, use topics with
    this prefix.
    """
    used: set[str] = set()
    others = Inference.objects.exclude(pk__in=[other.pk for other in besides])
    for names in others.values_list("input_topic", "output_topic", "upper_topic"):
        used.update(names)
    ends = ("in", "out", *(_slug(part.model.name) for part in parts[1:]))
    prefixes = (wanted[:_MAX_PREFIX] if number == 1 else f"{wanted[:_MAX_PREFIX]}-{number}" for number in count(1))
    return next(prefix for prefix in prefixes if not used.intersection(f"{prefix}-{end}" for end in ends))


def _slug(name: str) -> str:
    """Return a name as a part of a topic's."""
    return re.sub(r"[^a-z0-9._]+", "-", name.lower()).strip("-") or "chain"


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Put ``place``, the tier's place in the request, before the field names of errors that the block raises."""
    try:
        yield
    except InvalidField as error:
        raise InvalidField(f"{place}.{error.field}", error.message, code=error.code, hint=error.hint) from error
    except InvalidFields as error:
        problems = [replace(problem, field=f"{place}.{problem.field}") for problem in error.problems]
        raise InvalidFields(problems) from error
    except serializers.ValidationError as error:
        first, _, rest = place.partition(".")
        raise serializers.ValidationError({first: {rest: error.detail}}) from error
