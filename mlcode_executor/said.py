"""What an error of user code says: its class may lie, raise and answer with anything, and is asked here all the same.

Called inside the model process; the runner trusts nothing of it and checks again (``protocol.error_from_json``).
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["class_of", "text_of"]

# Of the class itself: a metaclass of the user's may have a __name__ of its own.
_NAME = type.__dict__["__name__"]
_UNSPEAKABLE = "(its text cannot be shown)"


def class_of(error: BaseException) -> str:
    """Return the name of an error's class."""
    return _plain(_NAME.__get__(type(error)))


def text_of(error: BaseException, read: Callable[[BaseException], object] = str) -> str:
    """Return what ``read`` gives of an error, without white space around it; words of ours where that raises."""
    try:
        return _plain(str(read(error))).strip()
    except BaseException:  # noqa: BLE001  a class of the user's own may raise anything
        return _UNSPEAKABLE


def _plain(text: str) -> str:
    """Return ``text`` as Python's own str, which a subclass of the user's is not, with halves of characters escaped."""
    return str.encode(text, "utf-8", "backslashreplace").decode()
