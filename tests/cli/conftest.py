"""What all tests of the command line have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kafka_ml_cli.output import console


@pytest.fixture(autouse=True)
def _console_of_its_own() -> Iterator[None]:
    """The console is made once in a process, as wide as the environment said then: so tests get a new one each time."""
    console.cache_clear()
    yield
    console.cache_clear()
