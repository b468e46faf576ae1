"""Plugin of pytest, loaded before all others: tests never see, use or change the platform of the developer who runs
them.

Loaded by ``-p`` in pyproject.toml, because the backend's settings are read before any conftest.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

for _name in [name for name in os.environ if name.startswith("KML_") and not name.startswith("KML_TEST_")]:
    del os.environ[_name]
os.environ.pop("DATABASE_URL", None)
# Containers often set it, and then each of the many test processes would compile everything it imports.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    sys.dont_write_bytecode = False
# A server of PostgreSQL for the backend's tests, which otherwise use SQLite: scripts/test-postgresql.
if _url := os.environ.get("KML_TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = _url
os.environ["KML_STATE_DIR"] = tempfile.mkdtemp(prefix="kml-test-")
atexit.register(shutil.rmtree, os.environ["KML_STATE_DIR"], ignore_errors=True)
