"""Reading configurations."""

from __future__ import annotations

from django.db.models import F, Prefetch, QuerySet

from backend.api.uses import use_count
from backend.configurations.models import Configuration
from backend.ml_models.models import MLModel

__all__ = ["configurations"]


def configurations() -> QuerySet[Configuration]:
    """Return configurations with their models and the number of deployments: three queries, with the count."""
    models = (
        MLModel.objects.only("id", "name", "framework", "distributed", "upper_model_id")
        # Read only parts of the report, because its summary is long.
        .annotate(**{part: F(f"report__{part}") for part in ("inputs", "outputs", "parameters", "metrics")})
        .order_by("id")
    )
    return (
        Configuration.objects.annotate(deployment_count=use_count(Configuration, "deployments"))  # type: ignore[no-redef]  # declared by the model
        .prefetch_related(Prefetch("models", queryset=models, to_attr="model_rows"))
        .order_by("-id")
    )
