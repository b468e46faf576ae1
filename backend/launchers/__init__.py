"""Launchers: how work is started and stopped, as processes on a laptop or in a cluster. Knows no Django."""
