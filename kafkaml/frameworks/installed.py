"""The installed versions of packages, looked up without importing them, which would take seconds."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from importlib import metadata

__all__ = ["distributions", "installed_version"]


def distributions(package: str) -> Sequence[str]:
    """Return the names under which a package may be installed, because TensorFlow for CPUs has a name of its own."""
    return package, f"{package}-cpu"


def installed_version(package: str) -> str:
    """Return the version of a package; empty where it is not installed."""
    for name in distributions(package):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return ""
