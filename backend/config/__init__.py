"""Wiring of the backend: settings, the URL map, the ASGI application, the server's configuration."""
