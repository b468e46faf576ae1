"""Examples that run against a running platform. ``python -m examples.digits`` is ``make demo``."""
