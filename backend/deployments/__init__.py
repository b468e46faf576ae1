"""Deployments and their training results."""
