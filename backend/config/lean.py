"""Imports Django REST framework without its optional dependencies, whose import takes a quarter of the start."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

__all__ = ["import_rest_framework"]

# Optional dependencies that we do not use. The fields of PostgreSQL load its driver even if the database is SQLite.
# `requests` is for a test client. YAML is for a schema that drf-spectacular makes instead.
_UNUSED = ("django.contrib.postgres.fields", "requests", "yaml")


def import_rest_framework() -> None:
    """Import ``rest_framework.compat``, which tries all optional dependencies, so that it finds none installed.

    Other code is not affected.
    """
    hidden = [name for name in _UNUSED if name not in sys.modules]
    # Python refuses to import a module whose entry in ``sys.modules`` is None.
    sys.modules.update(dict.fromkeys(hidden, cast("ModuleType", None)))
    try:
        import rest_framework.compat  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]
