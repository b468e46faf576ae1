import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What a replica said is kept as it said it. Replicas speak every two seconds: nothing is carried over."""

    dependencies = [("inferences", "0004_totals")]

    operations = [
        migrations.DeleteModel("ReplicaStats"),
        migrations.CreateModel(
            name="ReplicaStats",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("replica", models.PositiveSmallIntegerField()),
                ("attempt", models.PositiveIntegerField()),
                ("document", models.JSONField(help_text="kafkaml.wire.replica.ReplicaStats")),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "inference",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replica_stats",
                        to="inferences.inference",
                    ),
                ),
            ],
            options={
                "ordering": ["replica"],
                "constraints": [models.UniqueConstraint(fields=("inference", "replica"), name="replica_once")],
            },
        ),
    ]
