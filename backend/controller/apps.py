"""The controller's app: its lease, and the hint that wakes it when someone changes what is wanted."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import transaction
from django.db.models.signals import post_delete, post_save

from backend.controller.wakeup import wake_controller


class ControllerConfig(AppConfig):
    name = "backend.controller"

    def ready(self) -> None:
        from backend.deployments.models import TrainingResult
        from backend.inferences.models import Inference
        from backend.streams.models import OutboxMessage

        for model in (TrainingResult, Inference, OutboxMessage):
            post_save.connect(_wake_after_commit, sender=model, dispatch_uid=f"controller-save-{model.__name__}")
            post_delete.connect(_wake_after_commit, sender=model, dispatch_uid=f"controller-delete-{model.__name__}")


def _wake_after_commit(instance: Any, **_more: object) -> None:
    # A training reports progress several times a second. Progress does not change what is wanted, so no round begins.
    if getattr(instance, "progress", None) is not None and instance.desired == "run" and instance.state == "running":
        return
    transaction.on_commit(wake_controller)
