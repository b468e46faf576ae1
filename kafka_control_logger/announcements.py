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

__all__ = ["Announcements", "HttpAnnouncements", "NotAnAnnouncement", "service_client"]

logger = get_logger(__name__)

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
# Statuses that mean the record itself is wrong, for good. Every other refusal concerns this service or the backend and
# may pass.
_REFUSED = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.UNPROCESSABLE_ENTITY})


class NotAnAnnouncement(ControlMessageError):
    """The backend says that this record is not an announcement and never will be."""


class Announcements(Protocol):
    """The service that announcements are registered with."""

    def register(self, record: Record) -> bool:
        """Register ``record`` and return whether it is new. Registering it again is allowed.

        Raises NotAnAnnouncement when the record can never be registered, ApiError when it cannot be registered now.
        """
        ...


def service_client(
    backend_url: str, *, token: Callable[[], str], timeout: httpx.Timeout, transport: httpx.BaseTransport | None = None
) -> httpx.Client:
    """Return a client of the backend. Each request calls ``token`` for the service token, which may change."""

    def authorized(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {token()}"
        return request

    # The backend is on our own network. A proxy meant for the internet must not see the token.
    return httpx.Client(
        base_url=backend_url.rstrip("/"), timeout=timeout, trust_env=False, transport=transport, auth=authorized
    )


class HttpAnnouncements(Closing):
    """The backend over HTTP; see ``service_client``."""

    def __init__(
        self,
        backend_url: str,
        *,
        cluster: str,
        token: Callable[[], str],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._cluster = cluster
        self._http = service_client(backend_url, token=token, timeout=_TIMEOUT, transport=transport)

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
            response = self._http.post("/api/announcements/", json=body)
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
    body = _document(response)
    return str(body.get("note") or "") if isinstance(body, dict) else ""


def _detail(response: httpx.Response) -> str:
    """Return the text of a problem document, or the beginning of any other body."""
    problem = _document(response)
    if isinstance(problem, dict):
        problem = problem.get("detail") or problem.get("errors") or problem.get("title") or problem
    return str(problem)[:300]


def _document(response: httpx.Response) -> object:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return response.text
