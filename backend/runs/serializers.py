"""What the API shows of runs of every kind."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

__all__ = ["LogSerializer"]


class LogSerializer(serializers.Serializer[Any]):
    """A piece of a log; ask again from ``next_offset``. ``stored``: only the kept end of it is left."""

    text = serializers.CharField()
    offset = serializers.IntegerField()
    next_offset = serializers.IntegerField()
    stored = serializers.BooleanField()
