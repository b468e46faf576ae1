"""MLModel: source code of a model, as an executor found it valid."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from kafkaml.wire.framework import Framework

__all__ = ["MLModel", "framework_choices"]


def framework_choices() -> list[tuple[str, str]]:
    """Return the frameworks as Django wants them; by a function, so that another one does not change the database."""
    return [(framework.value, framework.value) for framework in Framework]


class MLModel(models.Model):
    """A model's source. ``report`` is the executor's report: summary, inputs, outputs, parameter counts.

    ``upper_model`` is where a sub-model of a distributed model sends what it is not sure of; a chain of them is a line.
    """

    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    framework = models.CharField(max_length=20, choices=framework_choices)
    imports = models.TextField(blank=True)
    code = models.TextField()
    distributed = models.BooleanField(default=False)
    upper_model = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="lower_models"
    )
    report = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name
