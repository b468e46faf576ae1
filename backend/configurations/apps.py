"""The configurations' app: its reactions to changes of models, on a lower floor."""

from __future__ import annotations

from django.apps import AppConfig


class ConfigurationsConfig(AppConfig):
    name = "backend.configurations"

    def ready(self) -> None:
        from backend.configurations.services import complete_chains
        from backend.ml_models.signals import linked

        linked.connect(complete_chains)
