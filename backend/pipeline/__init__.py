"""The whole at a glance: what flows from streams through training to predictions, for the home page."""
