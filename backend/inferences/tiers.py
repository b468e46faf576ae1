"""Tiers: what an inference of a sub-model hands up, and what it reads. Used where inferences are made and changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.api.errors import InvalidField
from backend.deployments.models import ResultVersion, TrainingResult
from backend.inferences.models import Inference
from backend.ml_models.chains import chain_of, lower_of
from backend.runs.models import DesiredState
from kafkaml.input_format import InputFormat
from kafkaml.wire.distributed import Cascade, Exit, Scores
from kafkaml.wire.state import RunState

__all__ = ["cascade_of", "check_limit", "check_tier", "exit_of", "input_of", "least_limit", "tier_of", "tiers_above"]

_ALONE = "leave limit and upper_topic empty"


def tier_of(result: TrainingResult) -> str:
    """Return the name of the sub-model that an inference of ``result`` serves; empty for ordinary models."""
    return result.model.name if result.model.distributed else ""


def exit_of(version: ResultVersion) -> Exit | None:
    """Return what training measured at the exit; None for ordinary models."""
    document = version.outcome.get("exit")
    return None if document is None else Exit.model_validate(document)


def cascade_of(inference: Inference) -> Cascade | None:
    """Return the rule by which the inference hands records up; None where it answers all of them."""
    if inference.limit is None:
        return None
    found = exit_of(inference.served) or Exit(scores=Scores.PROBABILITIES, classes=0)
    return Cascade(
        upper_topic=inference.upper_topic,
        limit=inference.limit,
        upper_bootstrap_servers=inference.upper_bootstrap_servers,
        scores=found.scores,
        temperature=found.temperature,
    )


def input_of(result: TrainingResult, version: ResultVersion) -> tuple[str, Mapping[str, Any]] | None:
    """Return format and settings of what the tier below hands up; None for a model without a tier below.

    The key is still that of the lowest tier's input, so a label in it is read as there.
    """
    if not result.model.distributed or lower_of(result.model) is None:
        return None
    shape = version.outcome.get("input_shape") or _reported_shape(result.model.report)
    config: dict[str, Any] = {"data_type": "float32"}
    if shape and None not in shape:
        config["data_reshape"] = " ".join(map(str, shape))
    message = None if version.stream is None else version.stream.control_message()
    if message is not None and message.input_format == InputFormat.RAW:
        labels = ("label_type", "label_reshape")
        config |= {name: message.input_config[name] for name in labels if name in message.input_config}
    return str(InputFormat.RAW), config


def check_tier(inference: Inference, version: ResultVersion) -> None:
    """Raise InvalidField unless the inference, which serves ``version``, may hand records up as it is set to."""
    limit, topic = inference.limit, inference.upper_topic
    if limit is None and not topic:
        if inference.upper_bootstrap_servers:
            raise InvalidField("upper_bootstrap_servers", "given without upper_topic: expected both or none")
        return
    if limit is None:
        raise InvalidField("limit", "missing: an upper topic needs the limit below which records go there")
    if not topic:
        raise InvalidField("upper_topic", "missing: a limit needs the topic that what is below it goes to")
    model = inference.result.model
    if not model.distributed:
        raise InvalidField(
            "limit", f"{model.name} is not a sub-model of a distributed model and hands nothing up", hint=_ALONE
        )
    if model.upper_model_id is None:
        raise InvalidField("limit", f"{model.name} is the top of its chain and hands nothing up", hint=_ALONE)
    check_limit(limit, version)
    _check_loop(inference)


def check_limit(limit: float, version: ResultVersion) -> None:
    """Raise InvalidField for a limit by which ``version`` cannot decide, or below which no answer can fall."""
    found = exit_of(version)
    if found is None:
        raise InvalidField(
            "limit",
            f"nothing is known of the exit of {version}: expected one trained in a chain",
            hint="train it again",
        )
    if found.scores is Scores.VALUES:
        raise InvalidField("limit", f"{version} predicts values, which have no confidence", hint=_ALONE)
    if not 0 <= limit <= 1:
        raise InvalidField("limit", f"{limit:g} is not a confidence: expected a number from 0 to 1")
    if limit <= least_limit(found):
        raise InvalidField(
            "limit",
            f"nothing would go up: of {max(2, found.classes)} classes the most probable has at least "
            f"{least_limit(found):.4g}; expected more than that",
            hint=f"to answer everything here, {_ALONE}",
        )


def least_limit(found: Exit) -> float:
    """Return the highest limit at which nothing goes up: the confidence of an exit that knows nothing."""
    # One sigmoid unit distinguishes two classes.
    return 1 / max(2, found.classes)


def tiers_above(inference: Inference) -> list[Inference]:
    """Return the running inferences that process what a tier hands up, as far as they are on our own cluster."""
    found = [inference]
    while found[-1].upper_topic and not (found[-1].upper_bootstrap_servers or found[-1].output_bootstrap_servers):
        readers = Inference.objects.filter(
            input_topic=found[-1].upper_topic, output_bootstrap_servers="", state=RunState.RUNNING, shadow_of=None
        )
        above = readers.exclude(pk__in=[inference.pk for inference in found]).order_by("-pk").first()
        if above is None:
            break
        found.append(above)
    return found[1:]


def _check_loop(inference: Inference) -> None:
    """Refuse an upper topic that is read by this tier, or by a lower tier of the same chain."""
    chain = chain_of(inference.result.model)
    below = chain[: chain.index(inference.result.model) + 1]
    readers = Inference.objects.filter(
        input_topic=inference.upper_topic, result__model__in=below, desired=DesiredState.RUN
    )
    reader = readers.exclude(pk=inference.pk).select_related("result__model").first()
    if reader is not None and not inference.upper_bootstrap_servers:
        raise InvalidField(
            "upper_topic",
            f"inference {reader.pk} of {reader.result.model.name} reads {inference.upper_topic}: expected the input of "
            f"a tier above {inference.result.model.name}, or records would go round forever",
        )


def _reported_shape(report: Mapping[str, Any] | None) -> list[int | None]:
    inputs = (report or {}).get("inputs") or []
    return list(inputs[0]["shape"][1:]) if len(inputs) == 1 else []
