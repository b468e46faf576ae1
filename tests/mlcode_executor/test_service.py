"""The executor's service as it runs: its process, its HTTP, its fork server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from kafkaml.wire.framework import Framework
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.process import ModelProcess
from tests.mlcode_executor import sources
from tests.support import eventually, is_over

TOKEN = "a-token-for-the-tests-only"
# Many times the duration of an honest check, for a busy machine. An endless check takes all of it.
CHECK_SECONDS = 15


@dataclass
class RunningService:
    """A service in a process of its own; ``socket`` is its fork server's."""

    process: subprocess.Popen[str]
    http: httpx.Client
    socket: Path

    def check(self, code: str, **rest: Any) -> dict[str, Any]:
        answer = self.http.post("/check", json={"code": code, "imports": "", **rest})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


def start_service(folder: Path, *, token_text: str = TOKEN, **env: str) -> tuple[subprocess.Popen[str], Path]:
    token, path = folder / "token", folder / "fork.sock"
    token.write_text(f"{token_text}\n", encoding="utf-8")
    command = [sys.executable, "-m", "mlcode_executor", "--framework", "pytorch", "--fork-server", str(path)]
    process = subprocess.Popen(
        [*command, "--token-file", str(token)],
        env={**os.environ, "KML_LOG_FORMAT": "json", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return process, path


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if found := re.search(r'"address":"(http://[^"]+)"', line):
            # The output is read continuously, because a full pipe would block the service.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return found[1]
    raise AssertionError("the service ended: " + "".join(seen))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    process, path = start_service(
        tmp_path_factory.mktemp("executor"),
        KML_CHECK_TIMEOUT_SECONDS=str(CHECK_SECONDS),
        KML_CHECK_WORKERS="1",
        KML_CHECK_QUEUE="2",
        KML_CHECK_MEMORY_BYTES=str(2 << 30),
    )
    try:
        with httpx.Client(
            base_url=address_of(process), headers={"Authorization": f"Bearer {TOKEN}"}, timeout=150, trust_env=False
        ) as http:
            yield RunningService(process, http, path)
    finally:
        process.terminate()
        process.wait(90)


def test_a_good_model_gets_its_report(service: RunningService) -> None:
    verdict = service.check(sources.PYTORCH_TUTORIAL)
    assert verdict["valid"]
    assert verdict["report"]["parameters"] == 101_770


def test_a_bad_model_gets_line_traceback_and_output(service: RunningService) -> None:
    verdict = service.check("print('before')\ndef f():\n    return 1 / 0\nf()\n")
    assert not verdict["valid"]
    assert verdict["output"] == "before\n"
    error = verdict["error"]
    assert (error["kind"], error["line"], error["source"]) == ("runtime", 3, "code")
    assert error["traceback"].splitlines()[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("while True: pass", f"{CHECK_SECONDS} s"),
        ("x = bytearray(4 << 30)", "memory"),
        ("import os; os._exit(7)", "exit code 7"),
    ],
    ids=["time", "memory", "exit"],
)
def test_limits_end_the_check_and_the_next_is_fine(service: RunningService, code: str, message: str) -> None:
    verdict = service.check(code)
    assert verdict["error"]["kind"] == "limit"
    assert message in verdict["error"]["message"]
    assert ("has no end" in verdict["error"]["hint"]) == code.startswith("while")
    assert service.check(sources.PYTORCH_DIGITS)["valid"]


def test_a_check_that_is_cancelled_ends_at_once_and_one_that_waits_never_begins(service: RunningService) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        endless = pool.submit(service.check, "while True: pass", ticket="endless")
        # This request waits, because there is only one worker.
        waiting = pool.submit(service.check, "while True: pass", ticket="waiting")
        for ticket in ("waiting", "endless", "nobody's"):
            assert service.http.post("/cancel", json={"ticket": ticket}).status_code == 200
        assert endless.result()["error"]["kind"] == "cancelled"
        assert waiting.result()["error"]["kind"] == "cancelled"
    assert time.monotonic() - began < CHECK_SECONDS
    assert service.check(sources.PYTORCH_DIGITS)["valid"]


def test_health_tells_the_isolation_without_a_token(service: RunningService) -> None:
    body = httpx.get(f"{service.http.base_url}/health", trust_env=False).json()
    assert body["status"] == "ok"
    assert body["isolation"] in ("namespaces", "landlock")
    assert body["versions"]["torch"]


@pytest.mark.parametrize("header", ["", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_everything_else_needs_the_token(service: RunningService, header: str) -> None:
    for path in ("/check", "/cancel", "/nothing"):
        answer = httpx.post(
            f"{service.http.base_url}{path}", headers={"Authorization": header}, json={}, trust_env=False
        )
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/check", b"not json", 400),
        ("/check", b"{}", 400),
        ("/check", b'{"code": 3}', 400),
        ("/check", b'{"code": "' + b"x" * (1 << 20) + b'"}', 413),
        ("/nothing", b"{}", 404),
    ],
)
def test_malformed_requests_are_refused(service: RunningService, path: str, content: bytes, status: int) -> None:
    answer = service.http.post(path, content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_body_of_unknown_length_is_bounded_too(service: RunningService) -> None:
    answer = service.http.post("/check", content=(b"x" * 65536 for _ in range(64)))
    assert answer.status_code == 413


def test_more_than_the_queue_holds_is_refused(service: RunningService) -> None:
    with ThreadPoolExecutor(8) as pool:
        slow = {"code": "import time; time.sleep(1)", "imports": ""}
        answers = list(pool.map(lambda _: service.http.post("/check", json=slow), range(8)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes.count(200) >= 3
    assert codes[-1] == 429
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "2"


def test_runners_can_use_its_fork_server(service: RunningService) -> None:
    with ModelProcess.start(Framework.PYTORCH, ResourceLimits(), fork_server=str(service.socket)) as process:
        report = process.call("check", {"code": sources.PYTORCH_DIGITS, "imports": ""}, timeout_seconds=120)
    assert report["parameters"] == 4_810


def test_it_ends_with_its_children(tmp_path: Path) -> None:
    process, _ = start_service(tmp_path)
    address_of(process)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGTERM)
    assert process.wait(90) == 0
    eventually(lambda: all(is_over(child) for child in children), what="the children's end")


def test_it_ends_when_its_fork_server_is_killed(tmp_path: Path) -> None:
    process, _ = start_service(tmp_path)
    address_of(process)
    keeper = next(
        child for child in psutil.Process(process.pid).children() if "mlcode_executor.fork_server" in child.cmdline()
    )
    keeper.kill()
    assert process.wait(90) == 1


@pytest.mark.parametrize("token", ["", "short"])
def test_it_does_not_start_without_a_proper_token(tmp_path: Path, token: str) -> None:
    process, _ = start_service(tmp_path, token_text=token)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "at least 16" in output
