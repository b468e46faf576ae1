"""P7: from an edit to the verdict: the executor's service, isolated and killable, against a cold process.

The reference is a fresh Python that imports the framework, runs the code and describes the model, as people do by hand.
The floor is the same work in one warm process without isolation, where the code of one model can reach the next model.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.context import Context, Row, median_and_spread
from tests.mlcode_executor.sources import KERAS_TUTORIAL, PYTORCH_TUTORIAL

IDS = ("P7",)

_MODELS = {"tensorflow": KERAS_TUTORIAL, "pytorch": PYTORCH_TUTORIAL}
_MODULES = {"tensorflow": "keras", "pytorch": "pytorch"}
_BARS_MS = {"tensorflow": 150, "pytorch": 30}
# Pause between two checks. Users edit for longer than this, and the next process is ready by then.
_PAUSE_SECONDS = 0.5
_START_SECONDS = 180.0

_CHECK = """
import sys, time
from mlcode_executor.frameworks import {module} as framework
code = sys.stdin.read()
for _ in range({repeats}):
    began = time.perf_counter()
    framework.create_handler().call("check", {{"code": code, "imports": ""}}, {{}}, {{}}, lambda name, data: None)
    print(time.perf_counter() - began)
"""


def run(context: Context) -> Iterator[Row]:
    """Yield a row for each framework, with times in milliseconds."""
    for framework, code in _MODELS.items():
        reference = context.measure(lambda: _checks_without_isolation(framework, code, 1))  # noqa: B023  called at once
        floor = _checks_without_isolation(framework, code, 1 + max(5, context.repeats))[1:]
        ours = _checks_by_the_service(framework, code, max(20, 4 * context.repeats), context.folder)
        middle, spread = median_and_spread([1e3 * seconds for seconds in ours])
        yield Row(
            id="P7",
            what=f"edit to verdict, {framework}",
            unit="ms",
            ours=middle,
            reference=1e3 * median_and_spread(reference)[0],
            floor=1e3 * median_and_spread(floor)[0],
            spread=spread,
            bar=f"<= {_BARS_MS[framework]} ms",
            met=middle <= _BARS_MS[framework],
            higher_is_better=False,
            note="reference: a cold process; floor: one warm process, no isolation",
        )


def _checks_without_isolation(framework: str, code: str, repeats: int) -> list[float]:
    """Check ``repeats`` times in one new process; returns the seconds of each check, its start not counted."""
    program = _CHECK.format(module=_MODULES[framework], repeats=repeats)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        input=code,
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
        check=True,
    )
    return [float(line) for line in done.stdout.split()]


def _checks_by_the_service(framework: str, code: str, repeats: int, folder: Path) -> list[float]:
    """Edit a comment and check, over HTTP; returns the seconds of each request."""
    seconds = []
    with _service(framework, folder) as http:
        for count in range(repeats + 1):
            time.sleep(_PAUSE_SECONDS)
            began = time.perf_counter()
            answer = http.post("/check", json={"code": f"{code}# edit {count}\n", "imports": ""})
            seconds.append(time.perf_counter() - began)
            if not answer.json()["valid"]:
                raise RuntimeError(f"the tutorial's model was refused: {answer.text[:500]}")
    return seconds[1:]


@contextmanager
def _service(framework: str, folder: Path) -> Iterator[httpx.Client]:
    token = folder / "executor-token"
    token.write_text(secrets.token_hex(16), encoding="utf-8")
    command = [sys.executable, "-m", "mlcode_executor", "--framework", framework, "--token-file", str(token)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "KML_LOG_FORMAT": "json"},
    )
    try:
        assert process.stdout is not None
        address = next(found[1] for line in process.stdout if (found := re.search(r'"address":"([^"]+)"', line)))
        headers = {"Authorization": f"Bearer {token.read_text(encoding='utf-8')}"}
        with httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False) as http:
            yield http
    finally:
        process.terminate()
        process.wait(30)
