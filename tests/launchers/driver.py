"""A small controller for tests to kill: ``python -m tests.launchers.driver JOBS STARTS warm|cold VERB... ``.

Verbs are ``launch`` (a run), ``serve`` (a service of two replicas), ``stop`` and ``forget``. Each is followed by what
it takes to have an effect. Afterwards the program keeps observing until it is killed. It prints one line per completed
verb.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from backend.launchers.base import RestartPolicy, WorkSpec
from backend.launchers.process import ProcessLauncher

RUN, SERVICE = "kml-train-1-a1", "kml-infer-1-a1"


def spec_of(verb: str) -> WorkSpec:
    return WorkSpec(
        name=RUN if verb == "launch" else SERVICE,
        module="tests.launchers.worker_program",
        env={"PROGRAM_DO": os.environ.get("DRIVER_DO", "sleep")},
        token="token",
        restart=RestartPolicy.NEVER if verb == "launch" else RestartPolicy.ALWAYS,
        replicas=1 if verb == "launch" else 2,
    )


def _main() -> None:
    jobs, starts, mode, *verbs = sys.argv[1:]
    launcher = ProcessLauncher(
        Path(jobs),
        base_env={"PYTHONPATH": os.environ["PYTHONPATH"], "PROGRAM_STARTS": starts},
        preload=("tests.launchers.preloaded",) if mode == "warm" else (),
        grace_seconds=1,
        backoff_initial_seconds=0.05,
    )
    while mode == "warm" and not launcher.is_warm:
        time.sleep(0.01)
    for verb in verbs:
        if verb in ("launch", "serve"):
            launcher.launch(spec_of(verb))
        else:
            while not launcher.observe() or (verb == "forget" and not launcher.observe()[RUN].phase.ended):
                time.sleep(0.01)
            getattr(launcher, verb)(RUN)
        print(verb, flush=True)
    while True:
        launcher.observe()
        time.sleep(0.02)


if __name__ == "__main__":
    _main()
