"""What a field expects, said as the rest of the API says it, in place of the texts of Django REST framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

__all__ = ["say_what_is_expected"]

_NUMBER = {
    "max_value": "expected at most {max_value}",
    "min_value": "expected at least {min_value}",
    "max_string_length": "expected a number of fewer digits",
}
_TEXTS: Mapping[type[serializers.Field[Any, Any, Any, Any]], Mapping[str, str]] = {
    serializers.Field: {"required": "expected a value", "null": "expected a value, got null"},
    serializers.BooleanField: {"invalid": "expected true or false"},
    serializers.CharField: {
        "invalid": "expected a text",
        "blank": "expected a text that is not empty",
        "max_length": "expected at most {max_length} characters",
        "min_length": "expected at least {min_length} characters",
    },
    serializers.IntegerField: {"invalid": "expected a whole number", **_NUMBER},
    serializers.FloatField: {"invalid": "expected a number", **_NUMBER, "overflow": "expected a smaller number"},
    serializers.ListField: {
        "not_a_list": "expected a list, got {input_type}",
        "empty": "expected at least one",
        "min_length": "expected at least {min_length}",
        "max_length": "expected at most {max_length}",
    },
    serializers.DictField: {"not_a_dict": "expected an object, got {input_type}"},
    serializers.PrimaryKeyRelatedField: {
        "required": "expected a number",
        "does_not_exist": "there is no {pk_value}",
        "incorrect_type": "expected a number, got {data_type}",
    },
    serializers.ManyRelatedField: {
        "not_a_list": "expected a list of numbers, got {input_type}",
        "empty": "expected at least one",
    },
    serializers.Serializer: {"invalid": "expected an object, got {datatype}"},
}


def say_what_is_expected() -> None:
    """Replace the texts for all fields that are made from now on; fields with texts of their own keep them."""
    for kind, texts in _TEXTS.items():
        kind.default_error_messages = {**kind.default_error_messages, **texts}
