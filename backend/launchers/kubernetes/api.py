"""The cluster's API behind eight methods: ``ClusterApi`` is the seam, ``KubernetesApi`` the real gateway.

The only module that imports the package ``kubernetes``. Objects are plain dicts as the server sends them, so that
fields which this version does not know survive. TLS is always verified; a token never reaches a log or a message.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import orjson
from urllib3.exceptions import HTTPError, ReadTimeoutError

from backend.launchers.kubernetes.manifests import EVENT, ObjectKind
from backend.launchers.kubernetes.settings import KubernetesSettings
from kafkaml.errors import BrokenError, SettingsError
from kafkaml.logs import register_secret

__all__ = [
    "MANAGED_BY_US",
    "AlreadyThere",
    "ApiRefused",
    "ClusterApi",
    "ClusterError",
    "Conflict",
    "Gone",
    "KubernetesApi",
    "Manifest",
    "NotThere",
    "TooMany",
    "Unreachable",
]

Manifest = dict[str, Any]

MANAGED_BY_US = "app.kubernetes.io/managed-by=kafka-ml-controller"
# A full namespace is listed in pages, so that no answer takes the server long.
_PAGE = 500
_MAX_CONNECT_SECONDS = 5.0
# How long beyond its own end a watch may be silent before the connection counts as dead.
_WATCH_EXTRA_SECONDS = 10.0
# The kubelet replaces a service account's token well before it ends; this is how old the one that we use may be.
_TOKEN_SECONDS = 60.0
_DEFAULT_RETRY_SECONDS = 1.0
_MAX_RETRY_SECONDS = 60.0
_CHUNK_BYTES = 1 << 16


class ClusterError(BrokenError):
    """The cluster's API did not fulfil a request. Observe the cluster before deciding again."""


class NotThere(ClusterError):
    """404: no such object."""


class AlreadyThere(ClusterError):
    """409: an object of this name exists."""


class Conflict(ClusterError):
    """409: the object is not the one, or not the version, that was meant."""


class Gone(ClusterError):
    """410: the history from this version on is no longer kept; list again."""


