"""Health, versions and components."""
