"""Who uses a topic: the platform itself, announced streams, inferences. Three queries whatever the number of topics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from backend.config.environment import environment
from backend.inferences.models import Inference
from backend.records.decoding import Decoder, DecoderKind
from backend.streams.models import Announcement
from kafkaml.dead_letters import answered_topic, dead_letter_topic
from kafkaml.errors import ControlMessageError
from kafkaml.input_format import InputFormat

__all__ = ["USE_ROLES", "decoder_for", "topic_uses"]

# What a topic can be used as, with what that means.
USE_ROLES = {
    "control": "Streams are announced in it.",
    "versions": "The platform writes to it which version of each result is current.",
    "dead_letters": "It has the dead letters of an inference or of the control topic.",
    "stream": "A stream is in it.",
    "unsupervised_stream": "The unlabelled part of a stream is in it.",
    "input": "An inference reads it.",
    "output": "An inference writes predictions to it.",
    "upper": "A tier sends intermediates to it, which the next tier reads.",
    "changelog": "An inference keeps in it what it knows of each key, such as windows.",
}
# The most announcements that are read, the newest first.
_MAX_STREAMS = 2000
_MAX_INFERENCES = 2000
_FIELDS = (
    *("id", "input_topic", "output_topic", "upper_topic", "input_format", "input_config", "group_suffix"),
    *("state", "failing", "result__model__name"),
)

Uses = dict[str, list[dict[str, Any]]]


def topic_uses() -> Uses:
    """Return for each topic who uses it, newest first: ``{"role", "type", "id", "name"}``."""
    uses: Uses = defaultdict(list)
    control = environment().control_topics
    for topic in control:
        uses[topic].append(_use("control", "system", None, "announcements of streams"))
    uses[dead_letter_topic(control[0])].append(
        _use("dead_letters", "system", None, "announcements that nobody understood")
    )
    uses[environment().versions_topic].append(
        _use("versions", "system", None, "which version of each result is current")
    )
    for inference in Inference.objects.select_related("result__model").only(*_FIELDS)[:_MAX_INFERENCES]:
        name = inference.result.model.name
        uses[inference.input_topic].append(_use("input", "inference", inference.pk, name, inference.shown_state))
        uses[inference.output_topic].append(_use("output", "inference", inference.pk, name, inference.shown_state))
        uses[dead_letter_topic(inference.output_topic)].append(
            _use("dead_letters", "inference", inference.pk, name, inference.shown_state)
        )
        if inference.upper_topic:
            uses[inference.upper_topic].append(_use("upper", "inference", inference.pk, name, inference.shown_state))
        if changelog := inference.changelog_topic:
            uses[changelog].append(_use("changelog", "inference", inference.pk, name, inference.shown_state))
    for announcement in Announcement.objects.only("id", "message")[:_MAX_STREAMS]:
        try:
            message = announcement.control_message()
        except ControlMessageError:
            continue
        for role, ranges in (("stream", message.ranges), ("unsupervised_stream", message.unsupervised_ranges)):
            for topic in {stream_range.topic for stream_range in ranges}:
                uses[topic].append(_use(role, "stream", announcement.pk, message.description))
    return uses


def decoder_for(topic: str) -> Decoder:
    """Return how records of ``topic`` are read, by the newest stream or inference that declares it, otherwise by looks.

    A failing inference does not count, because its format may be wrong.
    """
    control = environment().control_topics
    if topic in (*control, dead_letter_topic(control[0])):
        return Decoder(DecoderKind.AUTO, origin="the control topic")
    candidates = Inference.objects.only("id", "input_topic", "output_topic", "input_format", "input_config")
    if inference := candidates.filter(output_topic=topic).first():
        return Decoder(DecoderKind.AUTO, origin=f"inference {inference.pk}")
    if stream := _stream_decoder(topic):
        return stream
    dead_letters_of = answered_topic(topic)
    inference = candidates.filter(input_topic=topic, failing__isnull=True).first()
    if inference is None and dead_letters_of:
        inference = candidates.filter(output_topic=dead_letters_of).first()
    if inference is not None:
        return _of_rule(inference.input_format, inference.input_config, f"inference {inference.pk}", labelled=False)
    return Decoder()


def _stream_decoder(topic: str) -> Decoder | None:
    # The database finds the name anywhere in the message, so the ranges are checked for the topic here.
    for announcement in Announcement.objects.filter(message__topic__icontains=topic).only("id", "message")[:50]:
        try:
            message = announcement.control_message()
        except ControlMessageError:
            continue
        if not any(part.topic == topic for part in message.ranges):
            continue
        # Show the fields of records with columns, which say more than the numbers that a contract makes of them.
        if message.input_format == InputFormat.COLUMNS:
            return Decoder()
        return _of_rule(message.input_format, message.input_config, f"stream {announcement.pk}", labelled=True)
    return None


def _of_rule(input_format: str, config: Mapping[str, Any], origin: str, *, labelled: bool) -> Decoder:
    return Decoder(DecoderKind.AUTO, input_format, config, labelled=labelled, origin=origin)


def _use(role: str, kind: str, pk: int | None, name: str, state: str = "") -> dict[str, Any]:
    return {"role": role, "type": kind, "id": pk, "name": name, "state": state}