class TooMany(ClusterError):
    """429: the server asks to come back after ``retry_after_seconds``."""

    def __init__(self, message: str, *, retry_after_seconds: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class ApiRefused(ClusterError):
    """400, 401, 403, 422 and the like: a repeated request would be refused again. The message is the server's."""


class Unreachable(ClusterError):
    """No answer in time, no connection, or a fault of the server; whether the request took effect is unknown."""


class ClusterApi(Protocol):
    """One namespace of a cluster. Every method may raise a ClusterError; several threads may use it."""

    def list(self, kind: ObjectKind) -> tuple[list[Manifest], str]:
        """Return the platform's objects by a consistent read, and the resource version from which to watch."""
        ...

    def watch(self, kind: ObjectKind, resource_version: str, timeout_seconds: float) -> Iterator[tuple[str, Manifest]]:
        """Yield (ADDED, MODIFIED, DELETED or BOOKMARK; object) for what happens after ``resource_version``.

        Ends on its own after ``timeout_seconds``. Raises Gone when the version is too old.
        """
        ...

    def get(self, kind: ObjectKind, name: str) -> Manifest: ...

    def create(self, kind: ObjectKind, manifest: Mapping[str, Any]) -> Manifest: ...

    def patch(self, kind: ObjectKind, name: str, patch: Mapping[str, Any]) -> Manifest:
        """Merge ``patch`` (RFC 7386) into the object and return the result."""
        ...

    def delete(
        self,
        kind: ObjectKind,
        name: str,
        *,
        propagation: str,
        uid: str | None = None,
        grace_seconds: int | None = None,
    ) -> Manifest | None:
        """Delete; return the object while it waits for its end, or None when it is gone already.

        ``propagation`` is Foreground (its dependents go first) or Background; with ``uid`` only that very object.
        """
        ...

    def pod_log(
        self,
        name: str,
        *,
        container: str,
        since: str | None = None,
        previous: bool = False,
        follow: bool = False,
        quiet_seconds: float = 10.0,
    ) -> Iterator[bytes]:
        """Yield a container's log in pieces, each line after its timestamp, from the second ``since`` on.

        ``previous`` reads the container's run before the last. ``follow`` waits for more until the container ends, or
        is quiet for ``quiet_seconds``.
        """
        ...

    def close(self) -> None:
        """Close idle connections."""
        ...


class KubernetesApi:
    """See ClusterApi. Connects at the first call, so that making one costs nothing and needs no cluster."""

    def __init__(self, settings: KubernetesSettings, *, namespace: str | None = None) -> None:
        self._settings = settings
        self._namespace = namespace or settings.namespace
        self._lock = threading.Lock()
        self._connection: _Connection | None = None
        self._not_before = 0.0

    # --- the seam --------------------------------------------------------------------------------------------------

    def list(self, kind: ObjectKind) -> tuple[list[Manifest], str]:
        """See ClusterApi."""
        items: list[Manifest] = []
        query = {**_selector(kind), "limit": str(_PAGE)}
        while True:
            page = self._call("GET", self._path(kind), query=query)
            # The API leaves out kind and version on the items of a list.
            items += ({"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in page.get("items") or ())
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return items, str(metadata.get("resourceVersion", ""))
            query = {**query, "continue": metadata["continue"]}

    def watch(self, kind: ObjectKind, resource_version: str, timeout_seconds: float) -> Iterator[tuple[str, Manifest]]:
        """See ClusterApi."""
        query = {
            **_selector(kind),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, int(timeout_seconds))),
        }
        what = f"watching {kind.plural}"
        response = self._open("GET", self._path(kind), query=query, read_seconds=timeout_seconds + _WATCH_EXTRA_SECONDS)
        try:
            for line in _lines(response):
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    status = event.get("object") or {}
                    raise _error(int(status.get("code") or 500), status, {}, f"{what} in {self._namespace}")
                yield event["type"], event["object"]
        except (HTTPError, OSError, ValueError, KeyError) as error:
            raise Unreachable(f"{what} in {self._namespace} broke off: {_text_of(error)}") from error
        finally:
            response.response.close()

    def get(self, kind: ObjectKind, name: str) -> Manifest:
        """See ClusterApi."""
        return self._call("GET", self._path(kind, name))

    def create(self, kind: ObjectKind, manifest: Mapping[str, Any]) -> Manifest:
        """See ClusterApi."""
        return self._call("POST", self._path(kind), body=manifest)

    def patch(self, kind: ObjectKind, name: str, patch: Mapping[str, Any]) -> Manifest:
        """See ClusterApi."""
        return self._call("PATCH", self._path(kind, name), body=patch, content_type="application/merge-patch+json")

    def delete(
        self,
        kind: ObjectKind,
        name: str,
        *,
        propagation: str,
        uid: str | None = None,
        grace_seconds: int | None = None,
    ) -> Manifest | None:
        """See ClusterApi."""
        options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        answer = self._call("DELETE", self._path(kind, name), body=options)
        return None if answer.get("kind") == "Status" else answer

    def pod_log(
        self,
        name: str,
        *,
        container: str,
        since: str | None = None,
        previous: bool = False,
        follow: bool = False,
        quiet_seconds: float = 10.0,
    ) -> Iterator[bytes]:
        """See ClusterApi."""
        query = {"container": container, "timestamps": "true"}
        if since is not None:
            query["sinceTime"] = since
        if previous:
            query["previous"] = "true"
        if follow:
            query["follow"] = "true"
        path = f"/api/v1/namespaces/{self._namespace}/pods/{quote(name)}/log"
        read_seconds = quiet_seconds if follow else self._settings.request_timeout_seconds
        response = self._open("GET", path, query=query, read_seconds=read_seconds)
        try:
            yield from response.response.stream(_CHUNK_BYTES, decode_content=False)
        except ReadTimeoutError as error:
            if not follow:
                raise Unreachable(f"the log of pod {name} in {self._namespace} stopped coming") from error
        except (HTTPError, OSError) as error:
            raise Unreachable(f"the log of pod {name} in {self._namespace} broke off: {_text_of(error)}") from error
        finally:
            response.response.close()

    def call(self, method: str, path: str, *, body: Mapping[str, Any] | None = None) -> Manifest:
        """Return the answer to a request outside the namespace's objects: the version, a check of rights."""
        return self._call(method, path, body=body)

    def close(self) -> None:
        """See ClusterApi."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    # --- HTTP ------------------------------------------------------------------------------------------------------

    def _path(self, kind: ObjectKind, name: str = "") -> str:
        root = "/api" if "/" not in kind.api_version else "/apis"
        path = f"{root}/{kind.api_version}/namespaces/{self._namespace}/{kind.plural}"
        return f"{path}/{quote(name)}" if name else path

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Manifest:
        response = self._open(
            method,
            path,
            query=query,
            body=body,
            content_type=content_type,
            read_seconds=self._settings.request_timeout_seconds,
        )
        try:
            answer = orjson.loads(response.read())
        except (HTTPError, OSError, ValueError) as error:
            response.response.close()
            raise Unreachable(f"the answer to {method} {path} broke off: {_text_of(error)}") from error
        if not isinstance(answer, dict):
            raise Unreachable(f"the answer to {method} {path} is not an object: is this the API of a cluster?")
        return answer

    def _open(
        self,
        method: str,
        path: str,
        *,
        read_seconds: float,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """Return an answer of status 200 whose body is still to be read; raise a ClusterError for any other."""
        if (wait := self._not_before - time.monotonic()) > 0:
            raise TooMany(f"{method} {path}: the cluster asked to wait {wait:.1f} s", retry_after_seconds=wait)
        connection = self._connect()
        try:
            response = connection.request(method, path, query, body, content_type, read_seconds)
        except (HTTPError, OSError) as error:
            raise Unreachable(
                f"{method} {connection.host}{path}: no answer: {_text_of(error)}",
                hint="check that the cluster's API can be reached from here, and its certificate's authority",
            ) from error
        if 200 <= response.status < 300:
            return response
        try:
            status = _status(response.read())
        except (HTTPError, OSError):
            status = {}
        failure = _error(response.status, status, response.headers, f"{method} {path}")
        if isinstance(failure, TooMany):
            self._not_before = time.monotonic() + failure.retry_after_seconds
        if response.status == 401:
            connection.forget_token()
        raise failure

    def _connect(self) -> _Connection:
        with self._lock:
            if self._connection is None:
                self._connection = _Connection(self._settings)
            return self._connection


class _Connection:
    """The pool of connections of the package's own client, and the token, read again as it rotates."""

    def __init__(self, settings: KubernetesSettings) -> None:
        # Imported late because it costs 0.6 s, and reading logs needs no cluster.
        from kubernetes.client.configuration import Configuration
        from kubernetes.client.exceptions import ApiException
        from kubernetes.client.rest import RESTClientObject

        self._failure: type[Exception] = ApiException
        self.host, ca_file, self._token_file = _address(settings)
        self._token = settings.token.get_secret_value() if settings.host and not settings.token_file else ""
        self._read_at = float("-inf")
        configuration = Configuration(host=self.host, ssl_ca_cert=ca_file or None, connection_pool_maxsize=64)
        configuration.verify_ssl = True
        # Disable retries, because callers decide what may be repeated.
        configuration.retries = False
        configuration.keep_alive = True
        self._client: Any = RESTClientObject(configuration)
        register_secret(self._token)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        content_type: str,
        read_seconds: float,
    ) -> Any:
        """Send a request; raises urllib3's HTTPError or OSError when no answer comes."""
        headers = {"Accept": "application/json, */*", "User-Agent": "kafka-ml", "Content-Type": content_type}
        if token := self._bearer():
            headers["Authorization"] = f"Bearer {token}"
        url = f"{self.host}{path}" + (f"?{urlencode(query)}" if query else "")
        timeout = (min(read_seconds, _MAX_CONNECT_SECONDS), read_seconds)
        try:
            return self._client.request(method, url, headers=headers, body=body, _request_timeout=timeout)
        except self._failure as error:
            # The package `kubernetes` wraps TLS errors in its own exception.
            raise HTTPError(getattr(error, "reason", "") or "the connection failed") from error

    def forget_token(self) -> None:
        """Read the token's file again at the next request."""
        self._read_at = float("-inf")

    def close(self) -> None:
        self._client.close()

    def _bearer(self) -> str:
        if self._token_file and time.monotonic() - self._read_at > _TOKEN_SECONDS:
            try:
                self._token = Path(self._token_file).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(
                    f"the cluster's token in {self._token_file} cannot be read: {error.strerror}",
                    hint="set KUBE_TOKEN_FILE, or give the pod a service account with its token mounted",
                ) from error
            self._read_at = time.monotonic()
            register_secret(self._token)
        return self._token


