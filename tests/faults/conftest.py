"""A fixture that tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlcode_executor.runtimes import OwnRuntime
from tests.fork_servers import running_fork_server


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A state folder with a warm fork server, so that replicas restart quickly."""
    (tmp_path / "run").mkdir()
    with running_fork_server(OwnRuntime.ONNX, "auto") as server:
        (tmp_path / "run" / "fork-onnx.sock").symlink_to(server.socket)
        yield tmp_path
