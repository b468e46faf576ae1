"""The server's configuration: ``gunicorn -c python:backend.config.gunicorn backend.config.asgi:application``."""

from __future__ import annotations

import logging
import os
from typing import Any

from gunicorn.glogging import Logger

from kafkaml.logs import configure_logs, get_logger

__all__ = ["AccessLogger"]

_LOGIN_LINKS = "/login/"


class AccessLogger(Logger):  # type: ignore[misc]
    """Sends the server's lines through the platform's log set-up, and never writes what signs someone in."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        configure_logs("web")
        for log in (self.error_log, self.access_log):
            log.handlers, log.propagate = [], True
        # Refused requests are in the access log already; these would repeat their addresses, one-time links included.
        logging.getLogger("django.request").setLevel(logging.ERROR)
        logging.getLogger("django.security.DisallowedHost").setLevel(logging.CRITICAL)
        self._requests = get_logger("backend.requests")

    def access(self, resp: Any, _req: Any, environ: dict[str, Any], request_time: Any) -> None:
        """Log one request: without its query, which may hold anything, and at DEBUG where it only read something."""
        path = str(environ.get("PATH_INFO", ""))
        if path.startswith(_LOGIN_LINKS):
            path = f"{_LOGIN_LINKS}[redacted]"
        status = int(str(resp.status).split()[0])
        method = str(environ.get("REQUEST_METHOD", ""))
        write = (
            self._requests.info if status >= 500 or method not in ("GET", "HEAD", "OPTIONS") else self._requests.debug
        )
        write("request", method=method, path=path, status=status, ms=round(request_time.total_seconds() * 1000, 1))


bind = os.environ.get("KML_WEB_BIND", "127.0.0.1:8000")
worker_class = "asgi"
# One process serves a laptop: live streams share one reader of the events. More only add database connections.
workers = int(os.environ.get("KML_WEB_WORKERS", "1"))
preload_app = True
timeout = 60
graceful_timeout = 3
keepalive = 15
logger_class = AccessLogger
control_socket_disable = True
limit_request_line = 4094
limit_request_fields = 64
forwarded_allow_ips = "127.0.0.1"
