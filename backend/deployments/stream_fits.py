"""Which announced streams a deployment can learn, as far as it is certain before a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from backend.api.asked import problem_with
from backend.api.errors import FieldProblem
from backend.datasets.fitting import samples_problem
from backend.deployments import selectors
from backend.deployments.models import Deployment
from backend.ml_models.models import MLModel
from backend.ml_models.signatures import signature_of
from backend.streams.addressees import unfit_reason
from backend.streams.models import Announcement
from backend.streams.selectors import repeats
from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.wire.choices import Targets

__all__ = ["misfit", "samples_reason", "stream_fits", "stream_problems", "stream_reason"]


def stream_fits(deployment: Deployment, *, limit: int) -> list[dict[str, Any]]:
    """Return the newest streams, repeats left out, each with why the deployment cannot learn it; empty if it may."""
    several_inputs = selectors.addressees().get(pk=deployment.pk).several_inputs
    models = _models(deployment)
    found = []
    for stream in Announcement.objects.exclude(repeats()).order_by("-pk")[:limit]:
        message = stream.control_message()
        reason = _kind_reason_of(deployment, message, several_inputs=several_inputs)
        reason = reason or samples_problem(message, models, targets=Targets(deployment.targets))
        found.append({"stream": stream.pk, "topics": _topics(message), "reason": reason})
    return found


def stream_reason(deployment: Deployment, message: ControlMessage) -> str:
    """Return why a deployment does not train on a stream of this kind; empty where it does."""
    several_inputs = selectors.addressees().get(pk=deployment.pk).several_inputs
    return _kind_reason_of(deployment, message, several_inputs=several_inputs)


def samples_reason(deployment: Deployment, message: ControlMessage) -> str:
    """Return why the models of a deployment are certain not to take a stream's samples; empty where they may."""
    return samples_problem(message, _models(deployment), targets=Targets(deployment.targets))


def stream_problems(
    stream: Announcement | None, models: Sequence[MLModel], *, mode: str, semi_supervised: bool, targets: Targets
) -> list[FieldProblem]:
    """Return why a deployment that does not exist yet could not train on a stream, as far as it is certain.

    ``models`` are those that take its samples.
    """
    if stream is None:
        return []
    message = stream.control_message()
    several_inputs = any(len(signature_of(model).names) > 1 for model in models)
    reason = _kind_reason(
        message, number=None, mode=mode, semi_supervised=semi_supervised, several_inputs=several_inputs
    )
    reason = reason or samples_problem(message, models, targets=targets)
    return [problem_with("stream", reason)] if reason else []


def misfit(number: int, message: ControlMessage) -> str:
    """See ``backend.streams.addressees.misfit``."""
    return samples_reason(Deployment.objects.get(pk=number), message)


def _kind_reason_of(deployment: Deployment, message: ControlMessage, *, several_inputs: bool) -> str:
    return _kind_reason(
        message,
        number=deployment.pk,
        mode=deployment.mode,
        semi_supervised=deployment.semi_supervised is not None,
        several_inputs=several_inputs,
    )


def _kind_reason(
    message: ControlMessage, *, number: int | None, mode: str, semi_supervised: bool, several_inputs: bool
) -> str:
    return unfit_reason(
        number,
        mode,
        semi_supervised=semi_supervised,
        online=message.incremental,
        unlabelled=bool(message.unsupervised_ranges),
        several_inputs=several_inputs,
        by_contract=message.input_format == InputFormat.COLUMNS,
    )


def _models(deployment: Deployment) -> list[MLModel]:
    """Return the models that take the samples: of a chain the lowest one."""
    lowest = Q(tier=None) | Q(tier=0)
    results = deployment.results.filter(lowest).select_related("model").order_by("pk")
    return [result.model for result in results]


def _topics(message: ControlMessage) -> list[str]:
    return list(dict.fromkeys(stream_range.topic for stream_range in message.ranges))
