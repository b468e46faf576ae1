"""Configuration: models that train on the same stream, to be compared."""

from __future__ import annotations

from django.conf import settings
from django.db.models import SET_NULL, CharField, DateTimeField, ForeignKey, ManyToManyField, Model, TextField

from backend.ml_models.models import MLModel

__all__ = ["Configuration"]


class Configuration(Model):
    """A set of models."""

    # The models, read in one query; selectors fill this in.
    model_rows: list[MLModel]

    name = CharField(max_length=100, unique=True)
    description = TextField(blank=True)
    # Many-to-many fields do not support PROTECT, so services.py refuses to delete a model that is in use.
    models = ManyToManyField(MLModel, related_name="configurations")
    created_by = ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=SET_NULL, related_name="+")
    created_at = DateTimeField(auto_now_add=True)
    updated_at = DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name
