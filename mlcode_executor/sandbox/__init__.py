"""What keeps a model process from everything but its own work: isolation levels and limits."""