def _address(settings: KubernetesSettings) -> tuple[str, str, str]:
    """Return address, CA file and token file, of the cluster that is named or the one that this runs in."""
    if settings.host:
        return settings.host, settings.ca_file, settings.token_file
    from kubernetes.client.configuration import Configuration
    from kubernetes.config import ConfigException, incluster_config

    load: Any = incluster_config.load_incluster_config
    found = Configuration()
    try:
        load(found, try_refresh_token=False)
    except (ConfigException, OSError) as error:
        raise SettingsError(
            f"there is no cluster around this process ({error}) and KUBE_HOST names none",
            hint="set KUBE_HOST, KUBE_TOKEN_FILE and KUBE_CA_FILE, or KML_LAUNCHER=process to run on this machine",
        ) from error
    return (
        found.host,
        settings.ca_file or incluster_config.SERVICE_CERT_FILENAME,
        settings.token_file or incluster_config.SERVICE_TOKEN_FILENAME,
    )


def _selector(kind: ObjectKind) -> dict[str, str]:
    # Events do not carry our labels. Only warnings are read.
    return {"fieldSelector": "type=Warning"} if kind == EVENT else {"labelSelector": MANAGED_BY_US}


def _lines(response: Any) -> Iterator[bytes]:
    rest = b""
    for chunk in response.response.stream(_CHUNK_BYTES, decode_content=False):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line)


