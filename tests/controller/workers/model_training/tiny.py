"""A training that asks the test's database process what to do, and does it once that is decided.

Verdicts are ``finish``, ``fail``, ``exit N``, ``silence``, ``kill`` and ``kill at first`` (``finish`` at the next
attempt).
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from kafkaml.wire.job import job_from_env
from tests.controller.platform_process import verdicts_address


def write_start(state: Path, name: str, replica: str) -> None:
    """Append ``time pid name replica single|twin`` to ``<state>/starts``."""
    attemptless = name.rpartition("-a")[0]
    lock = os.open(state / f"alive-{attemptless}-{replica}", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        twin = "single"
    except BlockingIOError:
        twin = "twin"
    with (state / "starts").open("a") as file:
        file.write(f"{time.time()} {os.getpid()} {name} {replica} {twin}\n")


def main() -> None:
    job = job_from_env(os.environ)
    write_start(Path(job.state_dir), job.name, os.environ["KML_JOB_REPLICA"])
    assert Path(job.token_file).read_text()
    print(f"this is {job.name}", flush=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as platform:
        platform.connect(verdicts_address(job.state_dir))
        platform.send(json.dumps({"result": job.result_id}).encode())
        # The answer is empty when the test is over.
        verdict = platform.recv(1000).decode().split() or ["silence"]
        if verdict[0] == "exit":
            sys.exit(int(verdict[1]))
        if verdict[0] == "kill" and (len(verdict) == 1 or job.attempt == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if verdict == ["kill", "at", "first"]:
            verdict = ["finish"]
        if verdict[0] in ("finish", "fail"):
            report = {"report": verdict[0], "result": job.result_id, "attempt": job.attempt}
            platform.send(json.dumps(report).encode())
            assert platform.recv(1000) == b"reported"
