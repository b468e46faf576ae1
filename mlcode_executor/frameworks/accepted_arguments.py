"""Which fit and evaluation arguments a framework takes, and of which type: checks shared by the frameworks.

The syntax of the text that users write is ``kafkaml.arguments``' business.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kafkaml.errors import ArgumentsError

__all__ = [
    "BOOLEAN",
    "CLASS_WEIGHT",
    "FRACTION",
    "FREQUENCY",
    "NATURAL",
    "OPTIONAL_POSITIVE",
    "POSITIVE",
    "SHUFFLE",
    "VERBOSE",
    "Kind",
    "check_arguments",
]


@dataclass(frozen=True)
class Kind:
    """A type of argument: ``expected`` completes "expected ..." for people."""

    expected: str
    accepts: Callable[[Any], bool]


def _is_integer(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_class(value: object) -> bool:
    # JSON turns the keys of {0: 1.0} into texts.
    return _is_integer(value, 0) or (isinstance(value, str) and value.isdecimal())


POSITIVE = Kind("a whole number of at least 1", lambda value: _is_integer(value, 1))
OPTIONAL_POSITIVE = Kind("a whole number of at least 1, or None", lambda value: value is None or _is_integer(value, 1))
NATURAL = Kind("a whole number of at least 0", lambda value: _is_integer(value, 0))
BOOLEAN = Kind("True or False", lambda value: isinstance(value, bool))
SHUFFLE = Kind("True, False or 'batch'", lambda value: isinstance(value, bool) or value == "batch")
VERBOSE = Kind("0, 1, 2 or 'auto'", lambda value: value in ("auto", 0, 1, 2))
FRACTION = Kind("a number from 0 to below 1", lambda value: _is_number(value) and 0 <= value < 1)
FREQUENCY = Kind(
    "a whole number of at least 1, or a list of epochs",
    lambda value: _is_integer(value, 1) or (isinstance(value, list) and all(_is_integer(each, 1) for each in value)),
)
CLASS_WEIGHT = Kind(
    "a weight for each class number, such as {0: 1.0, 1: 2.5}, or None",
    lambda value: (
        value is None
        or (
            isinstance(value, dict)
            and all(_is_class(key) and _is_number(weight) and weight >= 0 for key, weight in value.items())
        )
    ),
)


def check_arguments(
    arguments: Mapping[str, Any], *, accepted: Mapping[str, Kind], elsewhere: Mapping[str, str], method: str
) -> None:
    """Raise ArgumentsError for the first name that is not in ``accepted`` or whose value is not of its kind.

    ``elsewhere`` says of names that the framework knows why they cannot be given here; ``method`` is what the
    arguments are for, e.g. ``fit of Keras``.
    """
    for name, value in arguments.items():
        if name in elsewhere:
            raise ArgumentsError(f"{method}: {name} cannot be given here: {elsewhere[name]}", argument=name)
        if name not in accepted:
            close = difflib.get_close_matches(name, accepted, n=1)
            raise ArgumentsError(
                f"{method} has no argument {name!r}: accepted are {', '.join(accepted)}",
                argument=name,
                hint=f"did you mean {close[0]}?" if close else "",
            )
        if not accepted[name].accepts(value):
            raise ArgumentsError(f"{method}: {name} is {value!r}: expected {accepted[name].expected}", argument=name)
