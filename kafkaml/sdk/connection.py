"""HTTP to the platform's API: the address, the token, and problems as errors. Used by the nouns of ``Client``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafkaml.closing import Closing
from kafkaml.errors import ApiError, RefusedError, SettingsError
from kafkaml.local.state import find_state_dir

__all__ = ["ClientSettings", "Connection", "ServerSentEvent"]

# Validating a model trains nothing but may import a framework; everything else answers at once.
_TIMEOUT = httpx.Timeout(90.0, connect=5.0)
_DOWNLOAD_CHUNK_BYTES = 1 << 20


class ClientSettings(BaseSettings):
    """``KML_URL`` and ``KML_TOKEN``: where the API is, and a token of ours (Account, or ``kafka-ml tokens create``).

    Without them the platform that runs on this machine is used, with the token that ``kafka-ml up`` wrote for its
    owner into the state folder (``KML_STATE_DIR``).
    """

    model_config = SettingsConfigDict(env_prefix="KML_", extra="ignore", frozen=True)

    url: str = Field("", description="address of the platform; this machine's by default")
    token: SecretStr = Field(SecretStr(""), description="a token of yours, for another platform than this machine's")
    state_dir: Path | None = Field(None, description="state folder of the platform on this machine")

    def resolve(self) -> tuple[str, str]:
        """Return (address, token); ApiError when there is no platform to speak to, SettingsError without a token."""
        url, token = self.url, self.token.get_secret_value()
        state = find_state_dir(self.state_dir)
        local = state.access()
        if not url:
            if local is None:
                raise ApiError(
                    f"no platform runs on this machine (state folder {state.root})",
                    hint="start one: kafka-ml up; or name another: KML_URL and KML_TOKEN",
                )
            url = local[0]
        if not token and local is not None and url.rstrip("/") == local[0].rstrip("/"):
            token = local[1]
        if not token:
            raise SettingsError(f"there is no token for {url}", hint="set KML_TOKEN to one of your tokens")
        return url.rstrip("/"), token


class ServerSentEvent:
    """One event: ``topic``, ``data`` and the id to resume after."""

    def __init__(self, identifier: str, topic: str, data: dict[str, Any]) -> None:
        self.id = identifier
        self.topic = topic
        self.data = data


class Connection(Closing):
    """Sends requests as one user and turns problems into ApiError."""

    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self._http = httpx.Client(
            base_url=url,
            timeout=_TIMEOUT,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            transport=transport,
            # A proxy meant for the internet must not see the token.
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def request(self, method: str, path: str, *, body: object = None, params: Mapping[str, Any] | None = None) -> Any:
        """Return the answer's JSON (None when it has no body); raises ApiError with the problem's field messages."""
        try:
            content = None if body is None else orjson.dumps(body)
        except TypeError as error:
            raise RefusedError(f"the request cannot be written as JSON: {error}") from error
        headers = {"Content-Type": "application/json"} if content is not None else {}
        chosen = {name: value for name, value in (params or {}).items() if value is not None}
        with self._errors():
            response = self._http.request(method, f"/api{path}", content=content, headers=headers, params=chosen)
        _raise_for_problem(response)
        return orjson.loads(response.content) if response.content else None

    def pages(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Iterate over the items of all pages of a list."""
        document = self.request("GET", path, params=params)
        while True:
            if isinstance(document, list):
                yield from document
                return
            yield from document["results"]
            if not document.get("next"):
                return
            following = httpx.URL(document["next"])
            document = self.request("GET", following.path.removeprefix("/api"), params=dict(following.params))

    def download(
        self,
        path: str,
        target: Path,
        *,
        params: Mapping[str, Any] | None = None,
        on_progress: Callable[[int], None] | None = None,
        first_byte_timeout_seconds: float = 90.0,
    ) -> int:
        """Write a body to ``target``, complete or not at all; return its size in bytes.

        ``on_progress`` gets the number of bytes received so far.
        """
        partial = target.with_name(f".{target.name}.part")
        chosen = {name: value for name, value in (params or {}).items() if value is not None}
        timeout = httpx.Timeout(first_byte_timeout_seconds, connect=5.0)
        try:
            with (
                self._errors(),
                self._http.stream(
                    "GET", f"/api{path}", params=chosen, headers={"Accept": "*/*"}, timeout=timeout
                ) as response,
                partial.open("wb") as file,
            ):
                if response.status_code >= 400:
                    response.read()
                    _raise_for_problem(response)
                for chunk in response.iter_bytes(_DOWNLOAD_CHUNK_BYTES):
                    file.write(chunk)
                    if on_progress is not None:
                        on_progress(file.tell())
                size = file.tell()
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return size

    def events(
        self, topics: str, *, last_id: str = "", silence_timeout_seconds: float = 60
    ) -> Iterator[ServerSentEvent | None]:
        """Iterate over live events; None for a sign of life without news. Ends when the server ends the stream."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        timeout = httpx.Timeout(silence_timeout_seconds, connect=5.0)
        request = self._http.stream("GET", "/api/events/", params={"topics": topics}, headers=headers, timeout=timeout)
        with self._errors(), request as response:
            if response.status_code >= 400:
                response.read()
                _raise_for_problem(response)
            yield None
            yield from _parse_events(response.iter_lines())

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise ApiError(
                f"{self.url} could not be reached: {error or type(error).__name__}",
                hint="kafka-ml status shows whether the platform runs",
            ) from error


def _parse_events(lines: Iterator[str]) -> Iterator[ServerSentEvent | None]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            yield None
        elif line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value
        elif fields:
            if fields.get("event") == "alive":
                yield None
            elif "data" in fields:
                data = orjson.loads(fields["data"])
                yield ServerSentEvent(fields.get("id", ""), fields.get("event", "message"), data)
            fields = {}


def _raise_for_problem(response: httpx.Response) -> None:
    if response.status_code < 400:
        return
    try:
        problem = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    text = _describe(problem) or f"{response.request.method} {response.request.url.path} was answered by an error"
    of_fields = dict.fromkeys(str(error["hint"]) for error in problem.get("errors") or [] if error.get("hint"))
    hint = str(problem.get("hint") or "; ".join(of_fields))
    if response.status_code == 401:
        hint = hint or "the token is wrong or expired: set KML_TOKEN, or kafka-ml up again on this machine"
    raise ApiError(text, status=response.status_code, problem=problem, hint=hint)


def _describe(problem: Mapping[str, Any]) -> str:
    """Return a problem as text: one sentence per wrong field if there are any, otherwise the whole problem and its
    obstacles.
    """
    messages = []
    for error in problem.get("errors") or []:
        place = str(error.get("field") or "")
        if error.get("line"):
            place += f", line {error['line']}"
        messages.append(f"{place}: {error.get('detail', '')}" if place else str(error.get("detail", "")))
    if messages:
        return "; ".join(messages)
    users = ", ".join(
        f"{user.get('type')} {user.get('id')} ({user.get('name')})" for user in problem.get("users") or []
    )
    detail = str(problem.get("detail") or "")
    return f"{detail}: {users}" if users else detail
