"""``copy_artifacts``: copy trained models from the disk into the object store, for a platform that had none before."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.api.errors import NotFound
from backend.config.environment import environment
from backend.deployments import storage
from backend.deployments.models import Artifact


class Command(BaseCommand):
    """May be run again, and while the platform works, because files that are in the store already stay as they are."""

    help = "Copy trained models from the disk into the object store that KML_S3_BUCKET names."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not environment().s3_bucket:
            raise CommandError("KML_S3_BUCKET names no bucket: set it, then run this again")
        copied = present = 0
        lost: list[str] = []
        for artifact in Artifact.objects.order_by("pk").iterator():
            try:
                needed = storage.copy_to_store(artifact)
            except NotFound as error:
                lost.append(error.message)
                continue
            copied, present = copied + needed, present + (not needed)
        self.stdout.write(f"{copied} copied, {present} were there before")
        if lost:
            raise CommandError(f"{len(lost)} are lost:\n" + "\n".join(lost))
