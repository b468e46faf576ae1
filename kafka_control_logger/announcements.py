"""Announcements: the backend's end of the relay, ``POST /api/announcements/``."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Protocol

import httpx
import orjson

from kafkaml.closing import Closing
from kafkaml.errors import ApiError, ControlMessageError
from kafkaml.logs import get_logger
from kafkaml.records import Record

__all__ = ["Announcements", "HttpAnnouncements", "NotAnAnnouncement"]

logger = get_logger(__name__)

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
# The record is wrong, today and tomorrow. Every other refusal is about us or the backend and may pass.
_REFUSED = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.UNPROCESSABLE_ENTITY})


class NotAnAnnouncement(ControlMessageError):
    """The backend says that this record is no announcement, for good."""


class Announcements(Protocol):
    """Where announcements are registered."""

    def register(self, record: Record) -> bool:
        """Register ``record``; whether it is new. Registering it again is no error.

        Raises NotAnAnnouncement when it never will be, ApiError when it cannot be registered now.
        """
        ...


class HttpAnnouncements(Closing):
    """The backend over HTTP. ``token`` is asked for the service token at each request, so that it may change."""

    def __init__(
        self,
        backend_url: str,
        *,
        cluster: str,
        token: Callable[[], str],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._cluster = cluster
        self._token = token
        # The backend is ours and near: a proxy meant for the internet must not see the token.
        self._http = httpx.Client(
            base_url=backend_url.rstrip("/"), timeout=_TIMEOUT, trust_env=False, transport=transport
        )

    def close(self) -> None:
        self._http.close()

    def register(self, record: Record) -> bool:
        """See Announcements."""
        body = {
            "cluster": self._cluster,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp_ms": record.timestamp_ms,
            "key": _base64(record.key),
            "value": _base64(record.value),
        }
        try:
            response = self._http.post(
                "/api/announcements/",
                content=orjson.dumps(body),
                headers={"content-type": "application/json", "authorization": f"Bearer {self._token()}"},
            )
        except httpx.HTTPError as error:
            raise ApiError(
                f"the backend cannot be reached at {self._http.base_url} ({type(error).__name__}: {error})",
                hint="check that the backend runs and that KML_BACKEND_URL is its address",
            ) from error
        except OSError as error:
            raise ApiError(f"the service token cannot be read: {error}") from error
        if response.is_success or response.status_code == httpx.codes.CONFLICT:
            new = response.status_code == httpx.codes.CREATED
            if new and (note := _note(response)):
                logger.warning("registered, and nobody trains on it", record=record.place, note=note)
            return new
        reason = f"the backend answered {response.status_code}: {_detail(response)}"
        if response.status_code in _REFUSED:
            raise NotAnAnnouncement(reason)
        raise ApiError(reason, status=response.status_code)


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode("ascii")


def _note(response: httpx.Response) -> str:
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return ""
    return str(body.get("note") or "") if isinstance(body, dict) else ""


def _detail(response: httpx.Response) -> str:
    """Return what a problem document says, or the beginning of whatever came instead."""
    try:
        problem = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return response.text[:300]
    if isinstance(problem, dict):
        return str(problem.get("detail") or problem.get("errors") or problem.get("title") or problem)[:300]
    return str(problem)[:300]
