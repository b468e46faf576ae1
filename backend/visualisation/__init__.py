"""Predictions shown live: read from an output topic, summed up here, sent as server-sent events."""
