"""A tiny real worker, run as ``python -m tests.launchers.worker_program``; ``PROGRAM_DO`` says what it does.

Every start appends a line to ``PROGRAM_STARTS``: time, process id, replica, and ``twin`` when another process of the
same replica was alive.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def _main() -> None:
    starts = Path(os.environ["PROGRAM_STARTS"])
    replica = os.environ["KML_JOB_REPLICA"]
    me = os.open(f"{starts}.lock-{os.environ['KML_JOB_NAME']}-{replica}", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(me, fcntl.LOCK_EX | fcntl.LOCK_NB)
        twin = "single"
    except BlockingIOError:
        twin = "twin"
    with starts.open("a") as file:
        file.write(f"{time.time()} {os.getpid()} {os.environ['KML_JOB_NAME']} {replica} {twin}\n")
    print(f"started replica {replica}", flush=True)
    for action in os.environ.get("PROGRAM_DO", "sleep").split(","):
        _do(action)


def _do(action: str) -> None:
    what, _, argument = action.partition(":")
    if what == "sleep":
        time.sleep(float(argument or 600))
    elif what == "exit":
        sys.exit(int(argument))
    elif what == "raise":
        raise ValueError("the stars are not right")
    elif what == "import":
        __import__(argument)
    elif what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "ignore-term":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ignoring", flush=True)
    elif what == "child":
        # The child leaves the process group and the session, as a program that wants to survive would.
        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        print(f"child {child.pid}", flush=True)
    elif what == "flood":
        block = b"x" * 65535 + b"\n"
        for _ in range(int(argument)):
            os.write(1, block)
        print("end of flood", flush=True)
    elif what == "print-env":
        print(sorted(os.environ), flush=True)
        print(Path(os.environ["KML_JOB_TOKEN_FILE"]).read_text(), flush=True)
    elif what == "wait-for":
        while not Path(argument).exists():
            time.sleep(0.01)
    elif what == "exit-from":
        while not (Path(argument).exists() and Path(argument).read_text()):
            time.sleep(0.01)
        sys.exit(int(Path(argument).read_text()))
    else:
        raise AssertionError(action)


if __name__ == "__main__":
    _main()
