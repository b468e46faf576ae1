"""What changed, live to the browser."""
