"""A warm fork server for the benchmarks, as a running platform has one per framework."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlcode_executor.fork_server import server_status
from mlcode_executor.runtimes import Runtime

__all__ = ["warm_fork_server"]

_START_SECONDS = 120
_STOP_SECONDS = 30


@contextmanager
def warm_fork_server(runtime: Runtime) -> Iterator[str]:
    """Run a fork server until the block ends; yields the path of its socket once its framework is imported."""
    with tempfile.TemporaryDirectory(prefix="kml-bench-") as folder, Path(folder, "log").open("wb") as log:
        path = str(Path(folder) / "fork.sock")
        command = [sys.executable, "-m", "mlcode_executor.fork_server", "--runtime", runtime, "--socket", path]
        process = subprocess.Popen([*command, "--isolation", "auto"], stdout=log, stderr=log)
        try:
            server_status(path, timeout_seconds=_START_SECONDS)
            yield path
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS)
