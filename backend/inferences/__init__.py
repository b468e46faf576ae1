"""Trained models that answer on topics."""
