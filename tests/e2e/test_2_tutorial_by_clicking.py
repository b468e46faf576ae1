"""The tutorial by clicking alone, against the cluster, with the same tests as for the laptop's platform."""

from __future__ import annotations

import pytest

# ruff: noqa: F403  the tests and fixtures of that module, with this package's platform
from tests.browser.test_tutorial import *

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
