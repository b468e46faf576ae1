"""What the warm server of the tests imports."""
