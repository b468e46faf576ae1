import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def _keep_present_attempts(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Each result has its epochs once from now on."""
    records = apps.get_model("deployments", "EpochRecord").objects
    records.exclude(attempt=models.F("result__attempt")).delete()


class Migration(migrations.Migration):
    dependencies = [("deployments", "0006_versions")]

    operations = [
        migrations.AddField(
            "Deployment",
            "incremental",
            models.JSONField(
                blank=True,
                help_text="kafkaml.wire.incremental.Incremental; null where the mode is another",
                null=True,
            ),
        ),
        migrations.AlterField(
            "Deployment",
            "mode",
            models.CharField(
                choices=[("classic", "classic"), ("incremental", "incremental")], default="classic", max_length=20
            ),
        ),
        migrations.CreateModel(
            "Checkpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step", models.PositiveBigIntegerField(help_text="epochs or windows that it holds")),
                ("records", models.PositiveBigIntegerField(default=0)),
                ("positions", models.JSONField(default=dict, help_text="kafkaml.wire.checkpoint.Positions")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "artifact",
                    models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, to="deployments.artifact"),
                ),
                (
                    "result",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checkpoints",
                        to="deployments.trainingresult",
                    ),
                ),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.RunPython(_keep_present_attempts, migrations.RunPython.noop, elidable=True),
        migrations.AlterModelOptions("EpochRecord", options={"ordering": ["epoch"]}),
        migrations.RemoveConstraint("EpochRecord", "epoch_once"),
        migrations.RemoveField("EpochRecord", "attempt"),
        migrations.AddConstraint(
            "EpochRecord", models.UniqueConstraint(fields=["result", "epoch"], name="epoch_once")
        ),
    ]
