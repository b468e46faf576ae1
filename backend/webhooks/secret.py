"""Where the secret of a webhook is kept: a file, never a row."""

from __future__ import annotations

from pathlib import Path

from backend.api.secret_files import write_secret
from backend.config.environment import environment

__all__ = ["read", "remove", "store"]


def store(webhook_id: int, secret: str) -> None:
    """Replace the stored secret; raises BrokenError."""
    write_secret(_path(webhook_id), secret)


def read(webhook_id: int) -> str | None:
    """Return a secret; None when its file is gone, as after a backup of the database alone was restored."""
    try:
        return _path(webhook_id).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def remove(webhook_id: int) -> None:
    """Delete a secret; a missing one is not an error."""
    _path(webhook_id).unlink(missing_ok=True)


def _path(webhook_id: int) -> Path:
    return environment().state_dir / "secrets" / "webhooks" / str(int(webhook_id))
