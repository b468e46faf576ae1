"""HttpHeartbeats: tells the backend, now and then, that the logger lives: ``POST /api/heartbeats/``."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import orjson

import kafkaml
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
        self._token = token
        self._said = float("-inf")
        # The backend is ours and near: a proxy meant for the internet must not see the token.
        self._http = httpx.Client(
            base_url=backend_url.rstrip("/"), timeout=_TIMEOUT, trust_env=False, transport=transport
        )

    def __call__(self, what: str) -> None:
        if time.monotonic() - self._said < _PERIOD_SECONDS:
            return
        # Also after a failure, or each round would wait for a backend that does not answer.
        self._said = time.monotonic()
        body = {"component": "control-logger", "version": kafkaml.__version__, "doing": what[:_MAX_DOING_CHARS]}
        try:
            answer = self._http.post(
                "/api/heartbeats/",
                content=orjson.dumps(body),
                headers={"content-type": "application/json", "authorization": f"Bearer {self._token()}"},
            )
            answer.raise_for_status()
        except (httpx.HTTPError, OSError) as error:
            logger.debug("the backend was not told that the control logger lives", error=str(error))

    def close(self) -> None:
        self._http.close()
