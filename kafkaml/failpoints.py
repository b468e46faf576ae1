"""Named places where a test makes this process die or raise, to prove what a fault at exactly that point does.

Nothing happens unless ``KML_FAILPOINT`` is set: ``name:action[:count]``, several separated by commas. The action is
``kill`` (SIGKILL to this process, like a power cut), ``raise`` (FailpointError) or ``sleep`` (hang for an hour);
``count`` is the pass at which it acts in this process, 1 by default. With ``KML_FAILPOINT_LOG`` a line ``name action
pid`` is appended to that file before acting, so that a test can prove that the fault fell inside the window. The only
module besides the settings classes that reads the environment: a settings class per fault would put test matters into
every service.
"""

from __future__ import annotations

import os
import signal
import time

__all__ = ["FailpointError", "failpoint"]

_VARIABLE = "KML_FAILPOINT"
_LOG_VARIABLE = "KML_FAILPOINT_LOG"
_SLEEP_SECONDS = 3600

_passes: dict[str, int] = {}


class FailpointError(RuntimeError):
    """Raised by a fail-point whose action is ``raise``; deliberately outside the tree of ``kafkaml.errors``."""


def failpoint(name: str) -> None:
    """Mark a place where a fault may fall; does nothing in production."""
    configured = os.environ.get(_VARIABLE)
    if not configured:
        return
    for part in configured.split(","):
        wanted, _, rest = part.strip().partition(":")
        if wanted == name:
            action, _, count = rest.partition(":")
            _passes[name] = _passes.get(name, 0) + 1
            if _passes[name] == int(count or 1):
                _act(name, action)


def _act(name: str, action: str) -> None:
    if log := os.environ.get(_LOG_VARIABLE):
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(descriptor, f"{name} {action} {os.getpid()}\n".encode())
        os.close(descriptor)
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "raise":
        raise FailpointError(f"fail-point {name}")
    elif action == "sleep":
        time.sleep(_SLEEP_SECONDS)
    else:
        raise ValueError(f"{_VARIABLE}={name}:{action}: expected kill, raise or sleep")
