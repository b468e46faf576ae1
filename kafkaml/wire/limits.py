"""ResourceLimits: how much one model process may take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ResourceLimits"]


@dataclass(frozen=True)
class ResourceLimits:
    """Upper limits of one model process. 0 means that there is no limit but the machine's."""

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 0
    file_bytes: int = 8 << 30
    wall_seconds: int = 0
