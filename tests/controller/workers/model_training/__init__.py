"""Replaces the real package in tests of the controller: a tiny worker that reports as the real one does."""
