"""The worker's side of the job API: fetch the plan, keep the token fresh, move artifacts, post reports.

Used by ``model_training`` and ``model_inference``; the only module of theirs that speaks HTTP to the backend. All
calls are made with the job's own token, which is good for this job and attempt only. Thread-safe.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import orjson

from kafkaml.artifacts import ArtifactCache, check_artifact_name, sha256_of_file
from kafkaml.closing import Closing
from kafkaml.daemon_thread import in_daemon_thread
from kafkaml.errors import ApiError
from kafkaml.logs import get_logger, register_secret
from kafkaml.retry import retried
from kafkaml.system import write_atomically
from kafkaml.text import storable
from kafkaml.wire.checkpoint import Checkpoint
from kafkaml.wire.inference import InferencePlan
from kafkaml.wire.job import InferenceJob, TrainingJob
from kafkaml.wire.receipt import FreshToken
from kafkaml.wire.training import TrainingPlan

__all__ = ["Heartbeat", "JobClient", "api_error", "backend_http", "close_http", "unreachable"]

logger = get_logger(__name__)

T = TypeVar("T")

# Answers that end an attempt: superseded by a newer one, not ours, token expired beyond renewal, run deleted.
_FINAL_STATUS = frozenset({401, 403, 404, 409, 410})
_TOKEN_URL = "/api/jobs/token/"  # noqa: S105 - an address
_UPLOAD_CHUNK_BYTES = 8 << 20
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_CLOSE_SECONDS = 1.0


class _Token:
    """A job's token, shared by everything that acts for the job."""

    def __init__(self, value: str) -> None:
        self.lock = threading.Lock()
        self.take(value)
        # The last content of the file, which may be older than the token in use when the file is not writable.
        self.in_file = value

    def take(self, value: str) -> None:
        """Use ``value`` as the token from now on."""
        self.value = value
        register_secret(value)


