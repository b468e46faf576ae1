"""RecordFilter: which records a reader asks for, by a text or by a regular expression. Pure; used for pages and for the
live tail.

Expressions run on the engine of polars. It never goes back in the text, so its time is the product of the lengths of
text and expression, and both are bounded here. Python's own could hold a process for hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from kafkaml.errors import RefusedError
from kafkaml.records import Record

__all__ = ["RecordFilter", "check_expression"]

# The most characters of a key, a value or a header that an expression is compared with, and of those that are compared
# in one call.
_MAX_CHARACTERS = 64 << 10
# The most steps of an expression: its characters, multiplied by its counted repetitions. A call then takes about 2
# seconds at most.
_MAX_STEPS = 1000
# A counted repetition such as {3,5}, with what it repeats: a group or another repetition, or one character.
_COUNTED = re.compile(r"(?P<of>.?)\{(?P<least>\d+)(?:,(?P<most>\d*))?\}", re.DOTALL)


class RecordFilter:
    """Tells which records hold ``contains`` and match the expression ``matches`` in their key, value or headers, in any
    case.

    Empty ones leave nothing out.
    """

    def __init__(self, *, contains: str = "", matches: str = "") -> None:
        self._needle = contains.lower()
        self._expression = _in_any_case(matches) if matches else ""

    def __bool__(self) -> bool:
        """Whether any record may be left out."""
        return bool(self._needle or self._expression)

    def fits(self, records: Iterable[Record]) -> Iterator[bool]:
        """Yield for each record whether it is kept. The work is done as it is asked for, some records at a time."""
        if not self._expression:
            yield from (not self._needle or self._holds(list(_texts(record))) for record in records)
            return
        waiting: list[list[str]] = []
        characters = 0
        for record in records:
            texts = [text[:_MAX_CHARACTERS] for text in _texts(record)]
            waiting.append(texts if not self._needle or self._holds(texts) else [])
            characters += sum(map(len, waiting[-1]))
            if characters > _MAX_CHARACTERS:
                yield from self._matching(waiting)
                waiting, characters = [], 0
        yield from self._matching(waiting)

    def _holds(self, texts: Sequence[str]) -> bool:
        return any(self._needle in text.lower() for text in texts)

    def _matching(self, records: Sequence[Sequence[str]]) -> list[bool]:
        column = pl.Series([text for texts in records for text in texts], dtype=pl.String)
        found = iter(column.str.contains(self._expression))
        return [sum(next(found) for _ in texts) > 0 for texts in records]


def check_expression(expression: str) -> str:
    """Return ``expression`` if the engine takes it and it is fast enough; raises RefusedError with the reason."""
    if _steps(expression) > _MAX_STEPS:
        raise RefusedError(
            f"counted repetitions such as {{9}} come to more than {_MAX_STEPS} steps: use fewer, or * and + instead"
        )
    try:
        pl.Series([""]).str.contains(_in_any_case(expression))
    except pl.exceptions.ComputeError as error:
        reasons = re.findall(r"error: (?!regex parse)(.+)", str(error))
        raise RefusedError(f"not a regular expression: {reasons[-1] if reasons else 'unknown'}") from error
    return expression


def _steps(expression: str) -> int:
    """Return at least how many steps the expression has; every repeated group is taken as repeating the whole."""
    alone, repeats = len(expression), 1
    for found in _COUNTED.finditer(expression):
        count = max(int(found["least"]), int(found["most"] or 0), 1)
        if found["of"] in (")", "}", ""):
            repeats *= count
        else:
            alone += count
    return alone * repeats


def _in_any_case(expression: str) -> str:
    return f"(?i){expression}"


def _texts(record: Record) -> Iterator[str]:
    """The parts of a record as text. A text is looked for in one part at a time."""
    for part in (record.key, record.value, *(header for _, header in record.headers)):
        if part:
            yield part.decode("utf-8", "replace")
    for name, _ in record.headers:
        yield name
