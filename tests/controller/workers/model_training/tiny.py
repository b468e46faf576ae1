"""A training that waits for a file ``<state>/gates/<result>`` and does what it says: ``finish``, ``fail``, ``exit N``,
``silence``, ``kill``, ``kill at first`` (``finish`` at the next attempt). Reports go through the same services as the
job API's.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from kafkaml.wire.job import job_from_env


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
    state = Path(job.state_dir)
    write_start(state, job.name, os.environ["KML_JOB_REPLICA"])
    assert Path(job.token_file).read_text()
    print(f"this is {job.name}", flush=True)
    gate = state / "gates" / str(job.result_id)
    while not gate.exists():
        time.sleep(0.01)
    verdict = gate.read_text().split()
    if verdict[0] == "exit":
        sys.exit(int(verdict[1]))
    if verdict[0] == "kill" and (len(verdict) == 1 or job.attempt == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if verdict == ["kill", "at", "first"]:
        verdict = ["finish"]
    if verdict[0] in ("finish", "fail"):
        report(verdict[0], job.result_id, job.attempt)


def report(verdict: str, result_id: int, attempt: int) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "backend.config.settings"
    import django

    django.setup()
    from backend.deployments import transitions
    from kafkaml.wire.failure import Failure, FailureCategory
    from kafkaml.wire.outcome import TrainingOutcome
    from kafkaml.wire.report import Finish

    if verdict == "finish":
        outcome = TrainingOutcome(
            seconds=1,
            samples={},
            test_metrics={},
            artifacts={},
            versions={},
            code_sha256="0" * 64,
            slice_sha256="0" * 64,
        )
        transitions.mark_finished(result_id, Finish(attempt=attempt, outcome=outcome))
    else:
        failure = Failure(category=FailureCategory.USER_CODE, cause="their bug")
        transitions.report_failure(result_id, attempt, failure, outcome=None)
