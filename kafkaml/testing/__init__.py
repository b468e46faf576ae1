"""Fakes that behave like the real parts, for the tests of every service."""
