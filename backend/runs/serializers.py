"""What the API shows of runs of every kind."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

__all__ = ["LogSerializer"]


class LogSerializer(serializers.Serializer[Any]):
    """A piece of a log. It begins at byte ``offset``, and the next piece at byte ``next_offset``. ``stored`` means that
    only the end of the log was kept.
    """

    text = serializers.CharField()
    offset = serializers.IntegerField()
    next_offset = serializers.IntegerField()
    stored = serializers.BooleanField()
