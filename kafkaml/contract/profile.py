"""Profile: the fields in a sample of records, their kinds and their values. Pure.

A field is known by its path. A list is one field, whatever it holds; the names inside objects are fields of their own.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zlib import crc32

import numpy as np

from kafkaml.codecs.json_numbers import MAX_EXACT
from kafkaml.contract.field_statistics import Floats
from kafkaml.contract.loading import VALUE, image_shape, number_of
from kafkaml.text import storable
from kafkaml.wire.contract import FieldKind

__all__ = ["MAX_FIELDS", "FieldProfile", "Path", "Profile", "profile_of", "words_of"]

Path = tuple[str, ...]
# The most fields in a profile; more are not useful, and the wire format has a bound too.
MAX_FIELDS = 500
_MAX_DEPTH = 16
_MAX_NAME = 200
_MAX_AXES = 4
# The most elements of one sample.
_MAX_ELEMENTS = 10_000_000
_MAX_COUNTED = 200
_QUOTED = 60
# Share of values that must have a kind, so that the others count as odd.
_NEARLY_ALL = 0.98

_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?\s?(Z|[+-]\d\d:?(\d\d)?)?)?")
_TIME_NAME = re.compile(
    r"(^|_)(time|times|timestamp|ts|at|on|date|datetime|day|created|updated|modified|since|when|epoch|millis|ms)($|_)"
)
# Plausible times, from 2000-01-01 to 2100-01-01 in seconds, and how many of each unit make a second.
_EPOCH = (946_684_800, 4_102_444_800)
_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)
_NEAR_MS = 7 * 86_400_000


@dataclass
class FieldProfile:
    """A field and its value in each record; None where it is missing, or not of the usual kind.

    ``numbers`` has one finite number per record, NaN where there is none. Numbers in texts (``text_numbers``, with
    ``decimal`` between whole and fraction), times (milliseconds since 1970) and booleans count as numbers. ``shape`` is
    the shape of lists of numbers and of pictures. ``odd_places`` are the records in which the field has another kind.
    ``large`` is one of its integers that float64 cannot hold. ``trouble`` is the reason why no column can be made from
    the field. ``counts`` has the most frequent of the ``distinct`` values; lists have neither.
    """

    path: Path
    kind: FieldKind
    values: list[Any]
    missing: float
    odd_places: set[int]
    numbers: Floats | None = None
    text_numbers: bool = False
    decimal: str = "."
    whole: bool = False
    shape: tuple[int, ...] = ()
    large: int | None = None
    trouble: str = ""
    present: int = 0
    distinct: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.take(self.values)

    def take(self, values: list[Any]) -> None:
        """Replace the values and count those that are present."""
        self.values = values
        self.present = sum(value is not None for value in values)

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def odd(self) -> float:
        """The share of records in which the field has another kind."""
        return len(self.odd_places) / max(1, len(self.values))


@dataclass(frozen=True)
class Profile:
    """All fields in order of first appearance; ``left_out`` counts those beyond the limit."""

    fields: Sequence[FieldProfile]
    left_out: int = 0


def profile_of(samples: Sequence[Any], timestamps_ms: Sequence[int], *, texts: bool = False) -> Profile:
    """Return the fields of ``samples``. An array or bytes are a single field, ``VALUE``.

    ``timestamps_ms`` are Kafka's. ``texts`` says that all values come as texts (CSV). Texts that hold numbers or
    booleans then count as numbers or booleans.
    """
    rows: dict[Path, list[Any]] = {}
    for place, sample in enumerate(samples):
        leaves = _leaves(sample, ()) if isinstance(sample, dict) else (((VALUE,), sample),)
        for path, value in leaves:
            values = rows.get(path)
            if values is None:
                values = rows[path] = [None] * len(samples)
            values[place] = value
    _drop_clashes(rows)
    kept = sorted(rows, key=lambda path: sum(value is not None for value in rows[path]), reverse=True)[:MAX_FIELDS]
    chosen = set(kept)
    fields = [_field(path, values, timestamps_ms, texts=texts) for path, values in rows.items() if path in chosen]
    return Profile(fields, len(rows) - len(chosen))


def words_of(name: str) -> str:
    """Return ``eventTime`` and ``event-time`` as ``event_time``."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")


def _leaves(sample: Mapping[Any, Any], above: Path) -> Iterator[tuple[Path, Any]]:
    for key, value in sample.items():
        if not isinstance(key, str) or not key or len(key) > _MAX_NAME or storable(key) != key:
            # Such a key cannot be named in an expression.
            continue
        path = (*above, key)
        if not isinstance(value, dict):
            yield path, value
        elif not value:
            yield path, None
        elif len(path) < _MAX_DEPTH:
            yield from _leaves(value, path)


def _drop_clashes(rows: dict[Path, list[Any]]) -> None:
    """For a name that is sometimes a value and sometimes an object, keep the more frequent."""
    inner: dict[Path, list[Path]] = {}
    for path in rows:
        for length in range(1, len(path)):
            inner.setdefault(path[:length], []).append(path)
    for path in [path for path in inner if path in rows]:
        own = sum(value is not None for value in rows[path])
        below = max(
            (sum(value is not None for value in rows[inner_path]) for inner_path in inner[path] if inner_path in rows),
            default=0,
        )
        for inner_path in inner[path] if own > below else [path]:
            rows.pop(inner_path, None)


