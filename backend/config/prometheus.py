"""The web server's metrics for Prometheus. Set by the middleware, started by the server in each process."""

from __future__ import annotations

from backend.config.environment import environment
from kafkaml.prometheus import MetricsServer, ProcessMetrics, definitions

__all__ = ["REQUESTS", "WEB"]

REQUESTS = definitions.API_REQUEST.made()


class WebMetrics:
    """The metrics of one of the server's processes. ``begin`` is called where it serves, not in tests and commands."""

    def __init__(self) -> None:
        self._server: MetricsServer | None = None

    def begin(self, process: str) -> None:
        """Expose the metrics from now on, under the name of ``process``."""
        self._server = self._made(process)
        self._server.open()

    def end(self) -> None:
        """Stop exposing the metrics."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def everything(self) -> bytes:
        """Return the metrics of this process and its neighbours."""
        return (self._server or self._made("web")).everything()

    def _made(self, process: str) -> MetricsServer:
        return MetricsServer(ProcessMetrics(process, [REQUESTS]), state_dir=environment().state_dir)


WEB = WebMetrics()
