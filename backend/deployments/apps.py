"""The deployments' app: what they do when a model or a stream on a floor below changes."""

from __future__ import annotations

from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    name = "backend.deployments"

    def ready(self) -> None:
        from backend.deployments.selectors import addressees
        from backend.deployments.services import assign_stream, refresh_waiting_code
        from backend.deployments.stream_fits import misfit
        from backend.ml_models.signals import source_changed
        from backend.streams.addressees import announced, register_addressees

        register_addressees(addressees, misfit)
        announced.connect(assign_stream)
        source_changed.connect(refresh_waiting_code)
