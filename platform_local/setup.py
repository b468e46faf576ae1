"""The start-up step that brings the state folder up to this version: the database's tables, the command line's token.

``python -m platform_local.setup`` does it; ``is_needed`` tells by a look at files when there is nothing to do, because
starting Django only for that costs a second and a half of a start.
"""

from __future__ import annotations

import hashlib
import os
import sys
from importlib import metadata
from pathlib import Path

import backend
from kafkaml.errors import BrokenError
from kafkaml.local.state import StateDir
from kafkaml.system import write_atomically
from platform_local.access import TOKEN_DAYS, token_is_fresh
from platform_local.commands import run_manage

__all__ = ["fingerprint", "is_needed"]

# Time limit that is enough for many migrations of a database on a slow disk.
_SET_UP_TIMEOUT_SECONDS = 300


def is_needed(state: StateDir) -> bool:
    """Whether the folder may not be up to date. Always true for a database elsewhere, which others change too."""
    if os.environ.get("DATABASE_URL") or os.environ.get("KML_DATABASE_URL"):
        return True
    try:
        done = _stamp(state).read_text(encoding="ascii")
    except OSError:
        return True
    return done != fingerprint() or not token_is_fresh(state)


def _stamp(state: StateDir) -> Path:
    return state.run / "set-up"


def fingerprint() -> str:
    """A hash of everything that decides what the tables look like."""
    digest = hashlib.sha256(metadata.version("django").encode())
    for folder in backend.__path__:
        for path in sorted(Path(folder).glob("*/migrations/*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Bring the platform up to date whose environment this is."""
    state = StateDir(Path(os.environ["KML_STATE_DIR"]))
    arguments = ["set_up"] if token_is_fresh(state) else ["set_up", "--token-days", str(TOKEN_DAYS)]
    token = run_manage(arguments, os.environ, timeout_seconds=_SET_UP_TIMEOUT_SECONDS)
    if token:
        write_atomically(state.cli_token, token.encode())
    _stamp(state).write_text(fingerprint(), encoding="ascii")


if __name__ == "__main__":
    try:
        main()
    except BrokenError as error:
        sys.exit(error.message)
