import django.db.models.deletion
import django.utils.timezone
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def _number(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """What a finished training gave becomes version 1 of its result, with its files."""
    results, versions, artifacts = (
        apps.get_model("deployments", name).objects for name in ("TrainingResult", "ResultVersion", "Artifact")
    )
    finished = results.filter(state="finished", failed_outcome__isnull=False)
    for result in finished.defer("log_tail", "history").iterator(chunk_size=100):
        version = versions.create(
            result=result,
            number=1,
            reason="trained",
            attempt=result.attempt,
            code=result.code,
            imports=result.imports,
            stream_id=result.stream_id,
            outcome=result.failed_outcome,
            confusion_matrix=result.failed_confusion_matrix,
            created_at=result.ended_at or result.updated_at,
        )
        artifacts.filter(result=result, attempt=result.attempt).update(version=version)
        results.filter(pk=result.pk).update(
            current_version=version, last_version=1, failed_outcome=None, failed_confusion_matrix=None
        )


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', '0005_epoch_documents'),
        ('streams', '0002_refused'),
    ]

    operations = [
        migrations.CreateModel(
            name='ResultVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('reason', models.CharField(choices=[('trained', 'trained'), ('improved', 'improved')], max_length=20)),
                ('attempt', models.PositiveIntegerField()),
                ('step', models.PositiveBigIntegerField(blank=True, null=True)),
                ('code', models.TextField()),
                ('imports', models.TextField(blank=True)),
                ('outcome', models.JSONField(help_text='kafkaml.wire.outcome.Outcome')),
                ('confusion_matrix', models.JSONField(blank=True, null=True)),
                ('positions', models.JSONField(blank=True, default=dict, help_text='kafkaml.wire.checkpoint.Positions')),
                ('comparison', models.JSONField(blank=True, help_text='kafkaml.wire.version.Comparison', null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='artifact',
            name='artifact_once',
        ),
        migrations.RenameField(
            model_name='trainingresult',
            old_name='confusion_matrix',
            new_name='failed_confusion_matrix',
        ),
        migrations.RenameField(
            model_name='trainingresult',
            old_name='outcome',
            new_name='failed_outcome',
        ),
        migrations.AlterField(
            model_name='trainingresult',
            name='failed_outcome',
            field=models.JSONField(blank=True, help_text='kafkaml.wire.outcome.Outcome', null=True),
        ),
        migrations.AddField(
            model_name='trainingresult',
            name='first_attempt',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='trainingresult',
            name='last_version',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='resultversion',
            name='result',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='deployments.trainingresult'),
        ),
        migrations.AddField(
            model_name='resultversion',
            name='stream',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='streams.announcement'),
        ),
        migrations.AddField(
            model_name='artifact',
            name='version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='artifacts', to='deployments.resultversion'),
        ),
        migrations.AddField(
            model_name='trainingresult',
            name='current_version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='deployments.resultversion'),
        ),
        migrations.AddConstraint(
            model_name='artifact',
            constraint=models.UniqueConstraint(condition=models.Q(('version', None)), fields=('result', 'attempt', 'name'), name='artifact_once'),
        ),
        migrations.AddConstraint(
            model_name='artifact',
            constraint=models.UniqueConstraint(fields=('version', 'name'), name='artifact_once_in_version'),
        ),
        migrations.AddConstraint(
            model_name='resultversion',
            constraint=models.UniqueConstraint(fields=('result', 'number'), name='version_once'),
        ),
        migrations.RunPython(_number, migrations.RunPython.noop, elidable=True),
    ]
