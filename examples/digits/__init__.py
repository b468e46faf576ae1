"""Handwritten digits, from a stream to predictions: the demo."""
