"""Stands where the real package does, for tests of the controller: a tiny worker that reports as a real one does."""
