"""START: from `kafka-ml up` on a folder that was used before, to an answer of the API, a broker and all components.

The reference is the first start in an empty folder. The floor is what one process needs to import the API alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.context import Context, Row, median_and_spread
from kafkaml.local.state import PlatformStatus, StateDir
from platform_local import platform

IDS = ("START",)

_BAR_SECONDS = 6.0


def run(context: Context) -> Iterator[Row]:
    """Start and stop a platform repeatedly."""
    state = StateDir(context.folder / "start")
    first_api, _ = _start(state)
    times = [_start(state) for _ in range(context.repeats)]
    shutil.rmtree(state.root, ignore_errors=True)
    api, spread = median_and_spread([measured[0] for measured in times])
    everything, everything_spread = median_and_spread([measured[1] for measured in times])
    floor, _ = median_and_spread(context.measure(lambda: _import_api(state.root)))
    yield Row(
        id="START",
        what="a later `up` until the API answers",
        unit="s",
        ours=api,
        spread=spread,
        reference=first_api,
        floor=floor,
        higher_is_better=False,
        bar=f"< {_BAR_SECONDS:g} s",
        met=api < _BAR_SECONDS,
    )
    yield Row(
        id="START",
        what="a later `up` until everything is ready, both frameworks imported",
        unit="s",
        ours=everything,
        spread=everything_spread,
        higher_is_better=False,
    )


def _start(state: StateDir) -> tuple[float, float]:
    """Start and stop a platform. Returns the seconds until the API answered, and until everything was ready."""
    options = platform.UpOptions(state_dir=state.root, port=0, broker_port=0)
    began = time.monotonic()
    seen: dict[str, float] = {}

    def on_change(status: PlatformStatus) -> None:
        if status.api_ready:
            seen.setdefault("api", time.monotonic() - began)

    pid = platform.start_detached(options, state)
    try:
        platform.wait_until_ready(state, pid, timeout_seconds=240, on_change=on_change)
        seen["all"] = time.monotonic() - began
    finally:
        platform.down(state)
    return seen["api"], seen["all"]


def _import_api(folder: Path) -> None:
    environment: Mapping[str, str] = {**os.environ, "KML_STATE_DIR": str(folder)}
    command = [sys.executable, "-P", "-W", "ignore", "-c", "import backend.config.asgi"]
    subprocess.run(command, env=environment, check=True, timeout=60)