class JobClient(Closing):
    """One job's connection to the backend.

    Every call retries transient errors (backend unavailable, restarting, disk full) with jitter for
    ``deadline_seconds``, by default the client's own (0: never, ``inf``: forever), then raises the last ApiError.
    Status 409: a newer attempt exists and this one must end; 403: not this job's; 401: the token expired.
    """

    def __init__(
        self,
        job: TrainingJob | InferenceJob,
        *,
        deadline_seconds: float = 3600.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._job = job
        self.attempt = job.attempt
        self._token_file = Path(job.token_file)
        self._token = _Token(self._first_token())
        self._deadline_seconds = deadline_seconds
        self._http = backend_http(job.backend_url, transport)
        kind, number = ("training", job.result_id) if isinstance(job, TrainingJob) else ("inference", job.inference_id)
        self._base = f"/api/jobs/{kind}/{number}"

    def of_result(self, result_id: int) -> JobClient:
        """Return the connection of another result that the same training makes: a sub-model's. This one is closed last.

        It uses the same token and attempt.
        """
        other = copy.copy(self)
        other._base = f"/api/jobs/training/{result_id}"
        return other

    def close(self) -> None:
        close_http(self._http)

    # --- plans -----------------------------------------------------------------------------------------------------

    def training_plan(self, *, deadline_seconds: float | None = None) -> TrainingPlan:
        """Fetch the plan of this training run."""
        return TrainingPlan.model_validate(self._get_plan(deadline_seconds))

    def inference_plan(self) -> InferencePlan:
        """Fetch the plan of this inference."""
        return InferencePlan.model_validate(self._get_plan())

    def _get_plan(self, deadline_seconds: float | None = None) -> dict[str, Any]:
        url, params = f"{self._base}/", {"attempt": self._job.attempt}
        plan: dict[str, Any] = self.request("GET", url, params=params, deadline_seconds=deadline_seconds).json()
        return plan

    # --- reports ---------------------------------------------------------------------------------------------------

    def post(self, action: str, body: Mapping[str, Any], *, deadline_seconds: float | None = None) -> dict[str, Any]:
        """Post ``body`` plus the attempt to this job's ``action`` (``events``, ``finish``, ``fail``, ``stats``).

        ``deadline_seconds`` 0 makes one try only (statistics that will be sent again anyway).
        """
        # Errors of user code may hold characters that neither JSON nor a database takes, but the report must arrive.
        content = orjson.dumps({"attempt": self._job.attempt, **storable(body)}, option=orjson.OPT_SERIALIZE_NUMPY)
        response = self.request(
            "POST",
            f"{self._base}/{action}/",
            content=content,
            headers={"content-type": "application/json"},
            deadline_seconds=deadline_seconds,
        )
        answer = orjson.loads(response.content) if response.content else {}
        return answer if isinstance(answer, dict) else {}

    # --- the token -------------------------------------------------------------------------------------------------

    def _first_token(self) -> str:
        return self._token_file.read_text(encoding="utf-8").strip()

    def renew_token(self) -> None:
        """Exchange the token for a fresh one, and leave it in the token file for a restarted process of this job.

        The backend renews a token for a while after it expired, so that a job outlives the backend's absence.
        """
        response = self._send("POST", _TOKEN_URL)
        if not response.is_success:
            raise api_error("POST", _TOKEN_URL, response)
        fresh_token = FreshToken.model_validate_json(response.content)
        with self._token.lock:
            self._token.take(fresh_token.token)
            # In a pod the file is a read-only mount; there the control plane replaces it.
            with contextlib.suppress(OSError):
                write_atomically(self._token_file, self._token.value.encode())
                self._token.in_file = self._token.value

    def _reread_token(self) -> bool:
        """Take a token that someone else (launcher, sibling replica) left in the file; returns whether there is a new
        one.
        """
        with self._token.lock:
            token = self._token_file.read_text(encoding="utf-8").strip()
            if not token or token == self._token.in_file:
                return False
            self._token.take(token)
            self._token.in_file = token
        return True

    # --- artifacts -------------------------------------------------------------------------------------------------

    def download_artifact(self, name: str, sha256: str, *, version: int | None = None) -> Path:
        """Return the local path of the artifact ``name``, from the machine's cache if it is there.

        ``version`` selects the version that an inference serves; None where the job has only one.
        """
        return self._download(ArtifactCache(Path(self._job.state_dir) / "cache" / "artifacts"), name, sha256, version)

    def download_checkpoint(self, checkpoint: Checkpoint, folder: Path) -> Path:
        """Return the local path, in ``folder``, of the file that an earlier attempt at this training left."""
        return self._download(ArtifactCache(folder), checkpoint.name, checkpoint.sha256, None)

    def _download(self, cache: ArtifactCache, name: str, sha256: str, version: int | None) -> Path:
        url = f"{self._base}/artifacts/{check_artifact_name(name)}/"
        return self._retried(lambda: cache.fetch(sha256, lambda offset: self._stream(url, offset, version)))

    def _stream(self, url: str, offset: int, version: int | None) -> tuple[int, Iterator[bytes]]:
        """Request the bytes of ``url`` from ``offset``; the first element is the offset that the answer starts at."""
        # Disable compression, because offsets and hashes refer to the plain bytes.
        headers = self._headers({"accept-encoding": "identity"} | ({"range": f"bytes={offset}-"} if offset else {}))
        params = {"attempt": self._job.attempt, **({} if version is None else {"version": version})}
        request = self._http.build_request("GET", url, params=params, headers=headers)
        try:
            response = self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise unreachable("GET", url, error) from error
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            # All bytes are here and only the check is missing.
            response.close()
            return offset, iter(())
        if not response.is_success:
            _read(response)
            raise api_error("GET", url, response)
        start = offset if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
        return start, _chunks(response, url)

    def upload_artifact(self, name: str, path: Path, *, deadline_seconds: float | None = None) -> str:
        """Store ``path`` with the backend as ``name``, continuing where an interrupted upload stopped.

        Returns the sha256 that the backend confirmed. Sending the same bytes again is allowed.
        """
        sha256, total = sha256_of_file(path), path.stat().st_size
        url = f"{self._base}/artifacts/{check_artifact_name(name)}/"
        headers = {"x-content-sha256": sha256, "content-type": "application/octet-stream"}

        def upload() -> None:
            offset = self._bytes_received(url, headers, total)
            with path.open("rb") as file:
                while True:
                    file.seek(offset)
                    chunk = file.read(_UPLOAD_CHUNK_BYTES)
                    end = offset + len(chunk)
                    place = f"bytes {offset}-{end - 1}/{total}" if chunk else f"bytes */{total}"
                    self._artifact("PUT", url, {**headers, "content-range": place}, chunk)
                    offset = end
                    if offset >= total:
                        return

        self._retried(upload, deadline_seconds)
        return sha256

    def _bytes_received(self, url: str, headers: Mapping[str, str], total: int) -> int:
        try:
            response = self._artifact("HEAD", url, headers)
        except ApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return 0
            raise
        received = int(response.headers.get("x-bytes-received", "0"))
        # Everything was sent but not confirmed, so send the last chunk again, which makes the backend check and
        # confirm.
        return received if received < total else max(0, total - _UPLOAD_CHUNK_BYTES)

    def _artifact(
        self, method: str, url: str, headers: Mapping[str, str], chunk: bytes | None = None
    ) -> httpx.Response:
        return self._once(method, url, params={"attempt": self._job.attempt}, content=chunk, headers=headers)

    # --- plumbing --------------------------------------------------------------------------------------------------

    def request(
        self, method: str, url: str, *, deadline_seconds: float | None = None, **content: Any
    ) -> httpx.Response:
        """Make one request with the job's token and return a successful response; raises ApiError otherwise.

        ``content`` is what httpx takes: ``params``, ``headers``, ``content`` (bytes).
        """
        return self._retried(lambda: self._once(method, url, **content), deadline_seconds)

    def _retried(self, call: Callable[[], T], deadline_seconds: float | None = None) -> T:
        return retried(call, deadline_seconds=self._deadline_seconds if deadline_seconds is None else deadline_seconds)

    def _once(self, method: str, url: str, **content: Any) -> httpx.Response:
        response = self._send(method, url, **content)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # The token expired while the backend was unavailable or this machine was asleep.
            if not self._reread_token():
                self.renew_token()
            response = self._send(method, url, **content)
        if response.is_success:
            return response
        raise api_error(method, url, response)

    def _send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx.Response:
        try:
            return self._http.request(method, url, headers=self._headers(headers or {}), **content)
        except httpx.HTTPError as error:
            raise unreachable(method, url, error) from error

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        with self._token.lock:
            token = self._token.value
        # Without a token there is no header. The answer 401 then makes the client read the file again.
        return {**({"authorization": f"Bearer {token}"} if token else {}), "accept": "application/json", **more}


class Heartbeat:
    """Renews the job's token in the background, and notices when this attempt was superseded or deleted.

    ``on_final`` is called once, from the background thread, with the ApiError that ends this attempt. An unavailable
    backend is tried again at the next beat.
    """

    def __init__(
        self, client: JobClient, *, on_final: Callable[[ApiError], None], interval_seconds: float = 60.0
    ) -> None:
        self._client = client
        self._on_final = on_final
        self._interval_seconds = interval_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_seconds):
            try:
                self._client.renew_token()
            except ApiError as error:
                if error.status in _FINAL_STATUS:
                    self._on_final(error)
                    return
                logger.warning("token not renewed, will try again", error=error.message)


