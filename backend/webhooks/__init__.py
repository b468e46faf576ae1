"""Webhooks: notify other systems of events, by signed HTTP requests."""
