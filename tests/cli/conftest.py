"""A fixture for all tests of the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafka_ml_cli.output import console


@pytest.fixture(autouse=True)
def _console_of_its_own() -> Iterator[None]:
    """Each test gets a new console, because a console keeps the width that the environment set when it was made."""
    console.cache_clear()
    yield
    console.cache_clear()