def _field(path: Path, values: list[Any], timestamps_ms: Sequence[int], *, texts: bool) -> FieldProfile:
    groups = [_group(value) for value in values]
    votes = Counter(group for group in groups if group)
    if not votes:
        return FieldProfile(path, FieldKind.TEXT, [None] * len(values), 1.0, set(), trouble="it is always null")
    usual = votes.most_common(1)[0][0]
    count = max(1, len(values))
    kept = [value if group == usual else None for group, value in zip(groups, values, strict=True)]
    missing = groups.count("") / count
    odd = {place for place, group in enumerate(groups) if group not in ("", usual)}
    found = FieldProfile(path, _KINDS[usual], kept, missing, odd)
    _FILLERS[usual](found, timestamps_ms, texts)
    if not found.counts and usual != "list":
        _count(found)
    return found


def _count(found: FieldProfile) -> None:
    counts = Counter(found.values)
    del counts[None]
    found.distinct = len(counts)
    found.counts = Counter()
    for value, count in counts.most_common(_MAX_COUNTED):
        found.counts[_text(value)] += count


_GROUPS = {type(None): "", bool: "boolean", int: "number", float: "number", str: "text", list: "list"}


def _group(value: Any) -> str:
    """Return the group of kinds that a value belongs to; one field may mix kinds within a group."""
    known = _GROUPS.get(type(value))
    if known is not None:
        return known
    match value:
        case Decimal():
            return "number"
        case datetime() | date() | time():
            return "time"
        case bytes() | bytearray():
            return "bytes"
        case tuple() | np.ndarray():
            return "list"
        case np.generic():
            return "number"
    return "text"


_KINDS = {
    "boolean": FieldKind.BOOLEAN,
    "number": FieldKind.NUMBER,
    "text": FieldKind.TEXT,
    "time": FieldKind.TIME,
    "bytes": FieldKind.BYTES,
    "list": FieldKind.NUMBERS,
}


def _fill_booleans(found: FieldProfile, _timestamps_ms: Sequence[int], _texts: bool) -> None:
    found.numbers = _floats([None if value is None else float(value) for value in found.values])
    found.whole = True


def _fill_numbers(found: FieldProfile, timestamps_ms: Sequence[int], _texts: bool) -> None:
    if not {type(value) for value in found.values} <= {int, float, type(None)}:
        found.take([_plain(value) for value in found.values])
    found.numbers = _floats(found.values)
    _count(found)
    found.whole = not any(type(value) is float for value in found.values)
    found.kind = FieldKind.INTEGER if found.whole else FieldKind.NUMBER
    _fill_large(found)
    if found.whole:
        _fill_epochs(found, timestamps_ms)


def _fill_texts(found: FieldProfile, timestamps_ms: Sequence[int], texts: bool) -> None:
    if not {type(value) for value in found.values} <= {str, type(None)}:
        found.take([value if value is None or isinstance(value, str) else str(value) for value in found.values])
    _count(found)
    if _fill_text_numbers(found, texts):
        if texts:
            _fill_epochs(found, timestamps_ms)
        return
    present = max(1, found.present)
    if texts and {count.lower() for count in found.counts} <= {"true", "false"}:
        found.kind = FieldKind.BOOLEAN
        found.take([None if value is None else value.lower() == "true" for value in found.values])
        _fill_booleans(found, timestamps_ms, texts)
        return
    moments = [None if value is None else _moment(value) for value in found.values]
    if sum(moment is not None for moment in moments) >= _NEARLY_ALL * present:
        found.kind = FieldKind.TIME
        found.numbers = _floats(moments)


def _fill_text_numbers(found: FieldProfile, texts: bool) -> bool:
    present = found.present
    for decimal in (".", ","):
        numbers = [None if value is None else number_of(value, decimal) for value in found.values]
        read = [number for number in numbers if number is not None]
        if len(read) < _NEARLY_ALL * present or not read:
            continue
        found.decimal = decimal
        found.whole = all(isinstance(number, int) for number in read)
        found.numbers = _floats(numbers)
        found.text_numbers = not texts
        if texts:
            found.kind = FieldKind.INTEGER if found.whole else FieldKind.NUMBER
            found.odd_places |= _lost(found.values, numbers)
            found.take(numbers)
            _fill_large(found)
        return True
    return False


def _fill_times(found: FieldProfile, _timestamps_ms: Sequence[int], _texts: bool) -> None:
    moments = [_milliseconds(value) for value in found.values]
    found.numbers = _floats(moments)
    if all(moment is None for moment in moments):
        found.trouble = "it is a time of day, without a date"


