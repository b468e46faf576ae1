"""Reads pods, their owners and events as the API returns them. Missing or unexpected fields read as empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backend.launchers.kubernetes.manifests import WORKER_CONTAINER
from backend.launchers.kubernetes.settings import quantity_bytes

__all__ = [
    "condition_of",
    "events_about",
    "image_of",
    "last_warning",
    "latest_event",
    "mapping",
    "memory_limit",
    "one_line",
    "text_of",
    "token_secret",
    "worker_status",
]

_MAX_MESSAGE_CHARS = 500


def mapping(value: Any) -> Mapping[str, Any]:
    """``value``, or an empty mapping where it is something else."""
    return value if isinstance(value, Mapping) else {}


def text_of(value: Mapping[str, Any] | None, key: str) -> str:
    """The text of a field, empty where it is missing."""
    # No database takes a NUL in a text, and a log may hold one.
    return str((value or {}).get(key) or "").replace("\0", "\N{REPLACEMENT CHARACTER}")


def worker_status(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The status of the worker's container in that of its pod."""
    named = (
        container for container in status.get("containerStatuses") or () if container.get("name") == WORKER_CONTAINER
    )
    return mapping(next(named, None))


def _worker(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    containers = mapping(pod.get("spec")).get("containers") or ()
    return mapping(next((container for container in containers if container.get("name") == WORKER_CONTAINER), None))


def condition_of(status: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The condition of type ``name``."""
    return next((condition for condition in status.get("conditions") or () if condition.get("type") == name), None)


def image_of(pod: Mapping[str, Any]) -> str:
    """The image of the worker's container."""
    return text_of(_worker(pod), "image")


def memory_limit(pod: Mapping[str, Any]) -> str:
    """The memory limit of the worker's container for people to read, empty where it has none."""
    limit = text_of(mapping(mapping(_worker(pod).get("resources")).get("limits")), "memory")
    return f"{quantity_bytes(limit) / (1 << 30):.2f} GiB" if limit else ""


def token_secret(pod: Mapping[str, Any]) -> str:
    """The name of the Secret that holds the worker's token."""
    volumes = mapping(pod.get("spec")).get("volumes") or ()
    token = next((volume for volume in volumes if volume.get("name") == "token"), None)
    return text_of(mapping(mapping(token).get("secret")), "secretName")


def events_about(owner: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the events about this very object; events about an earlier object of the same name are left out."""
    metadata = mapping(owner.get("metadata"))
    mine = []
    for event in events:
        about = mapping(event.get("involvedObject"))
        if about.get("name") == metadata.get("name") and about.get("uid") in (None, metadata.get("uid")):
            mine.append(event)
    return mine


def latest_event(events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The event that was seen last."""
    return max(events, key=_seen_at, default=None)


def _seen_at(event: Mapping[str, Any]) -> str:
    series = mapping(event.get("series"))
    seen = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    # Times are compared as texts. Without the final Z, a text with a fraction sorts behind the bare second.
    return str(seen or mapping(event.get("metadata")).get("creationTimestamp") or "").removesuffix("Z")


def last_warning(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    """The message of the newest warning about ``pod``, empty where there is none."""
    event = latest_event(event for event in events_about(pod, events) if event.get("type") == "Warning")
    return one_line(text_of(event, "message"))


def one_line(message: str) -> str:
    """One line of ``message``, without the full stop at its end."""
    return " ".join(message.split())[:_MAX_MESSAGE_CHARS].removesuffix(".")
