"""Imports Django REST framework without its optional dependencies, whose import takes a quarter of the start."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

__all__ = ["import_rest_framework"]

# Fields of PostgreSQL bring its driver, also where the database is SQLite; requests is for a client of tests; YAML is
# for a schema that drf-spectacular makes instead.
_UNUSED = ("django.contrib.postgres.fields", "requests", "yaml")


def import_rest_framework() -> None:
    """Import its ``compat``, which tries them all; so that it finds none of them installed. Other code is
    not affected.
    """
    hidden = [name for name in _UNUSED if name not in sys.modules]
    # What is None there cannot be imported.
    sys.modules.update(dict.fromkeys(hidden, cast("ModuleType", None)))
    try:
        import rest_framework.compat  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]