def backend_http(url: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return an HTTP client for the backend at ``url``."""
    # A proxy meant for the internet must not see the token. Without TLS there is nothing to verify, and loading the
    # certificate authorities takes longer than a request.
    return httpx.Client(
        base_url=url.rstrip("/"),
        timeout=_TIMEOUT,
        trust_env=False,
        transport=transport,
        verify=not url.startswith("http:"),
    )


def close_http(http: httpx.Client) -> None:
    """Close ``http`` without waiting forever, because an exception raised by a signal within a call may have left its
    lock held.
    """
    with contextlib.suppress(TimeoutError):
        in_daemon_thread(http.close, name="closing").result(timeout=_CLOSE_SECONDS)


def _chunks(response: httpx.Response, url: str) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes(1 << 20)
    except httpx.HTTPError as error:
        raise unreachable("GET", url, error) from error
    finally:
        response.close()


def _read(response: httpx.Response) -> None:
    with contextlib.suppress(httpx.HTTPError):
        response.read()
    response.close()


def unreachable(method: str, url: str, error: httpx.HTTPError) -> ApiError:
    """Return the error for a request without an answer."""
    return ApiError(
        f"{method} {url}: the backend cannot be reached ({type(error).__name__}: {error})",
        hint="check that the backend runs and that KML_JOB_BACKEND_URL is its address",
    )


def api_error(method: str, url: str, response: httpx.Response) -> ApiError:
    """Return the error for an error response."""
    try:
        problem = orjson.loads(response.content)
    except (orjson.JSONDecodeError, httpx.ResponseNotRead):
        problem = {}
    problem = problem if isinstance(problem, dict) else {"errors": problem}
    detail = problem.get("detail") or problem.get("title") or problem.get("errors") or response.reason_phrase
    return ApiError(
        f"{method} {url}: the backend answered {response.status_code}: {detail}",
        status=response.status_code,
        problem=problem,
        hint=str(problem.get("hint") or ""),
    )
