"""The one table between names of element types on the wire and NumPy dtypes, and the parsing of shapes.

Called by the codecs, the sinks and the backend's checks. Old sinks derive the name by ``type(element).__name__``,
so Python's and NumPy's spellings both occur (``int``, ``bool_``, ``half``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kafkaml.errors import DecodeError

__all__ = [
    "MAX_SAMPLE_ELEMENTS",
    "dtype_from_wire",
    "dtype_to_wire",
    "shape_from_wire",
    "shape_to_wire",
    "shapes_up_to_unit_axis",
]

# A shape such as "99999 99999 99999" in a control message must not exhaust a reader's memory.
MAX_SAMPLE_ELEMENTS = 1 << 28

_WIRE_NAMES: dict[str, str] = {
    **{f"{kind}{bits}": f"<{kind[0]}{bits // 8}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    "float16": "<f2",
    "float32": "<f4",
    "float64": "<f8",
    "bool": "|b1",
    "bool_": "|b1",
    # Python's own numbers, as a sink sees them in a list: NumPy stores both in 8 bytes.
    "int": "<i8",
    "float": "<f8",
    "half": "<f2",
    "single": "<f4",
    "double": "<f8",
    # The names in Java, C# and SQL. "int" is Python's; Java's has four bytes and is int32 here.
    "byte": "|i1",
    "short": "<i2",
    "long": "<i8",
    "bigint": "<i8",
}
# NumPy's short spellings, such as f4 and u1.
_CODES = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f2", "f4", "f8", "b1", "?"}
_BIG_ENDIAN_HINT = "check data_type and label_type in the sink; > in front means big-endian, as Java writes: >f4, >i4"


def dtype_from_wire(name: str) -> np.dtype[np.generic]:
    """Return the dtype that ``name`` stands for: little-endian, or big-endian where ``>`` or ``!`` begins it.

    Both a name (``float32``) and NumPy's code (``f4``) may follow ``<``, ``>``, ``=`` or ``|``. ``string`` is UTF-8
    text of any length (dtype ``S``); ``str_``, which old sinks derive from NumPy's text, is NumPy's own four bytes a
    character (dtype ``U``). Raises DecodeError for a name that no sink writes.
    """
    cleaned = name.strip().lower() if isinstance(name, str) else ""
    if cleaned in ("string", "str", "bytes", "bytes_"):
        return np.dtype("S")
    if cleaned == "str_":
        return np.dtype("<U")
    order, bare = (cleaned[0], cleaned[1:].strip()) if cleaned[:1] in (*"<>=|!",) else ("", cleaned)
    code = _WIRE_NAMES.get(bare, f"<{bare}" if bare in _CODES else None)
    if code is None:
        raise DecodeError(
            f"unknown element type {name!r}: expected one of {', '.join(sorted(_WIRE_NAMES))}, string",
            hint=_BIG_ENDIAN_HINT,
        )
    return np.dtype(code).newbyteorder(">" if order in (">", "!") else "<")


def dtype_to_wire(dtype: np.dtype[np.generic]) -> str:
    """Return the wire name of a NumPy dtype, e.g. ``uint8``; ``>f4`` for one whose bytes are in the other order.

    Raises DecodeError for kinds that RAW cannot carry.
    """
    if dtype.kind in "SU":
        return "string"
    if dtype.name not in _WIRE_NAMES:
        raise DecodeError(f"element type {dtype.name} cannot be sent as RAW", hint="convert the array to float32 first")
    return dtype.str if dtype.str.startswith(">") else dtype.name


def shape_from_wire(text: str | Sequence[int] | int | None) -> tuple[int, ...]:
    """Parse a sample's shape: ``"28 28"``, ``"(28, 28)"``, ``[28, 28]`` -> (28, 28); ``""``, None and ``"1"`` -> ().

    Raises DecodeError when an element is not a positive integer or the sample would be absurdly large.
    """
    if text is None:
        return ()
    parts: Sequence[str | int]
    if isinstance(text, str):
        parts = text.replace(",", " ").strip().strip("()[]").split()
    else:
        parts = [text] if isinstance(text, int) else list(text)
    try:
        shape = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        raise DecodeError(
            f"shape {text!r} is not a list of integers: expected for example '28 28'",
            hint="check data_reshape and label_reshape in the sink",
        ) from None
    elements = 1
    for size in shape:
        elements *= size
        if size <= 0 or elements > MAX_SAMPLE_ELEMENTS:
            raise DecodeError(
                f"shape {text!r} is not possible: every size must be at least 1 and their product at most "
                f"{MAX_SAMPLE_ELEMENTS}",
                hint="check data_reshape and label_reshape in the sink",
            )
    # The old sink writes a scalar's shape as "1"; a one-element vector and a scalar are the same bytes.
    return () if shape == (1,) else shape


def shape_to_wire(shape: Sequence[int]) -> str:
    """Write a sample's shape as old readers expect it: sizes separated by spaces, empty for a scalar."""
    return " ".join(str(size) for size in shape)


def shapes_up_to_unit_axis(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return ``shape``, and its variants with an axis of size 1 added or removed at either end.

    An image (28, 28) is (28, 28, 1) to Keras and (1, 28, 28) to PyTorch: training and serving hand it over so.
    """
    shapes = [shape, (*shape, 1), (1, *shape)]
    shapes += [shape[:-1]] if shape[-1:] == (1,) else []
    return shapes + ([shape[1:]] if shape[:1] == (1,) else [])
