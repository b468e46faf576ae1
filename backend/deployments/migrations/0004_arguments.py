from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from backend.deployments.arguments import read_arguments

# The frameworks of the columns that were.
_FRAMEWORKS = ("tensorflow", "pytorch")


def _fill(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    for deployment in apps.get_model("deployments", "Deployment").objects.iterator():
        deployment.arguments = read_arguments(
            {
                framework: {
                    purpose: getattr(deployment, f"{framework}_{purpose}_arguments") for purpose in ("fit", "evaluation")
                }
                for framework in _FRAMEWORKS
            }
        )
        deployment.save(update_fields=["arguments"])


class Migration(migrations.Migration):
    dependencies = [("deployments", "0003_split_and_targets")]

    operations = [
        migrations.AddField(
            model_name="deployment",
            name="arguments",
            field=models.JSONField(
                default=dict, help_text="{framework: {purpose: {text, values}}}, see arguments.py"
            ),
        ),
        migrations.RunPython(_fill, migrations.RunPython.noop),
        *(
            migrations.RemoveField(model_name="deployment", name=f"{framework}_{purpose}_arguments")
            for framework in _FRAMEWORKS
            for purpose in ("fit", "evaluation")
        ),
    ]
