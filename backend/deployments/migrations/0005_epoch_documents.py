from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def _fill(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Metrics are kept as they were reported, whatever fields they have."""
    records = apps.get_model("deployments", "EpochRecord").objects
    for each in records.iterator(chunk_size=500):
        document = {name: getattr(each, name) for name in ("epoch", "seconds", "training", "validation")}
        records.filter(pk=each.pk).update(document=document)


class Migration(migrations.Migration):
    dependencies = [("deployments", "0004_arguments")]

    operations = [
        migrations.AddField(
            "EpochRecord",
            "document",
            models.JSONField(default=dict, help_text="kafkaml.wire.progress.EpochMetrics"),
            preserve_default=False,
        ),
        migrations.RunPython(_fill, migrations.RunPython.noop, elidable=True),
        migrations.RemoveField("EpochRecord", "seconds"),
        migrations.RemoveField("EpochRecord", "training"),
        migrations.RemoveField("EpochRecord", "validation"),
    ]
