"""Joining: how a worker elsewhere gets its job, and keeps it. Used by ``model_inference.elsewhere``.

A launched replica is given a job and a token for it; a worker elsewhere exchanges its worker token for them, and again
whenever it needs a fresh one. Only the worker token has to be kept on its machine.
"""

from __future__ import annotations

import uuid

import httpx

from kafkaml.closing import Closing
from kafkaml.errors import ApiError
from kafkaml.job_client import JobClient, api_error, backend_http, close_http, unreachable
from kafkaml.logs import register_secret
from kafkaml.retry import retried
from kafkaml.wire.job import InferenceJob
from kafkaml.wire.worker import Join, WorkerJob

__all__ = ["Joining", "WorkerClient"]

_JOIN_URL = "/api/jobs/workers/"


class Joining(Closing):
    """Joins an inference as one process, under ``name``. Thread-safe."""

    def __init__(
        self,
        *,
        url: str,
        token: str,
        inference: int,
        name: str,
        host: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url
        self.transport = transport
        self._token = token
        register_secret(token)
        self._said = Join(inference=inference, name=name, session=uuid.uuid4().hex, host=host)
        self._joined = False
        self._http = backend_http(url, transport)

    def close(self) -> None:
        close_http(self._http)

    def join(self, *, deadline_seconds: float) -> WorkerJob:
        """Return the job of the inference's present attempt, with a fresh token.

        Temporary errors (the backend is unavailable, the inference is being started) are retried for
        ``deadline_seconds``. Raises ApiError. Status 401 or 403: the token is not valid for this inference. Status 409
        ``inference_ended``: there is nothing to join. Status 409 ``worker_replaced``: another process has joined under
        this name since this one did.
        """
        job = retried(self._join, deadline_seconds=deadline_seconds)
        self._joined = True
        return job

    def _join(self) -> WorkerJob:
        said = self._said.model_copy(update={"again": self._joined})
        headers = {"authorization": f"Bearer {self._token}", "accept": "application/json"}
        try:
            response = self._http.post(_JOIN_URL, json=said.to_json(), headers=headers)
        except httpx.HTTPError as error:
            raise unreachable("POST", f"{self.url}{_JOIN_URL}", error) from error
        if not response.is_success:
            raise api_error("POST", f"{self.url}{_JOIN_URL}", response)
        return WorkerJob.model_validate_json(response.content)


class WorkerClient(JobClient):
    """See JobClient; its tokens come from ``joining``. ``first`` is the last answer from there."""

    def __init__(self, job: InferenceJob, joining: Joining, first: WorkerJob, *, deadline_seconds: float) -> None:
        self._joining = joining
        self._first = first
        super().__init__(job, deadline_seconds=deadline_seconds, transport=joining.transport)

    def _first_token(self) -> str:
        return self._first.token

    def renew_token(self) -> None:
        """Exchange the worker token again; raises ApiError 409 when another attempt has begun."""
        job = self._joining.join(deadline_seconds=0)
        if job.attempt != self.attempt:
            raise ApiError(f"attempt {self.attempt} is over: the present one is {job.attempt}", status=409)
        with self._token.lock:
            self._token.take(job.token)

    def _reread_token(self) -> bool:
        return False
