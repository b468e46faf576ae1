"""HttpHeartbeats: reports to the backend every ten seconds that the logger is alive: ``POST /api/heartbeats/``."""

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
# The relay waits for this request, so a hanging backend must not hold it up longer than an absent one.
_TIMEOUT = httpx.Timeout(2.0)
_MAX_DOING_CHARS = 200


class HttpHeartbeats:
    """Reports every ten seconds what the relay is doing. The relay calls it in every round. Never raises.

    Each request calls ``token`` for the service token, which may change.
    """

    def __init__(
        self, backend_url: str, *, token: Callable[[], str], transport: httpx.BaseTransport | None = None
    ) -> None:
        self._said = float("-inf")
        self._http = service_client(backend_url, token=token, timeout=_TIMEOUT, transport=transport)

    def __call__(self, what: str) -> None:
        if time.monotonic() - self._said < _PERIOD_SECONDS:
            return
        # Count failed attempts too. Otherwise every round would wait for a backend that does not answer.
        self._said = time.monotonic()
        body = {"component": "control-logger", "version": kafkaml.__version__, "doing": what[:_MAX_DOING_CHARS]}
        try:
            self._http.post("/api/heartbeats/", json=body).raise_for_status()
        except (httpx.HTTPError, OSError) as error:
            logger.debug("the control logger's sign of life did not reach the backend", error=str(error))

    def close(self) -> None:
        self._http.close()
