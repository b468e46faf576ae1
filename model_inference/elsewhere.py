"""A worker elsewhere: a replica that a user runs on another machine. Called by ``kafka-ml worker run``.

Serves like every replica (``service``). Restarts itself where a launcher would: after a new attempt began, and after
failures that may pass. Ends with its inference, when its token is no longer valid, when another process takes over its
name, and on a signal.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from kafkaml.errors import ApiError, FailedError, SettingsError
from kafkaml.joining import Joining, WorkerClient
from kafkaml.log_copy import LogCopy
from kafkaml.logs import get_logger, log_context
from kafkaml.retry import is_transient
from kafkaml.settings import KafkaSettings
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.job import InferenceJob
from kafkaml.wire.worker import BrokerAccess, WorkerJob
from kafkaml.worker_settings import InferenceSettings
from model_inference.service import Stopped, StopSignal, serve

__all__ = ["WorkerOptions", "broker_settings", "run_worker"]

logger = get_logger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_MAX_PAUSE_SECONDS = 60.0
# A failure after this long without one counts as the first.
_FORGIVEN_AFTER_SECONDS = 600.0
# How long the platform may be unreachable before a log line says so.
_PATIENCE_SECONDS = 5.0
_MAY_PASS = (FailureCategory.INTERNAL, FailureCategory.TIME_LIMIT)


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """``url`` is the platform's address from here. ``state_dir`` keeps models and counts over restarts."""

    url: str
    token: str = field(repr=False)
    inference: int
    name: str
    state_dir: Path


def run_worker(options: WorkerOptions, *, log: LogCopy, kafka: KafkaSettings, settings: InferenceSettings) -> str:
    """Serve until the end and return the reason for it, as text. Called in the main thread, whose signals it takes
    over.

    Raises ApiError when the platform refuses it, FailedError and SettingsError for what trying again cannot fix.
    ``kafka`` holds the settings of this machine, which take precedence over the platform's.
    """
    stop = StopSignal()
    stop.install()
    joining = Joining(
        url=options.url,
        token=options.token,
        inference=options.inference,
        name=options.name,
        host=socket.gethostname(),
    )
    try:
        with joining, log_context(inference=options.inference, worker=options.name):
            return _Worker(options, joining, log, kafka, settings).run(stop)
    except Stopped:
        return "stopped"


class _Worker:
    def __init__(
        self, options: WorkerOptions, joining: Joining, log: LogCopy, kafka: KafkaSettings, settings: InferenceSettings
    ) -> None:
        self._options = options
        self._joining = joining
        self._log = log
        self._kafka = kafka
        self._settings = settings
        self._failure: Failure | None = None
        self._failures = 0

    def run(self, stop: StopSignal) -> str:
        while True:
            try:
                job = self._join(stop)
            except ApiError as error:
                if error.problem.get("type") == _ENDED:
                    return error.message
                raise
            self._failure = None
            began = time.monotonic()
            try:
                self._serve(job, stop)
            except Stopped:
                if not stop.superseded:
                    raise
            finally:
                stop.over = True
            if time.monotonic() - began > _FORGIVEN_AFTER_SECONDS:
                self._failures = 0
            if stop.reason is not None and stop.reason.problem.get("type") == _REPLACED:
                raise _said(stop.reason)
            if stop.asked() and not stop.superseded:
                return "stopped"
            stop = StopSignal()
            stop.install()
            if self._failure is not None:
                self._pause(self._failure)

    def _join(self, stop: StopSignal) -> WorkerJob:
        """Wait for the platform, and for the inference to be started; raises ApiError for lasting errors."""
        logger.info("joining", url=self._options.url)
        shown = ""
        while True:
            # Python swallows exceptions in some places, so what a signal raised may have been lost.
            if stop.asked():
                raise Stopped
            try:
                return self._joining.join(deadline_seconds=_PATIENCE_SECONDS)
            except ApiError as error:
                said = _said(error)
                if not is_transient(error):
                    raise said from error
                if said.message != shown:
                    logger.warning("waiting for the platform", reason=said.message)
                    shown = said.message

    def _serve(self, job: WorkerJob, stop: StopSignal) -> None:
        kafka = broker_settings(job.kafka, self._kafka)
        logger.info("joined", replica=job.replica, attempt=job.attempt, bootstrap_servers=kafka.bootstrap_servers)
        inference_job = InferenceJob(
            name=self._options.name,
            attempt=job.attempt,
            framework=job.framework,
            backend_url=self._options.url,
            token_file="",
            state_dir=str(self._options.state_dir),
            inference_id=job.inference,
            replica=job.replica,
        )
        serve(
            inference_job,
            stop,
            settings=self._settings,
            kafka=kafka,
            backend=WorkerClient(inference_job, self._joining, job, deadline_seconds=math.inf),
            log=self._log,
            on_failure=self._failed,
        )

    def _failed(self, failure: Failure) -> None:
        self._failure = failure

    def _pause(self, failure: Failure) -> None:
        """Wait before the next try, longer each time; raises FailedError where another try would fail too."""
        if not (failure.category.retryable or failure.category in _MAY_PASS):
            raise FailedError(failure.cause, hint=failure.hint)
        seconds = min(_FIRST_PAUSE_SECONDS * 2**self._failures, _MAX_PAUSE_SECONDS)
        self._failures = min(self._failures + 1, 16)
        logger.warning("trying again", seconds=seconds, cause=failure.cause)
        # A signal ends the wait, because StopSignal raises before serving has begun.
        threading.Event().wait(seconds)


_ENDED = "urn:kafka-ml:problem:inference_ended"
_REPLACED = "urn:kafka-ml:problem:worker_replaced"


def broker_settings(platform: BrokerAccess, own: KafkaSettings) -> KafkaSettings:
    """Return how to reach Kafka: this machine's settings, completed by the platform's. Raises SettingsError without
    Kafka's user.
    """
    said = {name: value for name, value in platform.to_json().items() if name not in own.model_fields_set}
    settings = own.model_copy(update=said)
    if settings.sasl_mechanism and not settings.sasl_username:
        raise SettingsError(
            f"Kafka at {settings.bootstrap_servers} asks for a user ({settings.sasl_mechanism}), and none is set here",
            hint="set KML_KAFKA_SASL_USERNAME and KML_KAFKA_SASL_PASSWORD_FILE on this machine",
        )
    return settings


def _said(error: ApiError) -> ApiError:
    """Return the error in the platform's own words."""
    detail, hint = error.problem.get("detail"), error.problem.get("hint")
    if not detail:
        return error
    return ApiError(str(detail), status=error.status, problem=error.problem, hint=str(hint or ""))
