"""The inferences' app: what they do when another version of a result becomes the current one."""

from __future__ import annotations

from django.apps import AppConfig


class InferencesConfig(AppConfig):
    name = "backend.inferences"

    def ready(self) -> None:
        from backend.deployments.versions import current_changed
        from backend.inferences.swaps import follow_current

        current_changed.connect(follow_current)
