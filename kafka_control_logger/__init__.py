"""Registers what sinks announce on the control topic with the backend, each once. ``relay`` is the loop."""