def _fill_bytes(found: FieldProfile, _timestamps_ms: Sequence[int], _texts: bool) -> None:
    shapes = Counter(image_shape(bytes(value)) for value in found.values if value is not None)
    shape, count = shapes.most_common(1)[0]
    if shape is not None and count >= _NEARLY_ALL * found.present and math.prod(shape) <= _MAX_ELEMENTS:
        # Grey pictures have no colour axis.
        found.shape = shape[:2] if shape[2] == 1 else shape
    else:
        found.trouble = "it is bytes, and no picture of one size (PNG, JPEG)"


def _fill_lists(found: FieldProfile, _timestamps_ms: Sequence[int], _texts: bool) -> None:
    shapes: Counter[tuple[int, ...] | None] = Counter()
    arrays: list[Floats | None] = []
    for value in found.values:
        array = None if value is None else _array(value)
        arrays.append(array)
        if value is not None:
            shapes[None if array is None else array.shape] += 1
    shape, count = shapes.most_common(1)[0]
    if shape is None:
        found.trouble = "it is a list of something other than numbers"
        return
    if count < 0.9 * found.present:
        found.trouble = f"its lists have different lengths ({shape[0] if shape else 0} most often)"
        return
    if not 0 < math.prod(shape) <= _MAX_ELEMENTS:
        found.trouble = "its lists are empty" if not math.prod(shape) else "its lists are too long"
        return
    found.shape = shape
    kept = [
        value if array is not None and array.shape == shape else None
        for value, array in zip(found.values, arrays, strict=True)
    ]
    found.odd_places |= _lost(found.values, kept)
    found.take(kept)
    same = [array for array in arrays if array is not None and array.shape == shape]
    # Some of the numbers are enough for statistics.
    budget = max(1, 400_000 // math.prod(shape))
    stacked = np.stack(same[:: max(1, len(same) // budget)])
    found.numbers = stacked.reshape(-1)
    found.whole = bool((stacked == np.floor(stacked)).all())


def _lost(before: Sequence[Any], after: Sequence[Any]) -> set[int]:
    return {
        place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old is not None and new is None
    }


def _array(value: Any) -> Floats | None:
    """Return a (nested) list of numbers as an array, None for anything else; booleans and texts are not numbers."""
    if isinstance(value, np.ndarray):
        array = value.astype(np.float64)
    else:
        if not _only_numbers(value, 0):
            return None
        try:
            array = np.array(value, np.float64)
        except (ValueError, TypeError, OverflowError):
            return None
    return array if 1 <= array.ndim <= _MAX_AXES else None


def _only_numbers(value: Any, depth: int) -> bool:
    if depth >= _MAX_AXES:
        return False
    kinds = set(map(type, value))
    if kinds <= {int, float, Decimal}:
        return True
    return kinds <= {list, tuple} and all(_only_numbers(element, depth + 1) for element in value)


_FILLERS = {
    "boolean": _fill_booleans,
    "number": _fill_numbers,
    "text": _fill_texts,
    "time": _fill_times,
    "bytes": _fill_bytes,
    "list": _fill_lists,
}


def _fill_large(found: FieldProfile) -> None:
    found.large = next((value for value in found.values if isinstance(value, int) and abs(value) > MAX_EXACT), None)


def _fill_epochs(found: FieldProfile, timestamps_ms: Sequence[int]) -> None:
    """Read numbers as times since 1970 where the name suggests it, or where they are near Kafka's timestamps."""
    if found.numbers is None or not found.whole:
        return
    numbers = found.numbers[np.isfinite(found.numbers)]
    unit = next(
        (
            unit
            for unit in _UNITS
            if len(numbers) and ((numbers >= _EPOCH[0] * unit) & (numbers < _EPOCH[1] * unit)).all()
        ),
        None,
    )
    if unit is None:
        return
    moments = found.numbers * (1000 / unit)
    named = _TIME_NAME.search(words_of(found.path[-1])) is not None
    kafka = np.array(timestamps_ms, np.float64)
    with np.errstate(invalid="ignore"):
        near = np.abs(moments - kafka) < _NEAR_MS
    if named or (unit > 1 and near.sum() >= 0.95 * len(numbers)):
        found.kind, found.numbers, found.large = FieldKind.TIME, moments, None


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else math.nan
    return value.item() if isinstance(value, np.generic) else value


def _floats(values: Sequence[Any]) -> Floats:
    """Return ``values`` as numbers; NaN for None and for numbers that are too large."""
    try:
        # NumPy turns None into NaN.
        found = np.array(values, np.float64)
    except OverflowError:
        found = np.array([_float(value) for value in values])
    found[~np.isfinite(found)] = math.nan
    return found


def _float(value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except OverflowError:
        return math.nan


def _moment(text: str) -> float | None:
    if _ISO.fullmatch(text.strip()) is None:
        return None
    try:
        return _milliseconds(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        return None


def _milliseconds(value: Any) -> float | None:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    else:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return moment.timestamp() * 1000
    except (ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    """Return a value as the text that is shown and counted, cut to a limit."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        return f"{len(value)} bytes: {bytes(value[:12]).hex()}"
    if isinstance(value, int) and abs(value) >= 10**40:
        # Formatting an integer with more digits would take long.
        return "a whole number of more than 40 digits"
    text = storable(str(value))
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}... ({len(text)} characters, {crc32(text.encode()):08x})"
