"""How the platform's own programs are started, by the Python that runs this."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

from backend import launchers, manage
from kafkaml.errors import BrokenError
from kafkaml.local.state import StateDir

__all__ = ["RUN_MODULE", "python_module", "run_manage", "suspend_workers"]

# The option -P keeps components from importing anything from the folder that they run in.
RUN_MODULE = (sys.executable, "-P", "-m")


def run_manage(arguments: Sequence[str], env: Mapping[str, str], *, timeout_seconds: float = 60) -> str:
    """Run a management command of the backend and return its standard output; BrokenError when it fails."""
    try:
        done = subprocess.run(
            [*python_module(manage), *arguments],
            env=dict(env),
            check=True,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        raise BrokenError(f"{arguments[0]} failed: {str(error.stderr).strip()[-1000:]}") from error
    except subprocess.TimeoutExpired as error:
        raise BrokenError(f"{arguments[0]} did not end within {timeout_seconds:g} s") from error
    return done.stdout.strip()


def suspend_workers(state: StateDir) -> None:
    """End every worker of the platform in order; those that are wanted start again with the next ``up``."""
    subprocess.run(
        [*python_module(launchers), "suspend", "--state-dir", str(state.root)],
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def python_module(module: ModuleType) -> list[str]:
    """Return the command that runs a module of ours."""
    return [*RUN_MODULE, module.__name__]
