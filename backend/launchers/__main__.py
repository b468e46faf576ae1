"""``python -m backend.launchers suspend --state-dir DIR``: end every worker on this machine, for ``kafka-ml down``.

Run after the controller has ended. Prints the names whose processes had to be killed; exit code 0.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from backend.launchers.process import suspend_all


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m backend.launchers", description=__doc__)
    parser.add_argument("command", choices=["suspend"])
    parser.add_argument("--state-dir", type=Path, required=True, help="the platform's data folder")
    parser.add_argument("--timeout-seconds", type=float, default=15.0, help="before SIGKILL (default 15)")
    options = parser.parse_args()
    for name in suspend_all(options.state_dir / "jobs", timeout_seconds=options.timeout_seconds):
        print(f"killed {name}")  # noqa: T201 (this is what the command is for)


if __name__ == "__main__":
    _main()
