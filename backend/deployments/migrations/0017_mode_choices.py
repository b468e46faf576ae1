from django.db import migrations, models

import backend.deployments.models


class Migration(migrations.Migration):
    dependencies = [
        ('deployments', '0016_run_table'),
    ]

    operations = [
        migrations.AlterField(
            model_name='deployment',
            name='mode',
            field=models.CharField(choices=backend.deployments.models.mode_choices, default='classic', max_length=20),
        ),
    ]
