"""The tokens of other clusters: files that only the platform's user reads, never rows, so that no database dump, list
or log shows one. What the API takes in it never gives out.
"""

from __future__ import annotations

from pathlib import Path

from backend.api.secret_files import write_secret
from backend.config.environment import environment

__all__ = ["ca_path", "has_token", "remove_token", "store_ca", "store_token", "token_path"]


def token_path(cluster_id: int) -> Path:
    """Return where the token of a cluster is, whether there is one or not."""
    return _folder() / str(cluster_id)


def ca_path(cluster_id: int) -> Path:
    """Return where the certificate authority of a cluster is written for the client that reads files only."""
    return _folder() / f"{cluster_id}.crt"


def has_token(cluster_id: int) -> bool:
    """Whether a token is kept."""
    return token_path(cluster_id).is_file()


def store_token(cluster_id: int, token: str) -> None:
    """Replace the stored token; raises BrokenError and keeps the old one when it cannot be written."""
    write_secret(token_path(cluster_id), token)


def store_ca(cluster_id: int, pem: str) -> Path:
    """Write a certificate authority where it differs from what is there, and return its path."""
    path = ca_path(cluster_id)
    try:
        if path.read_text(encoding="utf-8") == pem:
            return path
    except FileNotFoundError:
        pass
    write_secret(path, pem)
    return path


def remove_token(cluster_id: int) -> None:
    """Remove what is kept of a cluster; it is not an error if nothing is stored."""
    token_path(cluster_id).unlink(missing_ok=True)
    ca_path(cluster_id).unlink(missing_ok=True)


def _folder() -> Path:
    return environment().state_dir / "secrets" / "clusters"
