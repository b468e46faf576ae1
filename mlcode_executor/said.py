"""Reads class and text of a user's error safely, although its class may lie, raise or return anything.

Called inside the model process; the runner trusts nothing of it and checks again (``protocol.error_from_json``).
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["class_of", "text_of"]

# Read the name from the type object itself, because a user's metaclass may override __name__.
_NAME = type.__dict__["__name__"]
_UNSPEAKABLE = "(its text cannot be shown)"


def class_of(error: BaseException) -> str:
    """Return the name of an error's class."""
    return _plain(_NAME.__get__(type(error)))


def text_of(error: BaseException, read: Callable[[BaseException], object] = str) -> str:
    """Return the stripped text that ``read`` gives for an error, or a placeholder where it raises."""
    try:
        return _plain(str(read(error))).strip()
    except BaseException:  # noqa: BLE001  a class of the user's own may raise anything
        return _UNSPEAKABLE


def _plain(text: str) -> str:
    """Return ``text`` as Python's own str, which a subclass of the user's is not, with halves of characters escaped."""
    return str.encode(text, "utf-8", "backslashreplace").decode()
