"""The server's configuration: ``gunicorn -c python:backend.config.gunicorn backend.config.asgi:application``."""

from __future__ import annotations

import logging
import os
from typing import Any

from gunicorn.glogging import Logger

from kafkaml.garbage import collect_garbage_seldom
from kafkaml.logs import configure_logs

__all__ = ["ServerLogger"]


class ServerLogger(Logger):  # type: ignore[misc]
    """Sends the server's lines through the platform's log set-up. Requests are logged by our middleware."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        configure_logs("web")
        for log in (self.error_log, self.access_log):
            log.handlers, log.propagate = [], True
        # Refused requests are logged already. The server's lines would repeat their addresses, including one-time
        # links.
        logging.getLogger("django.request").setLevel(logging.ERROR)
        logging.getLogger("django.security.DisallowedHost").setLevel(logging.CRITICAL)


def when_ready(_server: Any) -> None:
    """Exempt what was imported from garbage collection, so that its pages stay shared with the workers, and no
    collection goes through it.
    """
    collect_garbage_seldom()


def post_worker_init(worker: Any) -> None:
    """Begin to expose the metrics of a serving process; several processes are distinguished by number."""
    # Import late, because the module needs Django's settings and the server itself does not.
    from backend.config.prometheus import WEB

    WEB.begin("web" if workers == 1 else f"web-{worker.age}")


def worker_exit(_server: Any, _worker: Any) -> None:
    """Stop exposing the metrics of a process that ends."""
    from backend.config.prometheus import WEB

    WEB.end()


bind = os.environ.get("KML_WEB_BIND", "127.0.0.1:8000")
worker_class = "backend.config.connections.Worker"
# One process is enough for a laptop, because live streams share one reader of events. More processes only add database
# connections.
workers = int(os.environ.get("KML_WEB_WORKERS", "1"))
preload_app = True
timeout = 60
graceful_timeout = 3
# Keep-alive time, which also limits how long the headers of a request may take.
keepalive = 15
logger_class = ServerLogger
control_socket_disable = True
limit_request_line = 4094
limit_request_fields = 64
forwarded_allow_ips = "127.0.0.1"
