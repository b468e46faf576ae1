"""HttpHeartbeats: tells the backend, now and then, that the logger lives: ``POST /api/heartbeats/``."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

import kafkaml
from kafka_control_logger.announcements import service_client
from kafkaml.logs import get_logger

__all__ = ["HttpHeartbeats"]

logger = get_logger(__name__)

_PERIOD_SECONDS = 10.0
# The relay waits for this: a backend that hangs must not hold up more than a backend that is away.
_TIMEOUT = httpx.Timeout(2.0)
_MAX_DOING_CHARS = 200


class HttpHeartbeats:
    """Called in every round of the relay, with what it does; says so every ten seconds. Never raises.

    ``token`` is asked for the service token at each request, so that it may change.
    """

    def __init__(
        self, backend_url: str, *, token: Callable[[], str], transport: httpx.BaseTransport | None = None
    ) -> None:
        self._said = float("-inf")
        self._http = service_client(backend_url, token=token, timeout=_TIMEOUT, transport=transport)

    def __call__(self, what: str) -> None:
        if time.monotonic() - self._said < _PERIOD_SECONDS:
            return
        # Also after a failure, or each round would wait for a backend that does not answer.
        self._said = time.monotonic()
        body = {"component": "control-logger", "version": kafkaml.__version__, "doing": what[:_MAX_DOING_CHARS]}
        try:
            self._http.post("/api/heartbeats/", json=body).raise_for_status()
        except (httpx.HTTPError, OSError) as error:
            logger.debug("the backend was not told that the control logger lives", error=str(error))

    def close(self) -> None:
        self._http.close()
