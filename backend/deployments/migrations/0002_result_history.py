from __future__ import annotations

from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from backend.deployments.history import extended
from kafkaml.wire.progress import EpochMetrics


def _fill(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Give results that trained before this field was there their history."""
    results = apps.get_model("deployments", "TrainingResult")
    epochs = apps.get_model("deployments", "EpochRecord")
    for result in results.objects.only("pk", "attempt").iterator(chunk_size=500):
        history: dict[str, Any] | None = None
        for each in epochs.objects.filter(result=result, attempt=result.attempt).order_by("epoch"):
            history = extended(
                history,
                EpochMetrics(
                    epoch=each.epoch, seconds=each.seconds, training=each.training, validation=each.validation
                ),
            )
        if history is not None:
            results.objects.filter(pk=result.pk).update(history=history)


class Migration(migrations.Migration):
    dependencies = [("deployments", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="trainingresult", name="history", field=models.JSONField(blank=True, null=True)
        ),
        migrations.RunPython(_fill, migrations.RunPython.noop, elidable=True),
    ]
