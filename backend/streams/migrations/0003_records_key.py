from django.db import migrations, models

from backend.streams.records_key import records_key


def fill(apps, schema_editor):
    announcements = apps.get_model('streams', 'Announcement').objects
    for row in announcements.only('message', 'sent_at').iterator():
        announcements.filter(pk=row.pk).update(records_key=records_key(row.message, row.sent_at))


class Migration(migrations.Migration):

    dependencies = [
        ('streams', '0002_refused'),
    ]

    operations = [
        migrations.AddField(
            model_name='announcement',
            name='records_key',
            field=models.CharField(db_index=True, default='', max_length=64),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
