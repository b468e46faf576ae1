"""The whole URL map on one page."""

from __future__ import annotations

urlpatterns: list[object] = []
