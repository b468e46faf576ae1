"""Announced data streams, and sending them again."""
