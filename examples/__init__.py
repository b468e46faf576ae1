"""Examples that run against a running platform. ``python -m examples.demo`` is ``make demo``."""
