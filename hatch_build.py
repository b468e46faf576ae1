"""Puts the examples into the wheel, where ``kafka-ml examples`` finds them; an editable install has the clone's own.

Not as a package of their own: the name ``examples`` is everybody's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ExamplesHook(BuildHookInterface[Any]):
    """Called by hatchling when it builds a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder, unless it stays where it is or is left out, as for images."""
        if version != "editable" and (Path(self.root) / "examples").is_dir():
            build_data["force_include"]["examples"] = "kafka_ml_cli/packaged/examples"
