"""Databases that were made before migrations were put together."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


@pytest.mark.django_db
@pytest.mark.parametrize(("app", "last"), [("deployments", "0013_dataset"), ("inferences", "0015_minutes_and_failing")])
def test_a_database_of_the_single_steps_goes_on_after_the_one_that_replaces_them(app: str, last: str) -> None:
    executor = MigrationExecutor(connection)
    assert (app, last) in executor.loader.applied_migrations
    executor.recorder.record_unapplied(app, f"0001_squashed_{last}")
    older = MigrationExecutor(connection)
    assert older.migration_plan(older.loader.graph.leaf_nodes()) == []
