"""How the user who started a platform signs in: a token for the command line, one-time login links for the browser.

The owner of the state folder owns the platform, so no credentials are needed. The token's text never appears in a log
or on a command line.
"""

from __future__ import annotations

import time

import psutil

from kafkaml.errors import BrokenError
from kafkaml.local.state import PlatformStatus, StateDir
from platform_local.commands import run_manage

__all__ = ["TOKEN_DAYS", "login_link", "token_is_fresh"]

TOKEN_DAYS = 30
# The token is renewed when it is this old, long before it ends, so that a rarely started platform never has an expired
# one.
_RENEW_AFTER_SECONDS = 10 * 24 * 3600


def token_is_fresh(state: StateDir) -> bool:
    """Whether the command line's token can be used for weeks to come; a look at files only."""
    try:
        written = state.cli_token.stat().st_mtime
    except OSError:
        return False
    return state.database.exists() and time.time() - written < _RENEW_AFTER_SECONDS


def login_link(state: StateDir, status: PlatformStatus) -> str:
    """Return an address that signs the first admin in once; raises BrokenError when the platform is not running."""
    return run_manage(["login_link"], _environment_of(state, status)).splitlines()[-1]


def _environment_of(state: StateDir, status: PlatformStatus) -> dict[str, str]:
    """Return the environment of the running web server, because this shell may name another database."""
    for component in status.components:
        if component.name == "web" and component.pid is not None:
            try:
                return dict(psutil.Process(component.pid).environ())
            except psutil.Error as error:
                raise BrokenError(f"the web server of {state.root} does not run", hint="kafka-ml status") from error
    raise BrokenError(f"the web server of {state.root} does not run", hint="kafka-ml status")
