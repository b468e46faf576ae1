"""Stops, after each file, the inferences that its tests started on the shared platform."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import shares_platform
from tests.platform import Platform, stopping_inferences


@pytest.fixture(scope="module", autouse=True)
def _serving_ends(request: pytest.FixtureRequest) -> Iterator[None]:
    if not shares_platform(request.node.nodeid):
        yield
        return
    platform: Platform = request.getfixturevalue("platform")
    with stopping_inferences(platform):
        yield
