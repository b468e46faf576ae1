"""The real broker, as the tests of the other services use it."""

from tests.conftest import broker

__all__ = ["broker"]
