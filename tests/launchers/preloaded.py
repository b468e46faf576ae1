"""The modules that the warm server of the tests imports."""
