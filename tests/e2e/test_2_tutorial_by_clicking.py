"""The tutorial by clicking alone, against the cluster: the very tests that the laptop's platform passes."""

from __future__ import annotations

import pytest

# ruff: noqa: F403  the tests and fixtures of that module, with this package's platform
from tests.browser.test_tutorial import *

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
