"""One log set-up for all services: structured lines, as JSON for machines or coloured text for terminals.

Each service's ``__main__`` calls ``configure_logs`` once; every module takes ``get_logger(__name__)``. Lines of the
standard library's ``logging`` (Django, httpx) come out in the same form. Tokens and passwords are blanked out: the
values of keys such as ``password``, what follows ``Bearer``, and registered secrets inside any text.

Context such as the deployment, the result or ``topic[partition]@offset`` is bound by ``log_context`` and then is on
every line of the thread.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, TextIO

import orjson
import structlog
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafkaml.text import storable

__all__ = ["LogSettings", "configure_logs", "get_logger", "log_context", "redact_text", "register_secret"]

_REDACTED = "[redacted]"
_SECRET_KEY = re.compile(r"token|password|passwd|secret|authorization|cookie|credential|api_?key", re.IGNORECASE)
# Keys that only look like secrets: paths of files that hold one.
_HARMLESS_KEY = re.compile(r"(_file|_path|_location)$", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(?i)\b(bearer|token|basic)(\s+)[A-Za-z0-9._~+/=:-]{12,}"
    r"|((?:password|passwd|secret|token)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+"
    r"|(://[^/\s:@]*:)[^/\s@]+(?=@)"
)
# Shorter secrets are not registered, because blanking them out would hide ordinary words.
_MIN_SECRET_LENGTH = 8
_MAX_SECRETS = 64

_secrets: list[str] = []
_secrets_lock = threading.Lock()


class LogSettings(BaseSettings):
    """``KML_LOG_LEVEL`` and ``KML_LOG_FORMAT`` (``auto``: console on a terminal, JSON elsewhere)."""

    model_config = SettingsConfigDict(env_prefix="KML_LOG_", extra="ignore", frozen=True)

    level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    format: str = Field("auto", pattern="^(auto|json|console)$")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; events are short phrases, facts go into keyword arguments."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


def log_context(**context: object) -> AbstractContextManager[None]:
    """Put ``context`` on every line that this thread logs inside the ``with`` block."""
    return structlog.contextvars.bound_contextvars(**context)


def register_secret(value: str) -> None:
    """Blank out ``value`` wherever it occurs in a line from now on; the newest 64 are kept."""
    if len(value) < _MIN_SECRET_LENGTH:
        return
    with _secrets_lock:
        if value not in _secrets:
            _secrets.append(value)
            del _secrets[:-_MAX_SECRETS]


def redact_text(text: str) -> str:
    """Return ``text`` without registered secrets, credentials after ``Bearer`` and passwords in URLs."""
    for secret in tuple(_secrets):
        text = text.replace(secret, _REDACTED)
    return _SECRET_TEXT.sub(lambda match: f"{_kept(match)}{_REDACTED}", text)


def _kept(match: re.Match[str]) -> str:
    return (match[1] or "") + (match[2] or "") + (match[3] or "") + (match[4] or "")


def _redacted(value: object) -> object:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return redact_text(value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {key: _REDACTED if _is_secret_key(str(key)) else _redacted(element) for key, element in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted(element) for element in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return redact_text(str(value))


def _is_secret_key(key: str) -> bool:
    return bool(_SECRET_KEY.search(key)) and not _HARMLESS_KEY.search(key)


def _redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key.startswith("_"):
            continue
        event[key] = _REDACTED if value and _is_secret_key(key) else _redacted(value)
    return event


def _to_json(event: object, **_options: object) -> str:
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:
        # orjson refuses half of a surrogate pair, which may be in an error that user code raised.
        return orjson.dumps(storable(event), default=str).decode()


class _CopyHandler(logging.Handler):
    def __init__(self, copy: Callable[[str], None]) -> None:
        super().__init__()
        self._copy = copy

    def emit(self, record: logging.LogRecord) -> None:
        self._copy(self.format(record))


def configure_logs(
    service: str,
    *,
    settings: LogSettings | None = None,
    stream: TextIO | None = None,
    copy: Callable[[str], None] | None = None,
) -> None:
    """Set logging up for this process; ``service`` is on every line. Written to ``stream``, standard output by default.

    ``copy`` also gets every line, as JSON. May be called again; the last call counts.
    """
    settings = settings or LogSettings()
    stream = stream or sys.stdout
    as_json = settings.format == "json" or (settings.format == "auto" and not stream.isatty())

    def add_service(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("service", service)
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        add_service,
        _redact_event,
    ]
    json_renderer = structlog.processors.JSONRenderer(serializer=_to_json)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderers: list[tuple[logging.Handler, structlog.typing.Processor]] = [
        (
            logging.StreamHandler(stream),
            json_renderer if as_json else structlog.dev.ConsoleRenderer(colors=stream.isatty()),
        ),
        *([] if copy is None else [(_CopyHandler(copy), json_renderer)]),
    ]
    for handler, renderer in renderers:
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=shared,
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            )
        )
    root = logging.getLogger()
    root.handlers = [handler for handler, _ in renderers]
    root.setLevel(settings.level)
    # One line per request is noise at INFO, and its URL may carry what should not be logged.
    for name in ("httpx", "httpcore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