def _status(body: bytes) -> Manifest:
    """Return the Status object that explains a refusal, or one made of whatever came."""
    try:
        document = orjson.loads(body)
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"message": body[:500].decode(errors="replace").strip()}


def _error(code: int, status: Mapping[str, Any], headers: Mapping[str, str], what: str) -> ClusterError:
    said = status.get("message") or f"status {code}"
    message = f"{what}: {said}"
    if code == 404:
        return NotThere(message)
    if code == 409:
        return AlreadyThere(message) if status.get("reason") == "AlreadyExists" else Conflict(message)
    if code == 410:
        return Gone(message)
    if code == 429:
        return TooMany(message, retry_after_seconds=_retry_after(status, headers))
    if code in (401, 403):
        return ApiRefused(message, hint="check the service account's token, and its role in the workers' namespace")
    if code < 500:
        return ApiRefused(message)
    return Unreachable(message)


def _retry_after(status: Mapping[str, Any], headers: Mapping[str, str]) -> float:
    seconds = headers.get("Retry-After") or str((status.get("details") or {}).get("retryAfterSeconds") or "")
    if not re.fullmatch(r"[0-9]{1,9}", seconds):
        return _DEFAULT_RETRY_SECONDS
    return min(max(float(seconds), 0.0), _MAX_RETRY_SECONDS)


def _text_of(error: Exception) -> str:
    """Return an error's text without the addresses of objects that urllib3 puts before it."""
    return str(error).rpartition(">: ")[2] or type(error).__name__
