"""Models: source code that the executors have checked."""
