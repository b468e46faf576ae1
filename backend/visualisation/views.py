"""GET /api/inferences/<id>/predictions/: what an inference answers, live and summed up, as server-sent events."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from backend.api import sse
from backend.api.errors import NotFound
from backend.config.environment import environment
from backend.deployments.models import TrainingResult
from backend.inferences.models import Inference
from backend.visualisation.options import WatchOptions, watch_options
from backend.visualisation.source import PredictionSource, WatchedInference

__all__ = ["prediction_stream"]

_FRAMES_PER_SECOND = 20.0


async def prediction_stream(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Stream predictions as the inference's saved configuration says; the query can say otherwise."""
    return await sse.source_stream(
        request, lambda: partial(PredictionSource, *_watched(request, pk)), frames_per_second=_FRAMES_PER_SECOND
    )


def _watched(request: HttpRequest, pk: int) -> tuple[WatchedInference, WatchOptions]:
    inference = Inference.objects.filter(pk=pk).first()
    if inference is None:
        raise NotFound(f"inference {pk} does not exist")
    kafka = environment().kafka
    output = inference.output_bootstrap_servers
    watched = WatchedInference(
        input_topic=inference.input_topic,
        output_topic=inference.output_topic,
        input_format=inference.input_format,
        input_config=inference.input_config,
        input_settings=kafka,
        output_settings=kafka.model_copy(update={"bootstrap_servers": output}) if output else kafka,
    )
    options = watch_options(inference.visualization, request.GET)
    if options.type is None and _is_classifier(inference.result_id):
        options = replace(options, type="classification")
    return watched, options


def _is_classifier(result: int) -> bool:
    """Whether the training counted a confusion matrix: then outputs are scores of classes, logits too."""
    return TrainingResult.objects.filter(pk=result, current_version__confusion_matrix__isnull=False).exists()
