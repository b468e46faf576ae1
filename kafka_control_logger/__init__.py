"""Registers each announcement from the control topic with the backend exactly once. ``relay`` is the loop."""
