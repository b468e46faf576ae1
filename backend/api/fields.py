"""Fields and converters that several rooms use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.urls.converters import IntConverter, StringConverter
from rest_framework import serializers

from kafkaml.codecs import formats
from kafkaml.errors import RefusedError, StreamRangeError
from kafkaml.starts import MAX_START, parsed_start
from kafkaml.stream_range import check_topic_name

__all__ = [
    "ArtifactNameConverter",
    "BootstrapServersField",
    "FormatConfigField",
    "FormatField",
    "IdConverter",
    "NameField",
    "OrderingField",
    "StartField",
    "TextField",
    "TopicField",
    "TopicNameConverter",
]

# Terminal escapes and line breaks must not be in a name that tables and logs show.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class IdConverter(IntConverter):
    """Ids in addresses: numbers that fit the database's integers, without leading zeros."""

    regex = "[1-9][0-9]{0,17}"


class FormatField(serializers.ChoiceField):
    """The name of a format of streams; one of those registered at the time of the request."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[(format_.name, f"Format: {format_.title}.") for format_ in formats()], **kwargs)


class FormatConfigField(serializers.DictField):
    """The settings of a format; longer ones than any format has are refused."""

    _MAX_TEXT = 200_000

    def to_internal_value(self, data: Any) -> Any:
        config = super().to_internal_value(data)
        if len(repr(config)) > self._MAX_TEXT:
            raise serializers.ValidationError(f"the settings are longer than {self._MAX_TEXT} characters")
        return config


class NameField(serializers.CharField):
    """A name: one line of 1 to 100 characters."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 100)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        if _CONTROL.search(text):
            raise serializers.ValidationError("expected one line of text without control characters")
        return text


class OrderingField(serializers.ChoiceField):
    """The order of a list: a field, or a field with a minus."""

    def __init__(self, orders: Iterable[str], **kwargs: Any) -> None:
        choices = [
            (order, f"By {order.removeprefix('-')}, {'descending' if order.startswith('-') else 'ascending'}.")
            for order in orders
        ]
        super().__init__(choices=choices, help_text="Order of the list.", **kwargs)


class TextField(serializers.CharField):
    """Free text or source code, kept as it is."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("allow_blank", True)
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)


class TopicField(serializers.CharField):
    """The name of a Kafka topic."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 249)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        try:
            return check_topic_name(text)
        except StreamRangeError as error:
            raise serializers.ValidationError(error.message) from error


class BootstrapServersField(serializers.CharField):
    """Brokers as Kafka's clients take them: comma-separated host:port."""

    _FORM = re.compile(r"[A-Za-z0-9.\-\[\]:]{3,260}(,[A-Za-z0-9.\-\[\]:]{3,260}){0,19}")

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 1000)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        servers: str = super().to_internal_value(data).replace(" ", "")
        if servers and not self._FORM.fullmatch(servers):
            raise serializers.ValidationError("expected comma-separated host:port")
        return servers


class StartField(serializers.CharField):
    """Where a consumer group without committed offsets begins to read."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_START, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        start: str = super().to_internal_value(data)
        try:
            parsed_start(start)
        except RefusedError as error:
            raise serializers.ValidationError(f"{error.message}; {error.hint}") from error
        return start


class ArtifactNameConverter(StringConverter):
    """Names of artifacts in addresses."""

    regex = "[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"


class TopicNameConverter(StringConverter):
    """Names of Kafka topics in addresses."""

    regex = r"[a-zA-Z0-9._-]{1,249}"

    def to_python(self, value: str) -> str:
        if value in (".", ".."):
            raise ValueError(value)
        return value
