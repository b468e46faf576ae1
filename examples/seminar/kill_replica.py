"""Kills a replica of an inference, as the power failing would, and tells when another process is in its place:

python examples/seminar/kill_replica.py 1

The platform must run on this machine. In a cluster `kubectl delete pod --force` does the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psutil

from kafkaml.errors import DeadlineExceeded, KafkaMLError
from kafkaml.sdk import Client

# How many bytes at the end of a replica's log are searched for its last start.
_LOG_BYTES = 1 << 20
_PATIENCE_SECONDS = 60


def process_of(client: Client, inference: int, replica: int) -> int:
    """Return the process id in a replica's log; 0 when the log has none."""
    for line in reversed(client.inferences.logs(inference, offset=-_LOG_BYTES, replica=replica).text.splitlines()):
        if '"event":"serving"' in line:
            return int(json.loads(line)["process"])
    return 0


def kill(number: int) -> None:
    """Kill a process if it is a worker of a platform on this machine. A log may name a process of another machine."""
    try:
        process = psutil.Process(number)
        ours = any(argument.startswith("backend.launchers") for argument in process.cmdline())
    except psutil.NoSuchProcess:
        ours = False
    if not ours:
        sys.exit(f"process {number} is not a replica on this machine, because the platform runs elsewhere")
    process.kill()


def wait_for_another(client: Client, inference: int, replica: int, killed: int) -> int:
    """Return the id of the process that replaced the killed one."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (now := process_of(client, inference, replica)) == killed:
        if time.monotonic() > deadline:
            raise DeadlineExceeded(f"nothing took its place within {_PATIENCE_SECONDS} s")
        time.sleep(0.1)
    return now


def main() -> None:
    """Kill the replica that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inference", type=int, help="its number (id)")
    parser.add_argument("--replica", type=int, default=0, help="(default 0)")
    options = parser.parse_args()
    try:
        with Client() as client:
            number = process_of(client, options.inference, options.replica)
            if not number:
                sys.exit(f"replica {options.replica} does not serve: kafka-ml inferences show {options.inference}")
            kill(number)
            killed = time.monotonic()
            print(f"replica {options.replica} was process {number}, and is killed")
            number = wait_for_another(client, options.inference, options.replica, number)
            print(f"replica {options.replica} is process {number} {time.monotonic() - killed:.1f} s later")
    except KafkaMLError as error:
        sys.exit(f"{error.message}\n{error.hint}")


if __name__ == "__main__":
    main()
